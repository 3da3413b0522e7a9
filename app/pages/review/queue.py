"""The queue: a component that shows one case after another and sends verdicts by itself (see routes/reviewing)."""

from __future__ import annotations

from html import escape
from typing import Any, cast

import gradio as gr

from app.html import component_beside
from app.pages.review.card import blank, swatch
from app.pages.review.words import CONFIDENCES, LIMITS, STATES, keys, under_way
from app.set_words import ANY, SPLIT_NAMES
from app.viewer import viewer
from core.case import NO_FINDING, SPLITS
from core.records.access import Who
from core.records.review.reviews import ReviewView
from core.records.tables import UNDER_WAY

PICTURE_HEIGHT = 275


def queue() -> gr.HTML:
    """Its value is what `opened` makes of a review."""
    with gr.HTML(
        {"id": None}, elem_id="review-queue", elem_classes="vt answers-by-digits", **component_beside(__file__)
    ) as made:
        viewer(height=PICTURE_HEIGHT, elem_id="review-picture")
    return cast(gr.HTML, made)


def opened(review: ReviewView | None, who: Who, rank: int | None = None) -> dict[str, Any]:
    """What the component needs to know of a review; where there is nothing to decide on yet, what to do about it."""
    if review is None or review.state != "done":
        return {"id": None, "none": nothing_yet(review)}
    return {
        "id": review.id,
        "person": who.id,
        "rank": rank or 0,
        "names": list(review.answers),
        "is_several": review.kind == "multi",
        "has_first_look": review.has_first_look,
        "confidences": list(CONFIDENCES.items()),
        "answers": "".join(_answer(number, name) for number, name in enumerate(review.answers)),
        "options": _options(review),
        "help": help_text(review.kind),
    }


def nothing_yet(review: ReviewView | None) -> dict[str, Any]:
    """Why there is no case to decide on, and what to do."""
    if review is None:
        return blank("No search yet", "Choose an image set under Find, and have its labels looked through.")
    if review.state in UNDER_WAY:
        text, share = under_way(review), review.progress.share
        return blank("The search is under way", text, share)
    if review.state == "failed":
        fault = f" (id {review.fault_id})" if review.fault_id else ""
        return blank("The search did not get to its end", f"{review.error or 'It says nothing about why.'}{fault}")
    if review.state == "stopped":
        return blank("The search was stopped", "Resume it under Find: finished parts are not done again.")
    return blank("The search was cancelled", "Begin another under Find.")


def help_text(kind: str) -> str:
    """Keys, and what the page can't know."""
    rows = "".join(f"<tr><th><kbd>{key}</kbd></th><td>{does}</td></tr>" for key, does in keys(kind))
    limits = "".join(f"<li>{line}</li>" for line in LIMITS)
    close = '<button type="button" data-do="help">Close</button>'
    return f"<h2>Keys</h2><table>{rows}</table><h2>What to keep in mind</h2><ul>{limits}</ul>{close}"


def _answer(number: int, name: str) -> str:
    key = f"<kbd>{number + 1}</kbd> " if number < 9 else ""
    return (
        f'<button type="button" data-answer="{number}" title="{escape(name)}">{key}{swatch(number)}'
        f"<span>{escape(name)}</span></button>"
    )


def _options(review: ReviewView) -> dict[str, list[tuple[str, str]]]:
    """Value and text of each choice, by list. Before a first look nothing is chosen by what is hidden."""
    labels = (*review.answers, NO_FINDING) if review.kind == "multi" else review.answers
    named = [] if review.has_first_look else [(name, name) for name in labels]
    sources = () if review.has_first_look else review.sources
    return {
        "state": [(value, text) for text, value in STATES],
        "label": [("", f"Given label: {ANY}"), *named],
        "suggested": [("", f"Models suggest: {ANY}"), *named],
        "split": [("", f"Split: {ANY}"), *((split, SPLIT_NAMES[split]) for split in SPLITS)],
        "source": [("", f"Evidence: {ANY}"), *((source.name, source.title) for source in sources)],
    }
