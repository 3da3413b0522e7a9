"""Every table of the studio. A row is the truth; files and messages follow it.

Times are UTC and aware. Words for states are checked by the database too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from core.records.labels import Labels, Names
from core.records.progress import Progress, progress_from_plain
from core.records.roles import ROLES

UNDER_WAY, RESUMABLE = ("waiting", "running"), ("stopped", "failed")
JOB_STATES = (*UNDER_WAY, "stopped", "cancelled", "done", "failed")
WISHED = {"stop": "stopped", "cancel": "cancelled"}
"""The state in which each wish leaves a job."""
WISHES = ("", *WISHED)
QUEUES = ("tune", "read", "intake")
Action = Literal["keep", "change", "unsure", "exclude"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Confidence = Literal["sure", "fairly", "guess"]
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
UPLOAD_STATES = ("arriving", "checking", "checked", "adding", "added", "refused")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    return datetime.now(UTC)


NEVER_AGAIN = {"sqlite_autoincrement": True}
"""Of a table: no number that a row ever had is given to another. PostgreSQL does so anyway."""


def one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} in ({', '.join(repr(word) for word in words)})", name=f"{column}_known")


class Moment(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: Moment,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        str: String(255),
        Names: Labels,
    }


class Person(Table):
    """Somebody who may sign in, or who was invited to and has no password yet. On loopback without accounts there is
    one, called `local`."""

    __tablename__ = "people"
    __table_args__ = (one_of("role", ROLES),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(default="researcher")
    is_active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime] = mapped_column(default=now)
    seen: Mapped[datetime | None]
    """When the person last asked for anything, to within a minute."""


class SignIn(Table):
    """A session of a signed-in person: the browser holds a token, this row its hash."""

    __tablename__ = "sign_ins"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime]
    seen: Mapped[datetime | None]
    address: Mapped[str | None]
    """From where it was begun."""
    browser: Mapped[str | None]
    """What the browser or program calls itself."""


class Invitation(Table):
    """Lets a person choose a password, once: the link holds a token, this row its hash. A newer one takes its place."""

    __tablename__ = "invitations"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime]


class Ticket(Table):
    """Lets one browser in, once, where there are no accounts: the address that `vitask up` prints holds it."""

    __tablename__ = "tickets"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    expires: Mapped[datetime]


class Attempt(Table):
    """A failed sign-in, counted to slow down guessing."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "name", "at"), Index(None, "address", "at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=now)


class Project(Table):
    """What its members see and nobody else."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created: Mapped[datetime] = mapped_column(default=now)


class Membership(Table):
    __tablename__ = "memberships"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True)


class Upload(Table):
    """Files that somebody brought: kept until they are added to a set or thrown away."""

    __tablename__ = "uploads"
    __table_args__ = (one_of("state", UPLOAD_STATES), NEVER_AGAIN)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    """Where the files are, below the data folder's `uploads`."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str] = mapped_column(default="arriving")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """How the files are read: task, columns."""
    report: Mapped[dict[str, Any] | None]
    """What the check found: as `vitask set check --json`, with the task that was read."""
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    created: Mapped[datetime] = mapped_column(default=now)


