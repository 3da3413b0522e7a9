"""A case of the queue as the browser places it: what is said of it, the evidence, its neighbours, the verdicts.

Colours are those of every figure: one a class, one a reader. What is taken for markup has all escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from app.charts import class_colour
from app.pages.review.words import decided
from app.set_words import SPLIT_NAMES, named
from app.words import ago
from core.readings.reader import TSM
from core.records.review.queue import Filter, Neighbour, ReviewProgress, SuspectView
from core.records.review.reviews import ReviewView
from core.records.review.verdicts import VerdictView
from core.records.runs.finding import Alike
from core.statistics.rounding import rounded

FIRST_LOOK = "What do you see?"
VEILED = (
    "A blind first look: the label that the file has, the file's name and what the models say are shown once you have "
    "chosen an answer, said unsure, or excluded the case."
)
LOOKED = "Your first look is kept. Decide again if you see it otherwise now, or go on with →."
MOST_BARS, MOST_NEIGHBOURS = 8, 6
GIVEN = '<em title="given label">◆</em> '
HATCHES = {
    "": "",
    "/": ";background-image:repeating-linear-gradient(45deg,#fff8 0 2px,transparent 2px 4px)",
    "x": ";background-image:repeating-conic-gradient(#fff8 0 25%,transparent 0 50%);background-size:6px 6px",
    ".": ";background-image:radial-gradient(#fffc 1px,transparent 1.5px);background-size:4px 4px",
}


def card(
    review: ReviewView,
    suspect: SuspectView,
    history: Sequence[VerdictView] = (),
    alike: Alike | None = None,
    is_deep: bool = False,
) -> dict[str, Any]:
    """The pieces that the browser puts in their places, and the few facts that its keys need."""
    return {
        "rank": suspect.rank,
        "picture": picture(review, suspect),
        "levels": levels(review, suspect) if is_deep else "",
        "thumbs": [
            f"/images/{review.version_id}/{near.number}?size=thumb" for near in suspect.neighbours[:MOST_NEIGHBOURS]
        ],
        "is_veiled": suspect.is_veiled,
        "given_at": places(suspect.given, review.answers),
        "suggested_at": places(suspect.suggested, review.answers),
        "group_size": 1 if suspect.group is None or review.has_first_look else suspect.group_size,
        "head": head(review, suspect),
        "about": about(suspect),
        "name": suspect.name,
        "side": side(review, suspect, history, alike),
    }


def picture(review: ReviewView, suspect: SuspectView) -> str:
    """Its address. Where a first look is asked for one that does not tell where in its set the case is."""
    if review.has_first_look:
        return f"/reviews/{review.id}/cases/{suspect.rank}/picture"
    return f"/images/{review.version_id}/{suspect.number}?size=full"


def levels(review: ReviewView, suspect: SuspectView) -> str:
    """The address of a deep picture's levels, as little telling."""
    if review.has_first_look:
        return f"/reviews/{review.id}/cases/{suspect.rank}/levels"
    return f"/images/{review.version_id}/{suspect.number}/levels"


def places(labels: Sequence[str], answers: Sequence[str]) -> list[int]:
    """Which answers the labels are."""
    return [number for number, name in enumerate(answers) if name in labels]


def swatch(number: int) -> str:
    """A class's colour as a small square."""
    colour, pattern = class_colour(number)
    return f'<i class="swatch" style="background-color:{colour}{HATCHES[pattern]}" aria-hidden="true"></i>'


def drawn_labels(labels: Sequence[str], answers: Sequence[str]) -> str:
    return f'<b class="label">{"".join(map(swatch, places(labels, answers)))}{escape(named(labels))}</b>'


def head(review: ReviewView, suspect: SuspectView) -> str:
    """Both labels, and in a sentence why the case is here; before a first look, what is asked."""
    if suspect.is_veiled:
        return f'<p class="labels"><b>{FIRST_LOOK}</b></p><p class="reason">{VEILED}</p>'
    return (
        f'<p class="labels"><span>Given label {drawn_labels(suspect.given, review.answers)}</span>'
        f"<span>models suggest {drawn_labels(suspect.suggested, review.answers)}</span></p>"
        f'<p class="reason" title="{escape(suspect.why)}">{escape(suspect.why)}</p>'
    )


