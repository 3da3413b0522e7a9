"""Figures say what the readings say, in one colour a reader."""

from __future__ import annotations

from typing import Any

from app import charts
from app.words import curve_title
from core.methods.vitask import ALONE
from core.readings.answer import Answer
from core.readings.reader import TSM, unknown_reader
from core.statistics.roc import Roc


def test_every_reader_has_the_whole_distribution_on_one_axis() -> None:
    figure = charts.distributions(("clear", "hazy"), {TSM: Answer((0.9, 0.1)), ALONE: Answer((0.3, 0.7))})
    assert [(tuple(bar.x), bar.name, bar.marker.color) for bar in figure.data] == [
        ((0.9, 0.1), "tsm", "#CC79A7"),
        ((0.3, 0.7), "vitask", "#56B4E9"),
    ]
    assert figure.layout.xaxis.range == figure.layout.xaxis2.range
    assert (figure.layout.xaxis.title.text, figure.layout.xaxis2.title.text) == ("raw probability", None)
    assert not any("%" in text for bar in figure.data for text in bar.text)


def test_titles_of_readers_are_broken_to_what_answers_leave_of_the_width() -> None:
    """Two columns, each of .49 of the width: with short answers 35 letters a line, with one of 80 the fewest, 8."""

    def title_above(longest: str) -> str:
        figure = charts.distributions(("no", longest), {TSM: Answer((0.9, 0.1)), ALONE: Answer((0.3, 0.7))})
        return str(figure.layout.annotations[1].text).partition("<br><span")[0]

    assert (title_above("hazy"), title_above("a" * 80)) == ("VITask, reading alone", "VITask,<br>reading<br>alone")


def test_numbers_of_many_readers_end_before_the_next_column_and_the_seventh_begins_another_row() -> None:
    def drawn(count: int) -> Any:
        given = {unknown_reader(f"reader-{number}"): Answer((0.999, 0.001)) for number in range(count)}
        return charts.distributions(("round nucleus", "lobed nucleus"), given).layout

    inside = 528  # pixels that 13 letters of an answer leave of a narrow screen's figure
    for count in (1, 5, 6):
        layout = drawn(count)
        start, end = layout.xaxis.domain
        at_one = inside * (end - start) / layout.xaxis.range[1]
        assert at_one + 34 <= inside * (end - start + charts.GAP)
    six, nine = drawn(6), drawn(9)
    assert {six[f"yaxis{number}"].domain for number in range(2, 7)} == {(0.0, 1.0)}
    rows = [nine[f"yaxis{number or ''}"].domain for number in (0, *range(2, 10))]
    assert len(set(rows[:5])) == 1 and len(set(rows[5:])) == 1 and rows[0][0] > rows[5][1] and rows[5][0] == 0
    assert nine.xaxis6.domain == nine.xaxis.domain and nine.yaxis6.showticklabels is None
    assert nine.annotations[5].y == rows[5][1] and nine.height > 2 * six.height - 80
    assert [nine[axis].title.text for axis in ("xaxis", "xaxis6", "xaxis7")] == [None, "raw probability", None]


def test_the_reference_label_is_marked_only_where_it_is_given() -> None:
    given = {TSM: Answer((0.9, 0.1))}
    hidden = charts.distributions(("clear", "hazy"), given)
    shown = charts.distributions(("clear", "hazy"), given, reference=("hazy",))
    assert [one.type for one in hidden.data] == ["bar"]
    assert shown.data[1].y == ("hazy",)