class ImageSet(Table):
    """A set and its versions. One that was erased stays as a number where runs name it, and is in no list."""

    __tablename__ = "image_sets"
    __table_args__ = (UniqueConstraint("project_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    note: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[datetime] = mapped_column(default=now)
    archived: Mapped[datetime | None]
    """Since when it is out of the lists; it can be brought back."""
    erased: Mapped[datetime | None]
    versions: Mapped[list[Version]] = relationship(back_populates="image_set", order_by="Version.number")


class Version(Table):
    """An immutable state of a set: its task and every case's labels, named by a hash. Of one that was erased its number
    and its question stay, for runs that name it: it has no cases any more, and nothing opens it."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("set_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("image_sets.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(index=True)
    task: Mapped[dict[str, Any]]
    cases: Mapped[int]
    counts: Mapped[dict[str, Any]]
    """{split: {label: cases}}"""
    made_from: Mapped[int | None] = mapped_column(ForeignKey("versions.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(Text, default="")
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created: Mapped[datetime] = mapped_column(default=now)
    erased: Mapped[datetime | None]
    image_set: Mapped[ImageSet] = relationship(back_populates="versions")


class Case(Table):
    """A case of a version, as the gallery and the review look for it. The manifest of the version holds the same."""

    __tablename__ = "cases"
    __table_args__ = (
        Index(None, "version_id", "split", "number"),
        Index(None, "version_id", "places", "number", "split"),
        Index(None, "version_id", "patient", "number"),
    )
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(1024))
    """The case's id in its source."""
    digest: Mapped[str] = mapped_column(String(64))
    labels: Mapped[Names]
    places: Mapped[str] = mapped_column(Text)
    """Of the labels, among the version's answers: see `labels.places_of`."""
    split: Mapped[str | None] = mapped_column(String(5))
    patient: Mapped[str | None]
    more: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Job(Table):
    """Something that a worker does. The queue's message only says "look here"."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("state", JOB_STATES),
        one_of("wish", WISHES),
        one_of("queue", QUEUES),
        Index(None, "queue", "state", "position"),
        NEVER_AGAIN,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    queue: Mapped[str]
    kind: Mapped[str]
    """tune, plug, suspects, ask, estimate, check, add, export, draw, ..."""
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default="waiting")
    wish: Mapped[str] = mapped_column(default="")
    position: Mapped[float] = mapped_column(default=0.0)
    """Order among those that wait; the lowest goes first."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Tries since it last got further than before."""
    claims: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How often it was handed to a worker, ever: the number of a lease, which never comes again."""
    most_attempts: Mapped[int] = mapped_column(default=3)
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """A `Progress`, read as `how_far`."""
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    """What went wrong, in words for a person."""
    fault_id: Mapped[str | None]
    """Set where the fault is ours: it stands in the log beside the traceback."""
    created: Mapped[datetime] = mapped_column(default=now)
    sent: Mapped[datetime | None] = mapped_column(default=now)
    """When a message about it was last on its way; the sweep sends another where nobody came."""
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]

    @property
    def how_far(self) -> Progress:
        return progress_from_plain(self.progress)


class QueueState(Table):
    """Whether a queue hands out jobs."""

    __tablename__ = "queue_states"
    name: Mapped[str] = mapped_column(primary_key=True)
    is_paused: Mapped[bool] = mapped_column(default=False)
    goes_on_after_failure: Mapped[bool] = mapped_column(default=True)


class Run(Table):
    """One tuning job: settings frozen when it was queued, and what came of it."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), unique=True)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    """The name of its folder below the data folder's `runs`."""
    settings: Mapped[dict[str, Any]]
    """The whole run file, defaults filled in."""
    copy_of: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    is_sample: Mapped[bool] = mapped_column(default=False)
    metrics: Mapped[dict[str, Any] | None]
    """What metrics.json holds, once there is one."""
    note: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """What people wrote about it, in Markdown."""
    archived: Mapped[datetime | None]
    """When it was put away: it left the lists then, and nothing else."""
    created: Mapped[datetime] = mapped_column(default=now)
    job: Mapped[Job] = relationship()
    version: Mapped[Version] = relationship()


class RunTag(Table):
    """A short word that people put on a run, by which it is looked for."""

    __tablename__ = "run_tags"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True, index=True)


class Stage(Table):
    """How far a stage of a run is, and its best validation figure."""

    __tablename__ = "stages"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    step: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)
    best: Mapped[float | None]
    best_step: Mapped[int | None]


class Event(Table):
    """One line of a run's events.jsonl; the line's number makes writing it twice harmless."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "run_id", "kind", "number"),)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    stage: Mapped[str | None]
    step: Mapped[int | None]
    body: Mapped[dict[str, Any]]


class LogLine(Table):
    """What a job printed, kept and searchable."""

    __tablename__ = "log_lines"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    text: Mapped[str] = mapped_column(Text)


class Artifact(Table):
    """A file that a run made, in the store where other machines find it."""

    __tablename__ = "artifacts"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(String(512), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))


class Review(Table):
    """A search through the labels of a version, and the decisions that people make on what it found."""

    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    """The run whose settings and readings the search took, where it took some."""
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), unique=True)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    """The name of the search's folder below the data folder's `reviews`."""
    settings: Mapped[dict[str, Any]]
    readers: Mapped[int] = mapped_column(default=1)
    """How many people are to decide on a case."""
    is_blind: Mapped[bool] = mapped_column(default=False)
    cases: Mapped[int] = mapped_column(default=0)
    estimated: Mapped[float | None]
    """The index of labels in doubt, which was once taken for an estimate of wrong ones."""
    sources: Mapped[list[Any]] = mapped_column(default=list)
    """[{"name", "title", "about"}]; a source's place is its bit in `Suspect.flags`."""
    created: Mapped[datetime] = mapped_column(default=now)
    archived: Mapped[datetime | None]
    """Since when it is out of the lists; it can be brought back."""
    job: Mapped[Job] = relationship()
    version: Mapped[Version] = relationship()


class Suspect(Table):
    """A case of a review by its rank: what the queue is filtered by, and how far people are with it."""

    __tablename__ = "suspects"
    __table_args__ = (
        # Every filter but the text is answered from the first two alone.
        Index(None, "review_id", "rank", "places", "split", "flags"),
        Index(None, "review_id", "deciders", "rank", "places", "split", "flags"),
        Index(None, "review_id", "is_disputed", "rank"),
        Index(None, "review_id", "alike"),
    )
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    """1 is the most suspect."""
    number: Mapped[int]
    """The case's number in the review's version."""
    name: Mapped[str] = mapped_column(String(1024))
    given: Mapped[Names]
    places: Mapped[str] = mapped_column(Text)
    """Of the given labels, as those of a case."""
    suggested: Mapped[Names]
    score: Mapped[float]
    split: Mapped[str | None] = mapped_column(String(5))
    patient: Mapped[str | None]
    alike: Mapped[int | None]
    """Near-identical pictures share a number."""
    flags: Mapped[int] = mapped_column(default=0)
    """A bit for each source that speaks against the label."""
    deciders: Mapped[int] = mapped_column(default=0)
    """How many people have a verdict that stands."""
    is_disputed: Mapped[bool] = mapped_column(default=False)
    settled: Mapped[int | None] = mapped_column(ForeignKey("verdicts.id"))
    """The verdict that settles it, whatever people said before."""