def about(suspect: SuspectView) -> str:
    """A line of plain text."""
    name = f" · {suspect.name}" if suspect.name else ""
    split = SPLIT_NAMES.get(suspect.split or "", "no split")
    patient = f" · patient {suspect.patient}" if suspect.patient else ""
    return f"No. {suspect.rank:,}{name} · {split}{patient}"


def side(review: ReviewView, suspect: SuspectView, history: Sequence[VerdictView], alike: Alike | None = None) -> str:
    if suspect.is_veiled:
        return ""
    return (
        f'<section class="evidence" aria-label="Evidence"><h2>Evidence <small>0 to 1, higher: look sooner</small></h2>'
        f"{evidence(review, suspect)}</section>"
        '<section class="readings" aria-label="Readings"><h2>Answers by a model that never saw this case '
        f"<small>raw</small></h2>{readings(review, suspect)}</section>"
        '<section class="near" aria-label="Nearest cases"><h2>Most alike <small>with their given labels'
        f"{_of_others(suspect)}</small></h2>{neighbours(review, suspect.neighbours)}</section>"
        f"{by_index(review, alike, _of_others(suspect))}"
        f'<section class="verdicts" aria-label="Verdicts">{verdicts_so_far(review, suspect, history)}</section>'
    )


def _of_others(suspect: SuspectView) -> str:
    """Where the patient is not known, nothing is left out for it."""
    return ", never of the same patient" if suspect.patient else ""


def evidence(review: ReviewView, suspect: SuspectView) -> str:
    """Every source's say as a bar from 0 to 1; a source without a say says so."""
    rows = []
    for source in review.sources:
        value = suspect.evidence.get(source.name)
        shown = "no say" if value is None else escape(rounded(value, 2))
        rows.append(
            f'<span class="name" title="{escape(source.about)}">{escape(source.title)}</span>'
            f"{_bar(value or 0.0, 'var(--warn)')}<span class=n>{shown}</span>"
        )
    rows.append(
        f'<span class="name all">All together</span>{_bar(suspect.score, "var(--bad)")}'
        f'<span class="n all">{escape(rounded(suspect.score, 2))}</span>'
    )
    return f'<div class="bars">{"".join(rows)}</div>'


def readings(review: ReviewView, suspect: SuspectView) -> str:
    """The whole distribution, or its largest part where there are many answers; the given label is marked."""
    if not suspect.probabilities:
        return '<p class="quiet small">No model answered for this case.</p>'
    given = places(suspect.given, review.answers)
    order = sorted(range(len(suspect.probabilities)), key=lambda number: -suspect.probabilities[number])
    kept = sorted({*order[:MOST_BARS], *given[:1]} if len(order) > MOST_BARS else order)
    marks = [GIVEN if number in given else "" for number in range(len(review.answers))]
    rows = [
        f'<span class="name" title="{escape(review.answers[number])}">'
        f"{swatch(number)}{marks[number]}{escape(review.answers[number])}</span>"
        f"{_bar(suspect.probabilities[number], TSM.colour)}"
        f"<span class=n>{escape(rounded(suspect.probabilities[number], 2))}</span>"
        for number in kept
    ]
    left = len(order) - len(kept)
    more = f'<p class="quiet small">and {left} answers with less</p>' if left else ""
    return f'<div class="bars">{"".join(rows)}</div>{more}'


def _of_neighbour(neighbour: Neighbour) -> str:
    """What its picture says on hover."""
    return f"{neighbour.name}: {rounded(neighbour.similarity, 2)} alike, {named(neighbour.labels)}"


def neighbours(review: ReviewView, nearest: Sequence[Neighbour]) -> str:
    if not nearest:
        return '<p class="quiet small">No labelled case is near.</p>'
    figures = "".join(
        f'<figure title="{escape(_of_neighbour(neighbour))}">'
        f'<img src="/images/{review.version_id}/{neighbour.number}?size=thumb" alt="{escape(neighbour.name)}">'
        f"<figcaption>{drawn_labels(neighbour.labels, review.answers)}</figcaption></figure>"
        for neighbour in nearest[:MOST_NEIGHBOURS]
    )
    return f'<div class="row">{figures}</div>'


