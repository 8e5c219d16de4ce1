"""Reading netlists: lines, scopes, subcircuits, initial values; and a clear end for what cannot be read."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mho import circuits as mc
from mho.core import NetlistError
from mho.interchange.spice import read_spice

TAIL = "\n.tran 1n 10n\n.end\n"


@pytest.fixture
def read(tmp_path):
    def reading(text, **files):
        for name, content in files.items():
            (tmp_path / f"{name}.lib").write_text(content)
        (tmp_path / "x.cir").write_text(text)
        return read_spice(tmp_path / "x.cir")

    return reading


def test_title_comments_continuation_and_case(read):
    n = read(
        "v1 is the title\n* note\nR1 A 0\n* between\n+ 2K ; two\n\nV1 a GND 1 $ one\nC1 a 0 1P // and\n"
        ".TRAN 1n 10n\n.end\nrubbish"
    )
    assert n.title == "v1 is the title"
    assert float(n.circuit["r1"].r) == 2e3
    assert n.circuit["v1"].nodes == ("a", "0")
    assert n.requests.tran.stop == 10e-9


def test_parameters_functions_and_scopes(read):
    n = read(
        """t
.param b='2*a' a=3 c = {a + b}
.func f(x,y) {x*y + a}
.subckt outer p q w=1 r={10*w}
.param w2={w*2} a=100
.func g(x) {f(x,w)}
R1 p m {r}
R2 m q {g(w2)}
X1 p q inner k={a}
.subckt inner p q k=7
R1 p q {k}
.ends
.ends
V1 in 0 {c}
X1 in 0 outer w=5
X2 in 0 outer params: r=4
"""
        + TAIL
    )
    r = {name: float(e.r) for name, e in n.circuit.items() if isinstance(e, mc.Resistor)}
    # f is defined at the top, where a = 3; inside, a = 100.
    assert r == {"x1.r1": 50, "x1.r2": 53, "x1.x1.r1": 100, "x2.r1": 4, "x2.r2": 5, "x2.x1.r1": 100}
    assert float(n.circuit["v1"].wave.value) == 9
    assert n.circuit["x1.r1"].nodes == ("in", "x1.m")


def test_included_files_and_library_sections(read):
    n = read(
        "t\n.include 'one.lib'\n.lib two.lib fast\nV1 a 0 1\nR1 a 0 {x}\nR2 a 0 {y}" + TAIL,
        one=".param x=5\n",
        two=".lib slow\n.param y=1\n.endl\n.lib fast\n.param y=2\n.endl\n",
    )
    assert (float(n.circuit["r1"].r), float(n.circuit["r2"].r)) == (5, 2)


def test_initial_voltages_go_from_ground_outwards(read):
    text = "t\nV1 v 0 1\nR1 v b 1k\nR2 a b 1k\nC1 a b 1p ic=0.25\nC2 b 0 1p ic=0.5\nL1 v a 1n ic=1m\n.tran 1n 10n"
    n = read(text + " uic\n.end")
    assert n.charges == {"b": 0.5, "a": 0.75}
    assert n.currents == {"l1.i": 1e-3}
    assert read(text + "\n.end").charges == {}  # as in ngspice: ic= counts with uic alone


def test_the_transistor_is_recognised_by_what_it_computes(read, references):
    library = (references / "circuits" / "ekv.lib").read_text()
    calls = "Vd d 0 1\nVg g 0 0.5\nXn d g 0 0 ekvn w=2u l=0.2u vto=0.35\nXp d g 0 0 ekvp"
    n = read(f"t\n.include ekv.lib\n{calls}{TAIL}", ekv=library)
    assert isinstance(n.circuit["xn"], mc.MOSFET)
    assert (float(n.circuit["xn"].w), float(n.circuit["xn"].kind.vto), n.circuit["xn"].kind.polarity) == (2e-6, 0.35, 1)
    assert n.circuit["xp"].kind.polarity == -1
    other = library.replace("(1+th*(a+b))", "(1+1.01*th*(a+b))")  # a model of its own is expanded as it stands
    n = read(f"t\n.include ekv.lib\n{calls}{TAIL}", ekv=other)
    assert isinstance(n.circuit["xn.bid"], mc.BehaviouralCurrent)
    n = read(f"t\n.include ekv.lib\n{calls}\n.temp 50{TAIL}", ekv=library)  # its thermal voltage is a constant of 27 C
    assert isinstance(n.circuit["xn.bid"], mc.BehaviouralCurrent)


def test_conditions_choose_lines(read):
    text = """t
