"""What admins do on the page People that takes more than a call of the records."""

from __future__ import annotations

from dataclasses import replace

from app.visit import Visit
from core.records import people
from core.records.invitations import PATH


def link(visit: Visit, token: str) -> str:
    """What is sent to the person. The token stands behind the `#`, which browsers keep to themselves."""
    return f"{visit.studio.address(visit.request)}{PATH}#{token}"


def anew(visit: Visit) -> Visit:
    """The same visit with the person's projects as they are now."""
    return replace(visit, who=people.person(visit.database, visit.who.id))
