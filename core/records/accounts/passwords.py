"""Which passwords somebody would guess first. What is left of one without its guessable parts has to be worth a try."""

from __future__ import annotations

import re
from collections.abc import Set
from itertools import pairwise

SHORTEST, LONGEST = 10, 1000
LEAST_UNLIKE = 5
"""Different characters."""
LEAST_BESIDE_RUNS = 4
"""Characters that are in no row of the keyboard or of the alphabet."""
ROWS = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1234567890",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
)
COLUMNS = "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"
LEET = str.maketrans("013457@$!", "oieastasi")
COMMON = frozenset(
    """
    password passwort passwd pass passphrase contrasena motdepasse parola haslo wachtwoord losenord salasana senha
    letmein welcome willkommen bienvenue login logon signin access admin administrator root superuser user guest test
    tester testing testtest demo default changeme change secret topsecret private security secure system server master
    computer internet windows linux ubuntu google facebook microsoft apple samsung android iphone hospital clinic
    doctor doktor medical medicine radiology research researcher reviewer reader science university institute
    qwerty qwertz azerty asdf asdfgh zxcvbn qazwsx iloveyou loveyou love lovely sunshine princess prinzessin monkey
    dragon football fussball baseball basketball soccer hockey superman batman starwars pokemon michael jennifer jessica
    jordan thomas daniel andrew charlie ashley nicole matthew joshua robert hunter harley shadow michelle ginger
    trustno trustnoone whatever freedom forever summer winter spring autumn sommer monday friday january december flower
    cheese chocolate cookie pepper coffee summertime hello hallo hellohello blink mustang corvette mercedes ferrari
    money killer killerbee jesus jesuschrist maggie buster tigger purple orange banana computer cheese
    correcthorsebatterystaple thisismypassword thisisapassword mypassword yourpassword nopassword passwordpassword
    vitask studio vitaskstudio my the your one new old
    """.split()
)


def weakness(password: str, name: str) -> str | None:
    """What is wrong with a password for this person, in words; None where nothing is."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"A password has at least {SHORTEST} characters. Choose a longer one."
    plain = password.casefold()
    if len(set(plain)) < LEAST_UNLIKE or plain in (plain + plain)[1:-1]:
        return "This password repeats itself, so it is guessed soon. Choose several words that do not belong together."
    if _beside_runs(plain) < LEAST_BESIDE_RUNS:
        return "This password follows the keyboard or the alphabet. Choose several words that do not belong together."
    if _is_guessable(plain, name):
        return (
            "This password is made of your name, this program's, or one of the words that are tried first. Choose "
            "several words that do not belong together."
        )
    return None


def _beside_runs(plain: str) -> int:
    """How many characters are left where those that follow their neighbour are taken away."""
    left, length = 0, 1
    for before, after in [*pairwise(plain), (plain[-1], "")]:
        if after and _follows(before, after):
            length += 1
        else:
            left, length = left + (length if length < 3 else 0), 1
    return left


def _follows(before: str, after: str) -> bool:
    rows = (*ROWS, COLUMNS)
    is_row = any(before + after in row or after + before in row for row in rows)
    return is_row or abs(ord(before) - ord(after)) <= 1


def _is_guessable(plain: str, name: str) -> bool:
    """Whether it is nothing but common words and names, whatever digits and signs stand between and after them."""
    words = COMMON | set(re.findall(r"[^\W\d_]{2,}", name.casefold()))
    inner = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    for text in (inner, inner.translate(LEET)):
        letters = re.sub(r"[\W\d_]+", "", text)
        if not letters or _is_made_of(letters, words):
            return True
    return False


def _is_made_of(letters: str, words: Set[str]) -> bool:
    reached = {0}
    for end in range(1, len(letters) + 1):
        if any(letters[start:end] in words for start in reached):
            reached.add(end)
    return len(letters) in reached