def test_names_stand_in_figures_as_they_are_and_never_as_markup_or_places_on_a_scale() -> None:
    link, shown = "<a href='http://elsewhere.test'>2</a>", "&lt;a href='http://elsewhere.test'&gt;2&lt;/a&gt;"
    points = [("stage-1", 1, 0.5)]
    one = charts.distributions((link, "10"), {unknown_reader(link): Answer((0.9, 0.1))}, reference=(link,))
    beside = charts.runs_side_by_side({link: {link: points}}, link, link)
    figures = [one, beside, charts.curves({link: points}, link), charts.nothing(link)]
    figures.append(charts.figures({unknown_reader(link): {link: {"value": 0.5}}}, (link,)))
    for figure in figures:
        assert "<a" not in figure.to_json().replace("\\u003c", "<")
    assert one.data[0].y == (shown, "10") and one.data[1].y == (shown,)
    assert one.layout.annotations[0].text == f'another reader<br><span style="font-size:11px">{shown}</span>'
    assert {one.layout.yaxis.type, *(bar.hovertemplate for bar in one.data[:1])} == {"category", "%{y}: %{x:.4f} raw"}


def test_stages_stand_one_after_the_other_and_are_not_joined() -> None:
    points = [("stage-1", 5, 1.0), ("stage-1", 10, 0.8), ("stage-2", 5, 0.5)]
    figure = charts.curves({"van": points}, "Losses", {"van": "van: Response"})
    assert figure.data[0].x == (5, 10, None, 15)
    assert figure.data[0].y == (1.0, 0.8, None, 0.5)
    assert figure.data[0].name == "van: Response"


def test_a_step_without_a_value_is_a_gap_in_its_curve_and_no_nought() -> None:
    """As a step without pairs has no contrast. A value between two gaps is a point."""
    every = [("stage-2", step, 1.0) for step in range(1, 41)]
    contrast = [point for point in every if point[1] not in (2, 5)]
    for figure, number in (
        (charts.curves({"loss/van": every, "loss/crt": contrast}, "Losses"), 1),
        (charts.runs_side_by_side({"run": {"loss/van": every, "loss/crt": contrast}}, "loss/crt"), 0),
    ):
        line = figure.data[number]
        assert line.x[:8] == (1, None, 3, 4, None, 6, 7, 8)
        assert line.y[:5] == (1.0, None, 1.0, 1.0, None) and line.mode == "lines+markers"
    assert charts.curves({"loss/van": every, "loss/crt": contrast}, "Losses").data[0].mode == "lines"


def test_a_run_keeps_its_colour_when_another_lacks_the_curve() -> None:
    points = [("stage-1", 1, 0.5)]
    figure = charts.runs_side_by_side({"one": {}, "two": {"val/accuracy": points}}, "val/accuracy")
    assert [(line.name, line.line.color) for line in figure.data] == [("two", charts.CYCLE[1])]


def test_intervals_are_distances_from_the_value() -> None:
    figure = charts.figures({TSM: {"accuracy": {"value": 0.75, "low": 0.5, "high": 0.875}}}, ["accuracy", "auroc"])
    (bar,) = figure.data
    assert (bar.x, bar.y) == (("accuracy",), (0.75,))
    assert (bar.error_y.array, bar.error_y.arrayminus) == ((0.125,), (0.25,))


def test_thirty_two_classes_can_be_told_apart() -> None:
    assert len({charts.class_colour(number) for number in range(32)}) == 32


def test_an_empty_figure_says_why() -> None:
    assert charts.distributions(("a", "b"), {}).layout.annotations[0].text == "No reader has answered yet."


def test_curves_are_named_in_words() -> None:
    assert curve_title("val/macro_f1 of vitask+tsm") == "Validation: macro F1 of vitask+tsm"
    assert curve_title("loss/crt") == "Loss: crt"


def test_the_lowest_panel_of_every_column_says_what_lies_across() -> None:
    """Four labels in three columns: the first column has two panels, the others one."""
    curves = [Roc(answer, 2, (0.0, 1.0), (0.0, 1.0), (0.5, 0.5)) for answer in "abcd"]
    layout = charts.rocs({TSM: curves}).layout
    titles = [layout[name].title.text for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert [bool(title) for title in titles] == [False, True, True, True]
