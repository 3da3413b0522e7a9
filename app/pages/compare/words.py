"""Readings in words: what the page Compare writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlencode

from app.set_words import named
from app.words import grouped_rows, reader_name
from core.readings.answer import Answer, Conclusion, little_explored
from core.readings.other_scores import TITLES as OTHER_SCORES
from core.readings.other_scores import other_scores
from core.readings.reader import Reader, in_groups
from core.records.runs.comparison import CaseView, Comparison
from core.records.runs.finding import Alike
from core.records.runs.outcomes import Match
from core.statistics.rounding import rounded

ERASED = "The images of this run were erased for good. What its readers said of them stays."


def concluded(comparison: Comparison, case: CaseView) -> dict[Reader, Conclusion]:
    """What each reader of the run that read the case concludes, group by group."""
    readers = (reader for reader in in_groups(comparison.readers) if reader.name in case.conclusions)
    return {reader: case.conclusions[reader.name] for reader in readers}


def answers_of(conclusions: Mapping[Reader, Conclusion]) -> dict[Reader, Answer]:
    return {reader: conclusion.answer for reader, conclusion in conclusions.items()}


def calibrated_by(comparison: Comparison) -> str:
    """By what its probabilities can be calibrated; nothing where they can't."""
    cases = comparison.validated
    return f"Learned on {cases:,} validation cases." if cases else ""


def answers_table(
    conclusions: Mapping[Reader, Conclusion], reference: Sequence[str] | None, is_calibrated: bool = False
) -> str:
    """Every reader's answer, entropy and free text; right or not only where the reference label is shown."""
    kinds = {
        statement.KIND: statement.TITLE for conclusion in conclusions.values() for statement in conclusion.answer.said
    }
    probability = "Calibrated probability" if is_calibrated else "Raw probability"
    head = f"<th>Reader</th><th>Model answer</th><th>{probability}</th><th>Entropy, bits</th><th>Said freely</th>"
    head += "".join(f"<th>{escape(title)}</th>" for title in kinds.values())
    head += "<th>Beside the reference label</th>" if reference is not None else ""
    columns = 5 + len(kinds) + (reference is not None)
    rows = grouped_rows(
        conclusions,
        columns,
        lambda reader: _line(reader, conclusions[reader], list(kinds), reference, is_calibrated),
    )
    return f'<div class="vt"><table><tr>{head}</tr>{rows}</table></div>'


def counted(at: int, count: int, order: str, measure: float | None) -> str:
    """Which of how many, and what they are sorted by."""
    if order == "case":
        return f"{at + 1} of {count}"
    sorted_by = "entropy" if order == "entropy" else "gap"
    if measure is None:
        return f"{at + 1} of {count}, no {sorted_by}"
    return f"{at + 1} of {count}, {sorted_by} {f'{measure:.2f} bits' if order == 'entropy' else f'{measure:+.3f}'}"


def case_title(
    case: CaseView, counted: str, is_shown: bool, editor: str = "", is_drawn_on: bool = False, is_erased: bool = False
) -> str:
    """The case's name, its reference label where it is asked for, the way to the editor of its boxes if any, and whose
    what is drawn on it is; or that its picture was erased."""
    label = ", ".join(case.labels) or "no finding"
    reference = f"reference label: <b>{escape(label)}</b>" if is_shown else "reference label hidden"
    patient = f" · patient {escape(case.patient)}" if case.patient else ""
    edit = f' · <a href="{escape(editor)}">Correct its boxes</a>' if editor else ""
    of_reference = ", the reference in white" if is_shown and case.references else ""
    key = f'<br><small class="quiet">Drawn in each reader\'s colour{of_reference}.</small>' if is_drawn_on else ""
    key = f'<br><small class="quiet">{ERASED}</small>' if is_erased else key
    return f"<p>{counted} · <b>{escape(case.name)}</b>{patient}<br>{reference}{edit}{key}</p>"


def alike_cases(alike: Alike, run_id: int, case: CaseView) -> str:
    """Thumbnails of the nearest labelled cases, and the way to more of them; nothing where the run has no index."""
    drawn = [_alike(alike, match) for match in alike.matches if match.case in alike.numbers]
    if not drawn:
        return ""
    more = f"/find?{urlencode({'run': run_id, 'case': case.name})}"
    whose = "of other patients, " if case.patient else ""
    return (
        f'<div class="vt"><h2>Nearest labelled cases <small class="quiet">{whose}by likeness; '
        f'<a href="{escape(more)}">more on Find</a></small></h2><div class="seen alike">{"".join(drawn)}</div></div>'
    )


def _alike(alike: Alike, match: Match) -> str:
    src, name = f"/images/{alike.version_id}/{alike.numbers[match.case]}?size=thumb", escape(match.case)
    return (
        f'<figure><img class="thumb" loading="lazy" src="{src}" alt="{name}" title="{name}">'
        f"<figcaption>{escape(named(match.labels))}<br>{escape(rounded(match.cosine))}</figcaption></figure>"
    )


def tokens_table(case: CaseView, answers: Sequence[str]) -> list[list[str | float]]:
    """Each candidate's log-likelihood, the same by its length and against a blank picture, and token by token."""
    return [
        [
            reader,
            answers[place],
            round(sum(values), 3),
            *(round(scores[score][place], 3) if score in scores else "–" for score in OTHER_SCORES),
            "  ".join(f"{value:.2f}" for value in values),
        ]
        for reader, conclusion in case.conclusions.items()
        for scores in [other_scores(conclusion.answer)]
        for place, values in enumerate(conclusion.answer.token_log_likelihoods[: len(answers)])
    ]


def _said_freely(reader: Reader, answer: Answer) -> str:
    if answer.text is not None:
        return escape(answer.text)
    return "–" if reader.has_words else '<span class="quiet">has no words</span>'


def _answer(conclusion: Conclusion) -> str:
    """The labels, and where much of what several may be was not read, how much was."""
    labels = escape(", ".join(conclusion.labels) or "no finding")
    little = little_explored(conclusion.answer.explored)
    return f'{labels}<br><small class="quiet">{escape(little)}</small>' if little else labels


def _line(
    reader: Reader,
    conclusion: Conclusion,
    kinds: Sequence[str],
    reference: Sequence[str] | None,
    is_calibrated: bool,
) -> str:
    answer = conclusion.answer
    is_raw = is_calibrated and conclusion.calibrated is None
    statements = {statement.KIND: statement.words() for statement in answer.said}
    cells = [
        reader_name(reader),
        _answer(conclusion),
        escape(rounded(max(answer.probabilities, default=0.0))) + (" <small>raw</small>" if is_raw else ""),
        f"{conclusion.entropy:.2f}",
        _said_freely(reader, answer),
        *(escape(statements.get(kind, "–")) for kind in kinds),
    ]
    if reference is not None:
        cells.append("agrees" if set(conclusion.labels) == set(reference) else "differs")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
