"""What the page Review does, as typed API names for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal, cast

import gradio as gr
from gradio.events import api

from app.context import Studio, guarded
from app.pages.review.find import Finding
from core.records.review import agreement, corrections, queue, reviews, verdicts
from core.records.review.queue import Filter

State = Literal["open", "mine", "decided", "disputed", "all"]
Action = Literal["keep", "change", "unsure", "exclude"]
Confidence = Literal["sure", "fairly", "guess"]
KNOWN = ("id", "name", "set", "version_id", "run_id", "state", "progress", "error", "cases", "estimated", "low", "high")


def add_names(studio: Studio, finding: Finding) -> None:
    db, place = studio.database, studio.place

    def find_suspects(
        version_id: int, run_id: int, readers: int, is_blind: bool, name: str, request: gr.Request
    ) -> int:
        """Queues a search through a version's labels; run_id 0 needs no earlier run. Returns the review's id."""
        return finding.queue(version_id, run_id, readers, is_blind, name, request)

    def list_reviews(request: gr.Request) -> list[dict[str, Any]]:
        """The project's searches, newest first: state, progress, and the estimate with its interval."""
        found = reviews.reviews(db, studio.who(request), studio.project(request))
        return [{name: getattr(one, name) for name in KNOWN} for one in found]

    def next_suspect(
        review_id: int, after: int, state: State, label: str, split: str, source: str, text: str, request: gr.Request
    ) -> dict[str, Any]:
        """The next case of a review after a rank (0: the first) that fits; empty filters fit all. {} at the end."""
        where = Filter(state=state, label=label, split=split, source=source, text=text)
        found = queue.next_suspect(db, studio.who(request), review_id, where, after)
        return {} if found is None else plain(found)

    def decide(
        review_id: int,
        ranks: list[int],
        action: Action,
        label: str,
        why: str,
        confidence: Confidence,
        key: str,
        request: gr.Request,
    ) -> list[dict[str, Any]]:
        """Keeps your verdict on cases; a key of your own makes sending it again harmless. `label` for a change."""
        made = verdicts.decide(db, studio.who(request), review_id, ranks, action, label, why, confidence, key=key)
        return [plain(one) for one in made]

    def undo_verdict(review_id: int, key: str, request: gr.Request) -> list[int]:
        """Takes your last press back; returns the ranks that it was about."""
        return list(verdicts.undo(db, studio.who(request), review_id, key))

    def review_progress(review_id: int, request: gr.Request) -> dict[str, Any]:
        """How many cases you and others decided, and how many are seen differently."""
        return asdict(queue.progress(db, studio.who(request), review_id, Filter(state="all")))

    def review_agreement(review_id: int, request: gr.Request) -> dict[str, Any]:
        """Observed agreement and kappa with its 95 % interval, of each pair of people and with the models."""
        return plain(agreement.agreement(db, studio.who(request), review_id))

    def settle_case(
        review_id: int, rank: int, action: Action, label: str, why: str, request: gr.Request
    ) -> dict[str, Any]:
        """Settles a case that people see differently."""
        return plain(agreement.settle(db, studio.who(request), review_id, rank, action, label, why))

    def preview_corrections(review_id: int, request: gr.Request) -> list[dict[str, Any]]:
        """What the corrected version would change."""
        return [plain(one) for one in corrections.preview(db, studio.who(request), review_id)]

    def apply_corrections(review_id: int, note: str, request: gr.Request) -> int:
        """Makes the settled verdicts the next version of the set; returns its id."""
        return corrections.apply(db, place, studio.who(request), review_id, note).id

    def revert_version(version_id: int, note: str, request: gr.Request) -> int:
        """A new version equal to the one that this one was made from; returns its id."""
        return corrections.revert(db, place, studio.who(request), version_id, note).id

    def version_difference(old_version_id: int, new_version_id: int, request: gr.Request) -> list[dict[str, Any]]:
        """The cases whose labels differ between two versions of a set."""
        found = corrections.difference(db, studio.who(request), old_version_id, new_version_id)
        return [plain(one) for one in found]

    def retrain(run_id: int, version_id: int, request: gr.Request) -> int:
        """Queues a finished run's settings on a corrected version; returns the new run."""
        return corrections.retrain(db, place, studio.who(request), run_id, version_id).id

    def compare_retrained(old_run_id: int, new_run_id: int, request: gr.Request) -> dict[str, Any]:
        """Paired differences on the same test cases, under the old test labels and under the corrected ones."""
        return plain(corrections.retrained(db, place, studio.who(request), old_run_id, new_run_id))

    names: list[Callable[..., Any]] = [
        find_suspects,
        list_reviews,
        next_suspect,
        decide,
        undo_verdict,
        review_progress,
        review_agreement,
        settle_case,
        preview_corrections,
        apply_corrections,
        revert_version,
        version_difference,
        retrain,
        compare_retrained,
    ]
    for fn in names:
        api(guarded(fn), api_name=fn.__name__)


def plain(row: Any) -> dict[str, Any]:
    """A row for JSON."""
    return cast(dict[str, Any], _plain(asdict(row)))


def _plain(value: Any) -> Any:
    """Times as text, tuples as lists."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value
