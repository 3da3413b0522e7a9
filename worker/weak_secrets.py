"""What a studio for others is not opened with: secrets that anybody could guess."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from core.errors import CoreError
from core.records.place import Place

SHORTEST = 12
KNOWN = ("change", "password", "secret", "default", "example", "vitask", "postgres", "minioadmin")


def refuse_guessable(place: Place, environment: Mapping[str, str] = os.environ) -> None:
    """Looks at every secret that is set; a studio on one machine makes its own and has none to look at here."""
    for name, secret in _secrets(place, environment):
        is_known = any(word in secret.lower() for word in KNOWN) or len(set(secret)) < 6
        if len(secret) < SHORTEST or is_known:
            raise CoreError(
                f"{name} is too short or too well known to protect anything. Give at least {SHORTEST} characters that "
                "nobody knows, like what “openssl rand -hex 24” prints."
            )


def _secrets(place: Place, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    name = "AWS_SECRET_ACCESS_KEY"
    if name in environment:
        yield name, environment[name]
    for name, address in (("the password of VITASK_DATABASE", place.database), ("that of VITASK_REDIS", place.redis)):
        if password := urlsplit(address or "").password:
            yield name, unquote(password)
