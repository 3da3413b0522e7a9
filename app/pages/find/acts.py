"""Searching a run: the functions behind the page's button and its API names."""

from __future__ import annotations

from app.brought import sent_bytes
from app.visit import Json, Visit
from core.records.runs import finding


def find(
    visit: Visit,
    run_id: int,
    words: str,
    image: str,
    case: int,
    most: int,
    splits: list[str],
    leaves_out_patient: bool,
) -> int:
    """Search a finished, searchable run by words, or (image given as base64) by a picture, or else by the number of a
    case; returns the job.

    An empty list of splits is all of them. The patient that can be left out is the case's own."""
    wanted: str | bytes | int = words or (sent_bytes(image) if image else case)
    return finding.find(visit.database, visit.place, visit.who, run_id, wanted, most, splits, leaves_out_patient)


def find_matches(visit: Visit, job_id: int) -> Json:
    """How far a search is: state, error, and the nearest cases once it is done, the nearest first."""
    search = finding.matches(visit.database, visit.who, job_id)
    return {
        "state": search.state,
        "error": search.error,
        "set": search.set,
        "searched": search.searched,
        "seconds": search.seconds,
        "matches": [
            match.plain() | {"number": search.numbers.get(match.case), "version": search.version_id}
            for match in search.matches
        ],
    }
