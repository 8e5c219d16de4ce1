"""``mho chip``: a network laid out, programmed, tested over time; and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy
from typer.testing import CliRunner

from mho.cli.application import application

INPUTS, CLASSES, SAMPLES = 12, 3, 60


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A layer that names the largest of its inputs' three sums, and samples labelled by it."""
    folder = tmp_path_factory.mktemp("network")
    draw = np.random.default_rng(0)
    weight = np.repeat(np.eye(CLASSES), INPUTS // CLASSES, axis=1).astype(np.float32)
    safetensors.numpy.save_file(
        {"fc.weight": weight, "fc.bias": np.zeros(CLASSES, np.float32)}, folder / "net.safetensors"
    )
    safetensors.numpy.save_file(
        {"fc.weight": 0.5 * weight, "fc.bias": np.zeros(CLASSES, np.float32)}, folder / "other.safetensors"
    )
    x = draw.uniform(0.0, 1.0, (SAMPLES, INPUTS))
    labels = np.argmax(x @ weight.T, axis=1)
    np.savez(folder / "data.npz", images=x, labels=labels)
    np.savez(folder / "image.npz", images=x.reshape(-1, 3, 4), labels=labels)
    np.savez(folder / "short.npz", images=x[:, 1:], labels=labels)
    weight[1, 2] = np.inf
    safetensors.numpy.save_file(
        {"fc.weight": weight, "fc.bias": np.zeros(CLASSES, np.float32)}, folder / "inf.safetensors"
    )
    np.savetxt(folder / "data.csv", np.c_[x, labels], delimiter=",")
    return folder


def asked(*words: object):
    return CliRunner().invoke(application, ["chip", *map(str, words)])


def test_map_lays_out_without_programming(files):
    found = asked("map", files / "net.safetensors", "--activation", "relu", "--rows", 8, "--columns", 8)
    assert found.exit_code == 0, found.output
    assert "fc" in found.output
    assert "2 of 2 arrays of 8 x 8 used, 56.2 % of their cells" in found.output  # two blocks of 6 x 3 pairs


def test_a_chip_is_programmed_kept_and_tested_over_time(files, tmp_path):
    common = ("--activation", "relu", "--rows", 16, "--columns", 16)
    net, data, kept = files / "net.safetensors", files / "data.npz", tmp_path / "chip.npz"
    found = asked("program", net, *common, "--data", data, "--calibration", 20, "--out", kept)
    assert found.exit_code == 0, found.output
    assert kept.exists()
    options = (*common, "--calibration", 20, "--times", "1 s, 1 day")
    found = asked("evaluate", net, files / "data.csv", *options, "--programmings", 2, "--json", tmp_path / "a.json")
    assert found.exit_code == 0, found.output
    result = json.loads((tmp_path / "a.json").read_text())
    assert result["samples"] == SAMPLES - 20
    assert result["in_software"] == 1.0
    assert np.shape(result["accuracy"]["global"]) == (2, 2)
    assert np.mean(result["accuracy"]["none"]) > 0.7  # three sums that lie apart, errors of 4 %
    found = asked("evaluate", net, data, *options, "--chip", kept, "--plot", tmp_path / "a.svg")
    assert found.exit_code == 0, found.output
    assert "1 day" in found.output
    assert "an inference" in found.output
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    found = asked("evaluate", files / "other.safetensors", data, *options, "--chip", kept)
    assert found.exit_code == 2, found.output
    assert "other weights of 'fc'" in found.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("map", "nothing.onnx"), "cannot be read"),
        (("map", "{net}", "--grouped", "both"), "block or separate"),
        (("map", "{net}", "--rows", "8", "--columns", "8", "--arrays", "1"), "need 2 arrays"),
        (("map", "{net}", "--device", "selector_ots"), "neither statistics"),
        (("map", "{net}", "--digital", "fc9"), "There is fc."),
        (("map", "{inf}"), "1 of 36 weights of 'fc' are not finite"),
        (
            ("program", "{net}", "--data", "{image}"),
            "(3, 4), which the network does not take: its first layer takes 12",
        ),
        (("program", "{net}", "--data", "{image}"), "Give --shape 12."),
        (("evaluate", "{net}", "{short}", "--calibration", "20"), "of the shape that it was trained with"),
        (("evaluate", "{net}", "{data}", "--seed", "-1"), "--seed"),
        (("evaluate", "{net}", "{data}", "--times", "1 day, 1 s"), "ascending"),
        (("evaluate", "{net}", "{data}", "--compensate", "love"), "name some of"),
        (("evaluate", "{net}", "{data}", "--shape", "5,5"), "25"),
        (("evaluate", "{net}", "{data}", "--calibration", "60"), "some are left"),
        (("evaluate", "{net}", "{data}", "--calibration", "20", "--chip", "{data}"), "no snapshot"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(files, words, message):
    places = {name: files / f"{name}.safetensors" for name in ("net", "inf")}
    places |= {name: files / f"{name}.npz" for name in ("data", "image", "short")}
    found = asked(*(word.format(**places) for word in words), "--activation", "relu")
    assert found.exit_code == 2, found.output
    assert message in found.output
    assert "Traceback" not in found.output


@pytest.mark.parametrize("verb", ["map", "program", "evaluate"])
def test_help_teaches_by_example(verb):
    found = asked(verb, "--help")
    assert found.exit_code == 0
    assert f"mho chip {verb} digits.onnx" in found.output
