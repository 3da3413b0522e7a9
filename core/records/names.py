"""Names of people: what may stand in one, and which two look alike to whoever reads them."""

# ruff: noqa: RUF001 (letters that look alike are what this file is about)
from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from core.letters import CYRILLIC, GREEK, is_unseen

LONGEST = 100
SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "HEBREW", "ARABIC", "CHEROKEE", "GEORGIAN", "COPTIC")
"""Of which one name has one."""
LATIN = {"1": "l", "|": "l", "0": "o", "ı": "i", "ɑ": "a", "ɡ": "g"}
FLAT = str.maketrans(CYRILLIC | GREEK | LATIN)
"""Of each letter, small or capital, the Latin one that it is taken for."""


def fault(name: str) -> str | None:
    """What is wrong with a name, in words; None where nothing is."""
    if not name.strip() or len(name) > LONGEST:
        return f"A name has 1 to {LONGEST} characters. Give another one."
    if any(map(is_unseen, name)):
        return "This name holds characters that nobody sees. Type it anew, without them."
    scripts = {script for sign in name if (script := _script(sign)) is not None}
    if len(scripts) > 1:
        mixed = " and ".join(sorted(script.capitalize() for script in scripts))
        return f"This name mixes {mixed} letters, which look alike. Write it in one script."
    return None


def alike(name: str, names: Iterable[str]) -> str | None:
    """The first of the names that looks like this one."""
    looks = _looks(name)
    return next((other for other in names if looks & _looks(other)), None)


def _script(sign: str) -> str | None:
    first = unicodedata.name(sign, "").partition(" ")[0] if sign.isalpha() else ""
    return first if first in SCRIPTS else None


def _looks(name: str) -> set[str]:
    """How it looks as it stands, where a capital i is an l, and in whatever case."""
    plain = " ".join(unicodedata.normalize("NFKC", name).split())
    return {_flat(plain), _flat(plain.replace("I", "l"))}


def _flat(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold()).translate(FLAT).replace("rn", "m").replace("vv", "w")
