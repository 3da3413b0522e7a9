"""What can be done with a review: the functions behind the page's buttons, its routes and its API names."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from app.visit import Json, Visit
from core.errors import SettingsError
from core.records import archiving
from core.records.progress import Progress
from core.records.review import agreement, audits, corrections, expected, queue, reviews, verdicts
from core.records.review.queue import Filter, State
from core.records.review.reviews import ReviewView
from core.records.tables import Action, Confidence

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LISTED = (
    "id",
    "name",
    "set",
    "version_id",
    "run_id",
    "state",
    "progress",
    "error",
    "cases",
)


def expected_search(visit: Visit, version_id: int, run_id: int) -> Json:
    """How many seconds a search through a version's labels will take here, by how many earlier ones with the same
    settings; {} where there was none yet."""
    awaited = expected.expected(visit.database, visit.who, int(version_id), run_id or None)
    return {} if awaited is None else plain(awaited)


def find_suspects(visit: Visit, version_id: int, run_id: int, readers: int, is_blind: bool, name: str) -> int:
    """Queues a search through a version's labels; run_id 0 needs no earlier run. Returns the review's id."""
    return reviews.queue_review(
        visit.database,
        visit.place,
        visit.who,
        int(version_id),
        run_id=run_id or None,
        name=(name or "").strip(),
        readers=int(readers),
        is_blind=is_blind,
    ).id


def find_suspects_for_first_look(visit: Visit, version_id: int, run_id: int, name: str) -> int:
    """The same for one reader, who sees a case's label and the models' view only after a verdict of their own."""
    return reviews.queue_review(
        visit.database,
        visit.place,
        visit.who,
        int(version_id),
        run_id=run_id or None,
        name=(name or "").strip(),
        has_first_look=True,
    ).id


def list_reviews(visit: Visit) -> list[Json]:
    """The project's searches, newest first: state, progress, and as `estimated` the index of labels in doubt, which is
    no estimate of wrong ones: an audit gives that."""
    views = reviews.reviews(visit.database, visit.who, visit.project)
    return [{name: getattr(view, name) for name in LISTED} | {"estimated": view.index} for view in views]


def rename_review(visit: Visit, review_id: int, name: str) -> None:
    """Another name for a review that you began, or as an admin."""
    archiving.rename_review(visit.database, visit.who, review_id, name)


def archive_review(visit: Visit, review_id: int) -> None:
    """Takes a review that you began out of the lists; nothing of it is lost."""
    archiving.archive_review(visit.database, visit.who, review_id)


def bring_back_review(visit: Visit, review_id: int) -> None:
    """Puts an archived review into the lists again."""
    archiving.bring_back_review(visit.database, visit.who, review_id)


def next_suspect(
    visit: Visit, review_id: int, after: int, state: State, label: str, split: str, source: str, text: str
) -> Json:
    """The next case of a review after a rank (0: the first) that fits; empty filters fit all. {} at the end."""
    where = Filter(state=state, label=label, split=split, source=source, text=text)
    suspect = queue.next_suspect(visit.database, visit.who, review_id, where, after)
    return {} if suspect is None else plain(suspect)


def decide(
    visit: Visit,
    review_id: int,
    ranks: list[int],
    action: Action,
    labels: list[str],
    why: str,
    confidence: Confidence,
    key: str,
) -> list[Json]:
    """Keeps your verdict on cases; a key of your own makes sending it again harmless. `labels` are all that a case has
    after a change, [] for no finding."""
    new = labels if action == "change" else None
    kept = verdicts.decide(visit.database, visit.who, review_id, ranks, action, new, why, confidence, key=key)
    return [plain(verdict) for verdict in kept]


def undo_verdict(visit: Visit, review_id: int, key: str) -> list[int]:
    """Takes your last press back; returns the ranks that it was about."""
    return list(verdicts.undo(visit.database, visit.who, review_id, key))


def draw_label_audit(visit: Visit, review_id: int, first: int, others: int) -> Json:
    """Draws the audit of a review, once and for all: so many of the first suspects, and of the others at random. People
    decide on them as on any case; returns the same as `label_audit`."""
    return audits.plain(audits.draw(visit.database, visit.who, int(review_id), first, others))


def label_audit(visit: Visit, review_id: int) -> Json:
    """How far the audit of a review is, and once all of it is decided how many labels are wrong, with a 95 % interval;
    {} where none was drawn."""
    view = audits.label_audit(visit.database, visit.who, int(review_id))
    return {} if view is None else audits.plain(view)


def review_progress(visit: Visit, review_id: int) -> Json:
    """How many cases you and others decided, and how many are seen differently."""
    return plain(queue.progress(visit.database, visit.who, review_id, Filter(state="all")))


def review_agreement(visit: Visit, review_id: int) -> Json:
    """Observed agreement and kappa with its 95 % interval, of each pair of people and with the models."""
    return plain(agreement.agreement(visit.database, visit.who, review_id))


def settle_case(visit: Visit, review_id: int, rank: int, action: Action, labels: list[str], why: str) -> Json:
    """Settles a case that people see differently; `labels` as in a verdict."""
    new = labels if action == "change" else None
    return plain(agreement.settle(visit.database, visit.who, review_id, rank, action, new, why))


def preview_corrections(visit: Visit, review_id: int) -> list[Json]:
    """What the corrected version would change."""
    return [plain(change) for change in corrections.preview(visit.database, visit.who, review_id)]


def apply_corrections(visit: Visit, review_id: int, note: str) -> int:
    """Makes the settled verdicts the next version of the set; returns its id."""
    return corrections.apply(visit.database, visit.place, visit.who, review_id, note).id


def apply_corrections_with_boxes(visit: Visit, review_id: int, note: str) -> int:
    """The same together with the boxes that were corrected since the newest version (`corrected_boxes`)."""
    return corrections.apply(visit.database, visit.place, visit.who, review_id, note, with_boxes=True).id


def revert_version(visit: Visit, version_id: int, note: str) -> int:
    """A new version equal to the one that this one was made from; returns its id."""
    return corrections.revert(visit.database, visit.place, visit.who, version_id, note).id


def version_difference(visit: Visit, old_version_id: int, new_version_id: int) -> list[Json]:
    """The cases whose labels or boxes differ between two versions of a set."""
    changes = corrections.difference(visit.database, visit.who, old_version_id, new_version_id)
    return [plain(change) for change in changes]


def retrain(visit: Visit, run_id: int, version_id: int) -> int:
    """Queues a finished run's settings on a corrected version; returns the new run."""
    return corrections.retrain(visit.database, visit.place, visit.who, run_id, version_id).id


