"""A review to take away: every verdict as a table or as JSON, and reviewed cases with boxes as COCO."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from core.case import Box, Task
from core.errors import DataError, SettingsError
from core.layouts.coco import CocoPicture, coco_text, names_of
from core.layouts.manifest_cells import labels_cell
from core.layouts.safe_csv import as_csv
from core.pictures.pixels import size_of
from core.pictures.store import open_store
from core.records.access import Who
from core.records.audit import note
from core.records.database import Database
from core.records.labels import Names
from core.records.place import Place
from core.records.review import agreement, audits, reviews, verdicts
from core.records.review.reviews import ReviewView, allowed_review
from core.records.review.verdicts import VerdictView
from core.records.sets.drawn import has_drawn
from core.records.tables import Case, Suspect, Verdict, Version

NOTICE = "Research use only. Verdicts are people's opinions on pictures, not diagnoses."
COLUMNS = (
    "verdict",
    "rank",
    "case",
    "split",
    "patient",
    "given",
    "suggested",
    "score",
    "person",
    "action",
    "labels",
    "confidence",
    "why",
    "seconds",
    "is_settlement",
    "takes_back",
    "is_first_look",
    "at",
)
READ_AT_ONCE = 8
Made = Callable[[Database, Place, Who, ReviewView], tuple[str, bytes]]


def exported(db: Database, place: Place, who: Who, review_id: int, kind: str) -> tuple[str, bytes]:
    """A file's name and what is in it; `kind` is csv, json or coco."""
    if kind not in KINDS:
        raise SettingsError(f'Reviews can\'t be exported as "{kind}". Choose one of {", ".join(KINDS)}.')
    view = reviews.review(db, who, review_id)
    name, content = KINDS[kind](db, place, who, view)
    with db.session() as session:
        note(session, who, "export review", view.project_id, view.name, review=review_id, kind=kind)
    return name, content


def kinds(db: Database, who: Who, review_id: int) -> list[str]:
    """As what a review can be taken away: COCO is about boxes, so some case of the version has to have one."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        is_boxed = has_drawn(session, review.version_id, ["boxes"])
    return [kind for kind in KINDS if kind != "coco" or is_boxed]


def _table(db: Database, place: Place, who: Who, view: ReviewView) -> tuple[str, bytes]:
    rows = ([_cell(row[name], view) for name in COLUMNS] for row in _rows(db, who, view))
    return f"{view.name} verdicts.csv", as_csv(COLUMNS, rows).encode()


def _cell(value: Any, view: ReviewView) -> Any:
    return labels_cell(value, view.kind) if isinstance(value, tuple) else value


def _json(db: Database, place: Place, who: Who, view: ReviewView) -> tuple[str, bytes]:
    agreed, audit = agreement.consensus(db, who, view.id), audits.label_audit(db, who, view.id)
    content = {
        "notice": NOTICE,
        "review": view.name,
        "set": view.set,
        "version": view.version,
        "cases": view.cases,
        "estimated_errors": view.index,
        "label_audit": None if audit is None else audits.plain(audit),
        "answers": view.answers,
        "readers": view.readers,
        "is_blind": view.is_blind,
        "has_first_look": view.has_first_look,
        "verdicts": _rows(db, who, view),
        "agreement": asdict(agreement.agreement(db, who, view.id)),
        "consensus": [{"rank": rank, **vars(consensus)} for rank, consensus in agreed.items()],
    }
    return f"{view.name} verdicts.json", json.dumps(content, ensure_ascii=False).encode()


def _coco(db: Database, place: Place, who: Who, view: ReviewView) -> tuple[str, bytes]:
    """Reviewed cases that have boxes, with what people made of each beside its picture."""
    by_rank: dict[int, list[VerdictView]] = {}
    for verdict in verdicts.history(db, who, view.id):
        by_rank.setdefault(verdict.rank, []).append(verdict)
    cases = [case for case in _cases(db, view) if case.rank in by_rank and case.more.get("boxes")]
    if not cases:
        raise DataError(
            "No reviewed case of this set has a box, and COCO is about boxes. Export the verdicts as CSV or JSON."
        )
    sizes, agreed = _sizes(place, {case.digest for case in cases}), agreement.consensus(db, who, view.id)
    pictures = []
    for case in cases:
        consensus = agreed.get(case.rank)
        more = {
            "given": case.given,
            "consensus": vars(consensus) if consensus else None,
            "verdicts": [_plain(verdict) for verdict in by_rank[case.rank]],
        }
        boxes = [Box(**box) for box in case.more["boxes"]]
        pictures.append(CocoPicture(case.number, case.name, *sizes[case.digest], boxes, more=more))
    about = f"{view.name}: {view.set}, version {view.version}. {NOTICE}"
    names = names_of(_task(db, view).answers, [box for picture in pictures for box in picture.boxes])
    text = "".join(coco_text(pictures, names, about, is_masked=False))
    return f"{view.name} coco.json", text.encode()


KINDS: dict[str, Made] = {"csv": _table, "json": _json, "coco": _coco}


def _rows(db: Database, who: Who, view: ReviewView) -> list[dict[str, Any]]:
    """A row for each verdict that the person may see, oldest first, and whether it was given while all was hidden."""
    history = verdicts.history(db, who, view.id)
    query = select(
        Suspect.rank, Suspect.name.label("case"), Suspect.split, Suspect.patient, Suspect.suggested, Suspect.score
    )
    with db.reading() as session:
        about = {row.rank: row._asdict() for row in session.execute(query.where(*_decided(view)))}
        first = set(session.scalars(verdicts.first_looks(view.id))) if view.has_first_look else set()
    return [{**_plain(row), "is_first_look": row.id in first, **about[row.rank]} for row in history]


def _cases(db: Database, view: ReviewView) -> Sequence[Row[int, Names, int, str, str, dict[str, Any]]]:
    """The cases that somebody decided on, by rank."""
    is_its = (Case.version_id == view.version_id) & (Case.number == Suspect.number)
    query = select(Suspect.rank, Suspect.given, Case.number, Case.name, Case.digest, Case.more).join(Case, is_its)
    with db.reading() as session:
        return session.execute(query.where(*_decided(view)).order_by(Suspect.rank)).all()


def _decided(view: ReviewView) -> tuple[ColumnElement[bool], ...]:
    """Of suspects: that there ever was a verdict on them."""
    ranks = select(Verdict.rank).where(Verdict.review_id == view.id)
    return Suspect.review_id == view.id, Suspect.rank.in_(ranks)


def _sizes(place: Place, digests: Iterable[str]) -> dict[str, tuple[int, int]]:
    """{digest: width and height}; pictures may be far away, so several are asked for at once."""
    store, wanted = open_store(place.store), list(digests)
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        return dict(zip(wanted, threads.map(lambda digest: size_of(store.get(digest), digest), wanted), strict=True))


def _task(db: Database, view: ReviewView) -> Task:
    with db.reading() as session:
        return Task.parse(session.get_one(Version, view.version_id).task, "task")


def _plain(verdict: VerdictView) -> dict[str, Any]:
    facts = dict(vars(verdict))
    return {"verdict": facts.pop("id"), **facts, "at": verdict.at.isoformat(timespec="seconds")}