.param kind=2 big=1
.csparam extra=7
.if (kind==1)
.param r=1
.elseif (kind == 2 && big)
.param r=2
.if(big)
R9 a 0 {extra}
.endif
.else
.param r=3
R8 a 0 1
.endif
.subckt s a b wide=0
.if (wide)
R1 a b 10
.else
R1 a b 20
.endif
.ends
V1 a 0 1
R1 a 0 {r}
X1 a 0 s
X2 a 0 s wide=1
"""
    n = read(text + TAIL)
    r = {name: float(e.r) for name, e in n.circuit.items() if isinstance(e, mc.Resistor)}
    assert r == {"r9": 7, "r1": 2, "x1.r1": 20, "x2.r1": 10}


def test_a_control_block_asks_for_analyses(read):
    n = read("t\nV1 a 0 1\nR1 a 0 1k\n.control\nrun\ntran 1n 5n\nmeas tran top max v(a)\n.endc\n.end")
    assert (n.requests.tran.stop, len(n.requests.measures), n.notes) == (5e-9, 1, ())


WRONG = [
    ("Q1 a 0 0 q", "'q1' is not supported"),
    ("R1 a 0 {nothing}", "'nothing' has no value"),
    ("R1 a 0 2 3", "takes one value"),
    ("R1 a", "has no two nodes"),
    ("R1 a 0 1k tc=3", "tc= is not supported"),
    ("X1 a 0 gone", "'gone' is not defined"),
    ("D1 a 0 gone", "no .model 'gone' for d1; there is none"),
    ("D1 a 0 dd\n.model dd d(ikf=1m)", "ikf = 0.001 is not computed"),
    ("D1 a 0 dd\n.model dd d(level=3)", "diode level 3"),
    ("D1 a 0 dd area=0\n.model dd d", "must be above 0"),
    ("M1 a a 0 0 mm\n.model mm nmos(level=54)", "level 54"),
    ("M1 a a 0 0 mm\n.model mm nmos(tox=5n nsub=1e9)", "must exceed 1.45e10"),
    ("M1 a a 0 0 mm l=1u\n.model mm nmos(ld=1u)", "effective length"),
    ("M1 a a 0 0 mm\n.model mm nmos(theta=1)", "'theta' is not supported"),
    ("B1 a 0 i=idt(v(a))", "'idt' is not known"),
    ("B1 a 0 i=agauss(0,1,1)", "draws at random"),
    ("B1 a 0 i=pwl(v(a),1,0,0,1)", "constants that rise"),
    ("B1 a 0 i=hertz", "'hertz' has no value"),
    ("R1 a 0 {ddt(1)}", "'ddt' is not known"),
    ("E1 a2 0 poly(1) a 0", "coefficients after them"),
    ("E1 a2 0 laplace {v(a)} {1/s}", "LAPLACE"),
    ("E1 a2 0 table {v(a)} = (1,0) (0,1)", "must rise"),
    ("S1 a 0 a 0 ss\n.model ss sw(vt=1 vh=-0.1)", "negative hysteresis"),
    ("W1 a 0 vx ss\n.model ss sw(vt=1)", "is a sw, and w1 takes a csw"),
    ("K1 l1 l2 0.5", "'l1', which is no inductor"),
    (".if(1)\nR1 a 0 1", ".if has no .endif"),
    (".else", ".else has no .if"),
    (".if (zz>1)\nR1 a 0 1\n.endif", "'zz' has no value"),
    ("F1 a 0 vx 3", "'vx'"),
    ("I1 a 0 trnoise(0 1)", "TRNOISE"),
    ("I1 a 0 sffm(0 1 1e15)", "SFFM of 1000 THz"),
    ("R1 b 0 1k\nR1 a 0 1k", "is there already"),
    ("C1 b 0 1p", "alone touches it"),
    ("B1 a 0 i=v(nowhere)", "nowhere"),
    ("D1 a 0 dfats\n.model dfast d", "there is dfast (d). Did you mean dfast?"),
    ("X1 a 0 0 s\n.subckt s p q\nR1 p q 1\n.ends", "'s' (x.cir, line 4) has 2 pins: p q"),
    (".subckt s p q\nR1 p q 1\nR2 a 0 1", "begun at x.cir, line 3, no .ends"),
    ("R1 a 0 nan", "'nan' is no finite number"),
    ("C1 a 0 -1p", "c1 of -1e-12 F is negative"),
    (".step param x 1 2 3", ".step is not supported"),
    (".subckt s a\nR1 a 0 1", "no .ends"),
    (".subckt s a\nX1 a s\n.ends\nX1 a s", "call itself"),
    (".func f(x) {f(x)+1}\nR1 a 0 {f(2)}", "call itself"),
    (".param p={q} q={p}\nR1 a 0 {p}", "depends on itself"),
    (".include x.cir", "includes itself (x.cir -> x.cir)"),
    (".include none.lib", "not found"),
    (".control\nrun", "no .endc"),
    (".ic v(zz)=1", "no such node"),
    (".tran 1n", "tstep tstop"),
    ("R1 a 0 {1/(1-1)*1e300}", "finite"),
    ("V2 b 0 pulse(0 1 0 1p 1p 1p 1e-18)\nR1 b 0 1", "periods"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), WRONG)
def test_what_is_not_supported_is_named_with_its_place(read, line, said):
    with pytest.raises(NetlistError, match=r"x\.cir") as raised:
        read(f"t\nVa a 0 1\n{line}{TAIL}")
    assert said in str(raised.value)


def test_what_is_read_otherwise_than_one_may_think_is_noted(read):
    n = read("r1 a 0 1k\nV1 a 0 1\nR1 a 0 -1k\nR2 a 0 500\n.tran 1p 1\n.end")
    first, second, third = n.notes
    assert "x.cir, line 1: 'r1 a 0 1k' looks like an element" in first
    assert "x.cir, line 5: the print step of 1e-12 s makes 1e+12 points" in second
    assert "x.cir, line 3: r1 of -1000 ohm is negative" in third


def test_other_encodings_are_read(tmp_path):
    for encoding in ("utf-8-sig", "latin-1", "utf-16"):
        path = tmp_path / f"{encoding}.cir"
        path.write_bytes(("t\nV1 a 0 1\nC1 a 0 2µ\nR1 a 0 1k" + TAIL).encode(encoding))
        assert float(read_spice(path).circuit["c1"].c) == pytest.approx(2e-6)


def test_what_changes_no_result_is_noted_and_never_silent(read):
    n = read(
        "t\nV1 a 0 1 ac 1\nR1 a 0 1k\n.plot tran v(a)\n.disto dec 1 1 10\n.options odd=3\n.control\nrun\n"
        "plot v(a)\ntran 1n 5n\n.endc" + TAIL
    )
    assert [note.split(":")[0] for note in n.notes] == [f"x.cir, line {k}" for k in (7, 4, 5, 6, 10)]
    assert n.requests.tran.stop == 10e-9  # the netlist's own, not that of the block


VALID = """title
.param w=1u vdd={1+0.2} kind=2
.func half(x) {x/2}
.model nm nmos (level=1 vto=0.4 kp=100u lambda=0.02 tox=10n cj=1m rsh=10)
.model dm d(is=1e-15 cjo=1p tt=1n bv=5)
.model sh sw(vt=0.5 vh=0.1 ron=1 roff=1meg)
.subckt inv in out vp wn=1u
mn out in 0 0 nm w={wn} l=0.5u ad=1p as=1p
rl out vp 10k tc1=1m
cl out 0 {half(20f)} ic=0
.if (wn > 1.5u)
cq out 0 q='1p*v(out)'
.endif
.ends
.if (kind == 2)
.param r=1k
.else
.param r=2k
.endif
vd vp 0 {vdd}
vin in 0 pulse(0 {vdd} 1n 0.1n 0.1n 4n 10n)
v3 m 0 sin(0 1 1meg 0 1e5 90)
i4 0 m sffm(0 1m 100meg 1 10meg)
x1 in a vp inv wn={2*w}
b1 0 b i=1m*v(a)**2*(time>1n ? 1 : 0.5)+ddt(v(b))*1p
rb b 0 {r}
e1 e 0 poly(2) a 0 b 0 0 1 2 3
e2 f 0 table {v(a)} = (0,0) (1,1)
h1 g 0 v3 1k
re e f 1k
l1 b l1 1u
l2 l2 0 1u
k1 l1 l2 0.9
rl l1 0 1k
rm l2 g 1k
s1 b 0 a 0 sh on
d1 m 0 dm
c1 m 0 c='1p*(1+0.1*v(m))'
.ic v(a)=0.1
.nodeset v(b)=0.2
.options reltol=1e-4 temp=50
.save v(a) i(vd)
.tran 10p 20n 0 10p
.measure tran d trig v(in) val=0.6 rise=1 targ v(a) val=0.6 fall=1
.control
run
plot v(a)
.endc
.end
"""
PIECES = [
    "{",
    ")",
    "'",
    "=",
    "-",
    "1e400",
    "nan",
    "v(",
    "\n+",
    "\n",
    "x",
    ".subckt",
    "**",
    "?",
    "1/0",
    "m=0",
    ".if(1)\n",
    ".endc\n",
    "poly(3)",
    "level=2",
    "\x00",
    "é",
]


def test_mutated_netlists_are_read_or_refused(tmp_path):
    # Truncations, deletions, insertions, lines doubled or dropped: a NetlistError or a circuit, and nothing else.
    draw, path, refused, nameless = random.Random(5), tmp_path / "x.cir", 0, 0
    path.write_text(VALID)
    assert {"x1.cq", "x1.mn.cg", "k1", "s1.on", "d1.c"} < set(read_spice(path).circuit.names)
    for _ in range(400):
        text = VALID
        for _ in range(draw.choice((1, 1, 3))):
            at, lines = draw.randrange(len(text) + 1), text.split("\n")
            text = draw.choice((
                text[:at],
                text[:at] + text[at + draw.randrange(1, 6) :],
                text[:at] + draw.choice(PIECES) + text[at + draw.randrange(3) :],
                "\n".join([*lines, draw.choice(lines)]),
                "\n".join(lines[: (k := draw.randrange(len(lines)))] + lines[k + 1 :]),
            )) or "t"  # fmt: skip
        path.write_text(text)
        try:
            assert np.isfinite(float(read_spice(path).circuit.temperature))
        except NetlistError as error:
            refused += 1
            nameless += "x.cir" not in str(error)
    assert nameless == 0
    assert 100 < refused < 380  # neither everything nor nothing