class LabelAudit(Table):
    """What was drawn of a review so that people's verdicts tell how many labels are wrong: the first suspects, and
    others at random. Append-only, as verdicts are."""

    __tablename__ = "label_audits"
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    seed: Mapped[int]
    """By which the others were drawn."""
    first: Mapped[int]
    others: Mapped[int]
    cases: Mapped[int]
    """Of all, the first and the others among them."""
    at: Mapped[datetime] = mapped_column(default=now)


class AuditedCase(Table):
    """A case that an audit drew, by its rank. Append-only, as verdicts are."""

    __tablename__ = "audited_cases"
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    is_drawn: Mapped[bool]
    """At random; else it is one of the first."""


class Ground(Table):
    """What speaks for and against a suspect's label, as its page shows it."""

    __tablename__ = "grounds"
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    why: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]]
    """{source: 0..1, or null where it has no say}"""
    probabilities: Mapped[list[Any]]
    neighbours: Mapped[list[Any]]
    """[[number, similarity], …], the nearest first."""


class Verdict(Table):
    """A person's decision on a suspect. Append-only, and the database refuses anything else: but that all of a review
    go with it (`BeingErased`).

    Rows of one press share its key; an undo is a row that names the row that it takes back.
    """

    __tablename__ = "verdicts"
    __table_args__ = (
        one_of("action", (*ACTIONS, "undo")),
        one_of("confidence", CONFIDENCES),
        UniqueConstraint("person_id", "key", "rank"),
        Index(None, "review_id", "rank", "person_id"),
        Index(None, "review_id", "person_id", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id"))
    rank: Mapped[int]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    key: Mapped[str]
    action: Mapped[str]
    is_settlement: Mapped[bool] = mapped_column(default=False)
    """Ends a dispute, and stands above what people said."""
    given: Mapped[Names]
    labels: Mapped[Names | None]
    """What the labels are changed to; None for all other actions."""
    why: Mapped[str] = mapped_column(Text, default="")
    confidence: Mapped[str] = mapped_column(default="sure")
    seconds: Mapped[float | None]
    """How long the person looked."""
    takes_back: Mapped[int | None] = mapped_column(ForeignKey("verdicts.id"), unique=True)
    at: Mapped[datetime] = mapped_column(default=now)


class Standing(Table):
    """The verdict of a person that stands, so that nobody has to look through all rows to know it.

    It repeats what a suspect is filtered by, which never changes.
    """

    __tablename__ = "standings"
    __table_args__ = (
        Index(None, "review_id", "rank"),
        Index(None, "review_id", "person_id", "rank", "places", "split", "flags"),
    )
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str]
    verdict_id: Mapped[int] = mapped_column(ForeignKey("verdicts.id"))
    places: Mapped[str] = mapped_column(Text)
    split: Mapped[str | None] = mapped_column(String(5))
    flags: Mapped[int]


class BoxCorrection(Table):
    """All boxes that a case has after somebody corrected them. Append-only, and the database refuses anything else: but
    that all of a version go with it (`BeingErased`).

    The newest of a case stands: see `review.boxes`.
    """

    __tablename__ = "box_corrections"
    id: Mapped[int] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("image_sets.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    """The version whose case was looked at."""
    name: Mapped[str] = mapped_column(String(1024))
    digest: Mapped[str] = mapped_column(String(64))
    """Of the picture that they were drawn on."""
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    given: Mapped[list[Any]]
    """The version's own boxes: [{"label", "left", "top", "right", "bottom"}, …]."""
    boxes: Mapped[list[Any]]
    why: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(default=now)


class Correction(Table):
    """Why a case of a version differs from the version that it was made from: by a review, or (`action` is "boxes")
    because its boxes alone were corrected."""

    __tablename__ = "corrections"
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(1024), primary_key=True)
    review_id: Mapped[int | None] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), index=True)
    action: Mapped[str]
    who: Mapped[str] = mapped_column(String(1024))
    why: Mapped[str] = mapped_column(Text)


class BeingErased(Table):
    """A review or a version that is erased in this very transaction: the database lets its verdicts, or the corrections
    of boxes that were drawn on its cases, be deleted. Nobody else ever sees a row."""

    __tablename__ = "being_erased"
    kind: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Remains(Table):
    """Files of something whose rows are gone: removed at once, or by the sweep where that was cut off."""

    __tablename__ = "remains"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    name: Mapped[str]
    files: Mapped[dict[str, Any]]


class Audit(Table):
    """Who did what, append-only: the database refuses changes, and each row's hash covers the row before it."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "project_id", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    who: Mapped[str]
    """The name as it was then."""
    action: Mapped[str]
    project_id: Mapped[int | None]
    subject: Mapped[str] = mapped_column(String(1024), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    previous: Mapped[str] = mapped_column(String(64))
    """The hash of the row before."""
    hash: Mapped[str] = mapped_column(String(64))
