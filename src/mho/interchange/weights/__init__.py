"""Trained networks from other tools, as graphs of Equinox layers."""

from mho.interchange.weights.equinox_leaves import read_equinox as read_equinox
from mho.interchange.weights.filling import filled as filled
from mho.interchange.weights.onnx_file import graph_of_onnx as graph_of_onnx
from mho.interchange.weights.onnx_file import read_onnx as read_onnx
from mho.interchange.weights.reading import read_network as read_network
from mho.interchange.weights.safetensors_file import read_safetensors as read_safetensors
from mho.interchange.weights.torch_file import read_torch as read_torch
