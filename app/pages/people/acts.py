"""What admins do on the page People that takes more than a call of the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.visit import Visit
from core.records import invitations, people
from core.records.invitations import PATH


def invite(visit: Visit, name: str, role: str, projects: Sequence[int]) -> str:
    """Makes a person who may choose a password once; returns the token of the link."""
    return invitations.invite(visit.database, visit.who, name, role, projects)


def renew(visit: Visit, name: str) -> str:
    """Another link, for who has not come yet or has forgotten the password; returns its token."""
    return invitations.renew(visit.database, visit.who, name)


def link(visit: Visit, token: str) -> str:
    """What is sent to the person. The token stands behind the `#`, which browsers keep to themselves."""
    return f"{visit.studio.address(visit.request)}{PATH}#{token}"


def anew(visit: Visit) -> Visit:
    """The same visit with the person's projects as they are now."""
    return replace(visit, who=people.person(visit.database, visit.who.id))
