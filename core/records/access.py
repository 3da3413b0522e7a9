"""Who may do what: a person with a role sees the projects that they belong to, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import CoreError
from core.records.roles import MAY
from core.records.tables import Membership, Person

NOT_THERE = "There is nothing here that you can see. Check the number, or ask a member of its project to add you."
"""In the same words for what is missing and what is somebody else's: nobody learns which numbers there are."""


class NotAllowed(CoreError):
    """Not there, or not for this person: which of the two is not told."""


@dataclass(frozen=True)
class Who:
    """The person on whose behalf something is done."""

    id: int
    name: str
    role: str
    projects: tuple[int, ...]

    def may(self, action: str) -> bool:
        """Whether the role allows to look, review, work (upload, tune, stop) or manage (people, projects)."""
        return self.role in MAY[action]


def as_who(session: Session, person: Person) -> Who:
    joined = select(Membership.project_id).where(Membership.person_id == person.id).order_by(Membership.project_id)
    return Who(person.id, person.name, person.role, tuple(session.scalars(joined)))


def allow(who: Who, project_id: int | None, action: str = "look") -> None:
    """Nothing where the person may do this in the project; else NotAllowed."""
    if project_id not in who.projects:
        raise NotAllowed(NOT_THERE)
    permit(who, action)


def permit(who: Who, action: str) -> None:
    """The part of `allow` that is about the role alone, for what belongs to no project."""
    if not who.may(action):
        raise NotAllowed(
            f"As {who.role} you may not do this: it takes one of {', '.join(MAY[action])}. Ask an admin for that role."
        )


def permit_owner(who: Who, owner: int | None, verb: str) -> None:
    """For what whoever began something does with it, and admins."""
    if owner != who.id and not who.may("manage"):
        raise NotAllowed(f"Somebody else began this, so only they or an admin can {verb} it. Ask one of them.")