def by_index(review: ReviewView, alike: Alike | None, whose: str) -> str:
    """The nearest cases by the index of the search's run, where that has one; `whose` says which are left out."""
    near = [
        Neighbour(alike.numbers[match.case], match.case, match.labels, match.cosine)
        for match in (alike.matches if alike else ())
        if alike and match.case in alike.numbers
    ]
    if not near:
        return ""
    return (
        '<section class="near" aria-label="Nearest cases by the run"><h2>Most alike by the run <small>which learned '
        f"from these labels{whose}</small></h2>{neighbours(review, near)}</section>"
    )


def verdicts_so_far(review: ReviewView, suspect: SuspectView, history: Sequence[VerdictView]) -> str:
    """One's own verdict, other people's unless they are hidden, and what was taken back."""
    lines = [_line("You", suspect.mine)] if suspect.mine is not None else ["No verdict by you yet."]
    lines += [_line(other.person, other) for other in suspect.others]
    if review.has_first_look and suspect.mine is not None:
        lines.append(f'<span class="quiet">{LOOKED}</span>')
    if review.is_blind and review.readers > 1 and not suspect.others:
        hidden = f"What others decided is hidden until {review.readers} people have decided."
        lines.append(f'<span class="quiet">{hidden}</span>')
    standing = "".join(f"<li>{line}</li>" for line in lines)
    older = "".join(f"<li>{_line(row.person, row)}</li>" for row in history)
    past = f"<details><summary>History ({len(history)})</summary><ul>{older}</ul></details>" if history else ""
    return f"<h2>Verdicts</h2><ul>{standing}</ul>{past}"


def batch(review: ReviewView, alike: Sequence[SuspectView], rank: int) -> str:
    """Near-identical pictures to tick; those already decided by this person are not."""
    boxes = "".join(
        f'<label><input type="checkbox" value="{suspect.rank}"'
        f"{'' if suspect.mine and suspect.rank != rank else ' checked'}>"
        f'<img src="/images/{review.version_id}/{suspect.number}?size=thumb" alt="{escape(suspect.name)}" '
        'loading="lazy">'
        f'<span title="{escape(named(suspect.given))}">{escape(named(suspect.given))}</span></label>'
        for suspect in alike
    )
    title = f"{len(alike)} near-identical pictures. The next verdict goes to those ticked; B leaves the batch."
    return f'<h2>{title}</h2><div class="row">{boxes}</div>'


def blank(title: str, text: str, share: float | None = None) -> dict[str, Any]:
    """What stands in a case's place: plain words, and a bar where something is under way."""
    return {"title": title, "text": text, "share": share}


def nothing_left(where: Filter, progress: ReviewProgress) -> dict[str, Any]:
    """What stands in the queue's place when no case fits any more."""
    if where != Filter(state=where.state):
        return blank("No more cases fit this filter", "Choose “any” in the lists above, or clear the search.")
    if where.state == "disputed":
        return blank("Nobody sees a case differently", "Cases come here when two people's verdicts differ.")
    if where.state == "audit":
        text = "What the audit comes to stands under Find; that is also where one is drawn."
        return blank("Nothing of an audit is left for you to decide", text)
    if where.state in ("mine", "decided"):
        return blank("No more verdicts here", "Choose “Not yet decided by me” above to go on.")
    text = f"You have decided {progress.mine:,} of {progress.cases:,} cases. Settle what people see differently under "
    return blank("You have been through every case", text + "Agree, then make the next version under Correct.")


def _line(person: str, verdict: VerdictView) -> str:
    why = f": “{escape(verdict.why)}”" if verdict.why else ""
    return f'<b>{escape(person)}</b> {escape(decided(verdict))}{why} <span class="quiet">{ago(verdict.at)}</span>'


def _bar(share: float, colour: str) -> str:
    return f'<span class="bar"><i style="width:{100 * min(1.0, max(0.0, share)):.0f}%;background:{colour}"></i></span>'
