"""The site's key: what makes the same patient the same pseudonym over all uploads, and nobody else able to tell which.

Pseudonyms, shifts of dates and UIDs are keyed hashes (HMAC-SHA256). They can't be turned back; but who has the key can
compute them for a patient whose number they know, so the key stays where the patients' numbers may be known.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.uid import UID

from core.errors import SettingsError, reason

NAME = "deid.key"
LEAST_BYTES = 16
MOST_DAYS = 3650
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's, without those that are taken for others."""
STANDARD_UIDS = "1.2.840.10008."
"""What the standard itself defines: classes, syntaxes, wells of codes. They name nobody."""
LONGEST_STANDARD_PART = 4
"""Digits between two dots, where a UID is newer than the dictionary: what is longer may be a record number."""


def is_standard(uid: str) -> bool:
    """Whether the standard defines it, rather than somebody who borrows its beginning."""
    parts = uid.removeprefix(STANDARD_UIDS).split(".")
    is_short = all(part.isdigit() and len(part) <= LONGEST_STANDARD_PART for part in parts)
    return UID(uid).name != uid or (uid.startswith(STANDARD_UIDS) and is_short)


@dataclass(frozen=True)
class SiteKey:
    """Everything that is drawn for a patient or a UID is drawn by this."""

    secret: bytes = field(repr=False)

    def pseudonym(self, identity: str) -> str:
        """P and thirteen letters: 65 bits."""
        return "P" + self._letters("patient", identity)

    def days(self, identity: str) -> int:
        """By how many days a patient's dates are moved: back, by at most ten years and at least a day."""
        return -1 - self._number("days", identity) % MOST_DAYS

    def uid(self, uid: str) -> str:
        """Another UID of the form that anybody may make (2.25.); those of the standard stay."""
        plain = uid.strip("\0 ")
        if not plain or is_standard(plain):
            return plain
        return f"2.25.{self._number('uid', plain) >> 128}"

    def mark(self, text: str) -> str:
        """Thirteen letters in the place of a name that may not be told."""
        return self._letters("name", text)

    def fingerprint(self) -> str:
        """By which it is known again; it tells nothing of the key."""
        return self._letters("key", "")

    def _letters(self, purpose: str, text: str) -> str:
        number = self._number(purpose, text)
        return "".join(LETTERS[number >> 5 * place & 31] for place in range(13))

    def _number(self, purpose: str, text: str) -> int:
        digest = hmac.new(self.secret, f"{purpose}\0{text}".encode(), hashlib.sha256).digest()
        return int.from_bytes(digest, "big")


def site_key(file: Path) -> SiteKey:
    """The key in a file, for its owner's eyes; made there once where there is none."""
    try:
        if not file.exists():
            _make(file)
        secret = file.read_bytes().strip()
        if file.stat().st_uid == os.getuid():
            file.chmod(0o600)
    except OSError as error:
        raise SettingsError(
            f"The key {file.name} can't be read or made ({reason(error)}). Name a file that you may write with --key."
        ) from None
    if len(secret) < LEAST_BYTES:
        raise SettingsError(
            f"The key {file.name} has {len(secret)} bytes; a key has {LEAST_BYTES} at least. Name another file: where "
            "there is none yet, one is made."
        )
    return SiteKey(secret)


def _make(file: Path) -> None:
    """Whole or not at all, and only once: whoever comes second takes what is there."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "wb") as written:
        written.write(secrets.token_hex(32).encode() + b"\n")
        written.flush()
        os.fsync(written.fileno())
    try:
        os.link(part, file)
    except OSError:  # there is one by now, or the disk has no links
        if not file.exists():
            part.replace(file)
    part.unlink(missing_ok=True)
