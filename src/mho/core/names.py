"""Names that were misspelt: what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def meant(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """The question "Did you mean ...? " with the names nearest to one that is unknown; empty if none is near.

    Names of the same family (the same letters before the first underscore) come first.

    >>> meant("ecram_nosuch", ["reram_sb", "ecram_ysz_wox", "pcm_joshi"])
    'Did you mean ecram_ysz_wox? '
    """
    names = list(dict.fromkeys(known))
    family = name.partition("_")[0]
    kin = [n for n in names if "_" in name and n.partition("_")[0] == family]
    near = difflib.get_close_matches(name, kin, most, 0.0) if kin else difflib.get_close_matches(name, names, most)
    return f"Did you mean {' or '.join(near)}? " if near else ""