def compare_retrained(visit: Visit, old_run_id: int, new_run_id: int) -> Json:
    """Paired differences on the same test cases, under the old test labels and under the corrected ones."""
    return plain(corrections.retrained(visit.database, visit.place, visit.who, old_run_id, new_run_id))


OFFERED = (
    expected_search,
    find_suspects,
    find_suspects_for_first_look,
    list_reviews,
    rename_review,
    archive_review,
    bring_back_review,
    next_suspect,
    decide,
    undo_verdict,
    review_progress,
    draw_label_audit,
    label_audit,
    review_agreement,
    settle_case,
    preview_corrections,
    apply_corrections,
    apply_corrections_with_boxes,
    revert_version,
    version_difference,
    retrain,
    compare_retrained,
)
"""As API names."""


def chosen(visit: Visit, review_id: int | None) -> ReviewView:
    """The review that the page looks at."""
    if review_id is None:
        raise SettingsError("No search is chosen. Begin one under Find, or choose one at the top of the page.")
    return reviews.review(visit.database, visit.who, int(review_id))


def plain(row: DataclassInstance) -> Json:
    """A row for JSON."""
    return {name: _plain(value) for name, value in asdict(row).items()}


def _plain(value: object) -> object:
    """Times as text, tuples as lists, progress as what is known of it."""
    if isinstance(value, Progress):
        return value.plain()
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value
