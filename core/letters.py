"""Letters that nobody sees, and those that are taken for others."""

from __future__ import annotations

import re
import unicodedata

UNSEEN = re.compile("[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f]")
"""Letters and marks that show nothing, beside the categories below."""
UNSEEN_KINDS = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
CYRILLIC = dict(zip("авгезікмнорстухьѕјԁԛԝһӏ", "abre3ikmhopctyxbsjdqwhl", strict=True))
GREEK = dict(zip("αβγεζηικμνορτυχωϲϳ", "abyezhikmnoptyxwcj", strict=True))
"""Of each small letter the Latin one that it, or its capital, is taken for."""
AS_LATIN = str.maketrans(CYRILLIC | GREEK)


def is_unseen(sign: str) -> bool:
    return unicodedata.category(sign) in UNSEEN_KINDS or UNSEEN.match(sign) is not None


def as_seen(text: str) -> str:
    """What two texts have in common that look the same but for capitals."""
    seen = "".join(sign for sign in text if sign.isspace() or not is_unseen(sign))
    return unicodedata.normalize("NFKC", " ".join(seen.split())).casefold().translate(AS_LATIN)
