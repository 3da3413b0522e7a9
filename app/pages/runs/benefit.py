"""Did it help? What a finished run opens on: a sentence, a table of paired differences, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from app.html import figure_cell
from app.words import chip, reader_name
from core.readings.benefit import Duel, Gap, about_bands, duel_words
from core.readings.tables import of_before
from core.records.runs.benefits import Judged, WorthJudged, judged, left_out, worth_judged
from core.records.runs.runs import RunView
from core.records.runs.seeds import seed_of, spread, spread_words
from core.statistics.effect import INTERVAL
from core.statistics.rounding import rounded

MARKS = {"helped": "good", "harmed": "bad", "open": "warn", None: ""}
NOT_COMPARED = "Its figures hold no comparison of its readers, so it can't be told whether it helped."


def draw(run: RunView, of_seeds: tuple[RunView, ...] = ()) -> str:
    """Nothing until a run is finished. `of_seeds` are the runs that are like it but for their seed, and itself."""
    if run.metrics is None or run.state != "done":
        return ""
    answers = judged(run, finished_count(of_seeds))
    if not answers:
        return f'<div class="vt"><p class="quiet">{NOT_COMPARED}</p></div>'
    which = f"Difference: the reader less the one it is held against, {INTERVAL}{of_before(run.metrics)}"
    which += about_bands(answer.benefit for answer in answers)
    note = f'<p class="small quiet">{which}</p>'
    parts = [*(_worth(run, each) for each in worth_judged(run)), *(_answer(run, answer) for answer in answers)]
    missing = "".join(f'<p class="small quiet">{escape(why)}</p>' for why in left_out(run))
    return f'<div class="vt">{"".join(parts)}{missing}{note}{_seeds(run, of_seeds)}</div>'


def _worth(run: RunView, judged_worth: WorthJudged) -> str:
    duel = judged_worth.worth.duel
    question, _, answer = judged_worth.sentence.partition("?")
    words = f'<div class="notice {MARKS[duel.effect]}"><b>{escape(question)}?</b>{escape(answer)}</div>'
    return words + _table(run, (duel,))


def finished_count(of_seeds: Sequence[RunView]) -> int:
    return sum(bool(each.figures) for each in of_seeds)


def _seeds(run: RunView, of_seeds: Sequence[RunView]) -> str:
    """The table of several seeds, and which of them are not there yet."""
    if len(of_seeds) < 2:
        return ""
    ways = [
        f'<a href="/runs?run={each.id}">seed {seed_of(each)}</a> {chip(each.state, each.wish)}' for each in of_seeds
    ]
    runs_of_seeds = f'<p class="small">{" · ".join(ways)}</p>'
    table = spread(run, tuple(of_seeds))
    if table is None:
        return f"<h2>Several seeds</h2>{runs_of_seeds}"
    heads = "".join(f"<th class=n>{escape(head)}</th>" for head in table.heads[1:])
    rows = "".join(
        f"<tr><td>{escape(row[0])}</td>{''.join(f'<td class=n>{cell}</td>' for cell in row[1:])}</tr>"
        for row in table.rows
    )
    return (
        f"<h2>Several seeds</h2><p>{escape(spread_words(run, table))}</p>"
        f'<table class="seeds"><tr><th>{escape(table.title)}</th>{heads}</tr>{rows}</table>'
        f'{runs_of_seeds}<p class="small quiet">{escape(table.note)}</p>'
    )


def _answer(run: RunView, answer: Judged) -> str:
    benefit = answer.benefit
    mark = MARKS[benefit.duels[0].effect]
    points = "".join(f"<li>{escape(text)}</li>" for text in answer.meaning)
    parts = [
        f'<div class="notice {mark}"><b>Did it help?</b> {escape(answer.sentence)}</div>',
        _table(run, benefit.duels),
        _table(run, benefit.beside),
        f'<ul class="told">{points}</ul>' if points else "",
    ]
    return "".join(parts)


def _table(run: RunView, duels: Sequence[Duel]) -> str:
    if not duels:
        return ""
    first = max(duels, key=lambda duel: len(duel.gaps))
    heads = [f"<th class=n>{escape(gap.title)}, difference</th>" for gap in first.gaps[1:]]
    deciding = (
        f"<th class=n>{escape(first.deciding.title)}</th><th class=n>Of the other</th><th class=n>Difference</th>"
    )
    head = f"<tr><th>Reader</th><th>Against</th>{deciding}{''.join(heads)}<th>In words</th></tr>"
    rows = "".join(_row(run, duel, len(first.gaps)) for duel in duels)
    return f'<table class="duels">{head}{rows}</table>'


def _row(run: RunView, duel: Duel, columns: int) -> str:
    gap = duel.deciding
    cells = [f"<td>{reader_name(run.reader(name))}</td>" for name in (duel.reader, duel.rival)]
    cells += [f"<td class=n>{_number(value)}</td>" for value in (gap.value, gap.of_rival)]
    cells += [f"<td class=n>{_difference(each)}</td>" for each in duel.gaps]
    cells += ["<td class=n>–</td>"] * (columns - len(duel.gaps))
    return f"<tr>{''.join(cells)}<td>{duel_words(duel)}</td></tr>"


def _difference(gap: Gap) -> str:
    cell = figure_cell(gap.words())
    return f"<b>{cell}</b>" if gap.effect in ("helped", "harmed") else cell


def _number(value: float | None) -> str:
    return "–" if value is None else escape(rounded(value))


def benefit_to_plain(run: RunView, of_seeds: Sequence[RunView] = ()) -> Iterator[dict[str, object]]:
    """What `run_benefit` sends: a sentence a set, what it means, and every difference."""
    worth = [_worth_to_plain(run, each) for each in worth_judged(run)]
    for answer in judged(run, finished_count(of_seeds)):
        benefit = answer.benefit
        duels = [(duel, gap) for duel in (*benefit.duels, *benefit.beside) for gap in duel.gaps]
        yield {
            "set": benefit.set or run.set,
            "cases": benefit.cases,
            "sentence": answer.sentence,
            "meaning": list(answer.meaning),
            "worth": next((each for each in worth if each["set"] == (benefit.set or run.set)), None),
            "differences": [
                {"reader": duel.reader, "against": duel.rival, "cases": duel.cases, "effect": gap.effect} | vars(gap)
                for duel, gap in duels
            ],
        }


def _worth_to_plain(run: RunView, judged_worth: WorthJudged) -> dict[str, object]:
    """The best tuned reader against the best simple one, both chosen on validation cases."""
    duel = judged_worth.worth.duel
    whose = {"reader": duel.reader, "against": duel.rival, "cases": duel.cases, "effect": duel.effect}
    of_set = judged_worth.worth.set or run.set
    return {"set": of_set, "sentence": judged_worth.sentence, **whose, "differences": [vars(gap) for gap in duel.gaps]}
