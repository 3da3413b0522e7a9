"""Readings come back as they were stored, and free text is understood only where it is clear."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.case import Case, Kind, Task
from core.errors import RunError
from core.readings import reading
from core.readings.answer import Answer, answer_from_plain, answer_to_plain, parse
from core.readings.reading import Reading, targets
from tests.contract.test_methods import Drawn

NAMES = ("normal", "abnormal", "normal mucosa", "early-stage polyp")


def task(kind: Kind = "single", answers: tuple[str, ...] = NAMES) -> Task:
    return Task(answers=answers, kind=kind)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table at all", "other columns"])
def test_damaged_readings_are_told(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "test.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(RunError, match=r"can't be read .*Copy the run's whole folder again"):
        reading.load(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("normal", ("normal",)),
        ("It is NORMAL.", ("normal",)),
        ("abnormal", ("abnormal",)),
        ("normal mucosa", ("normal mucosa",)),
        ("I see normal  mucosa!", ("normal mucosa",)),
        ("an early stage polyp", ("early-stage polyp",)),
        ("normal, no: abnormal", None),
        ("normal mucosa, quite normal", None),
        ("paranormal", None),
        ("a polyp", None),
        ("", None),
    ],
)
def test_one_answer_is_understood_where_exactly_one_is_named(text: str, expected: tuple[str, ...] | None) -> None:
    assert parse(text, task()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abnormal, normal mucosa", ("abnormal", "normal mucosa")),
        ("normal mucosa and abnormal", ("abnormal", "normal mucosa")),
        ("No finding.", ()),
        ("nothing to see", None),
        ("", None),
    ],
)
def test_several_answers_are_understood_in_the_tasks_order(text: str, expected: tuple[str, ...] | None) -> None:
    assert parse(text, task("multi")) == expected


def test_a_name_of_signs_alone_is_not_found_in_empty_text() -> None:
    assert parse("", task(answers=("+", "-"))) is None


def test_names_that_differ_in_signs_are_told_apart_where_they_stand_alone() -> None:
    grades = task(answers=("grade 1", "grade 1+"))
    assert parse("Grade 1", grades) == ("grade 1",)
    assert parse(" grade 1+ ", grades) == ("grade 1+",)
    assert parse("it is grade 1", grades) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is a Grade A lesion", ("Grade A",)),
        ("It is a grade a lesion", ("grade a",)),
        ("it is of GRADE A", None),
        ("une st\u00e9nose", ("st\u00e9nose",)),
        ("une ste\u0301nose, sans doute", ("st\u00e9nose",)),
        ("la stenose", ("stenose",)),
        ("la St\u00c8nose", None),
        ("un \u0153deme", ("\u0153d\u00e8me",)),
    ],
)
def test_a_name_spelled_exactly_goes_before_one_that_differs_in_capitals_or_accents(
    text: str, expected: tuple[str, ...] | None
) -> None:
    names = ("Grade A", "grade a", "st\u00e9nose", "stenose", "\u0153d\u00e8me")
    assert parse(text, task(answers=names)) == expected


def test_of_several_answers_each_is_taken_as_it_is_spelled() -> None:
    several = task("multi", ("Grade A", "grade a", "finding"))
    assert parse("grade a, Grade A", several) == ("Grade A", "grade a")
    assert parse("Grade A, finding", several) == ("Grade A", "finding")
    assert parse("no finding", several) == ()


def test_readings_come_back_as_they_were(tmp_path: Path) -> None:
    answer = Answer((0.25, 0.75), ((-0.5, -1.0), (-2.0,)), "x", ())
    whole = Reading("blood", "a/1.png", "test", "vitask", ("x", "y"), "P1", answer)
    plain = Reading("blood", "a/2.png", "test", "tsm", (), None, Answer((0.5, 0.5)))
    lists = Reading(
        "blood",
        "a/3.png",
        "test",
        "vlm",
        ("x",),
        None,
        Answer((0.5, 0.5), ((-1.0,), (-2.0,)), explored=0.75, blank=(-1.5, -3.0)),
    )
    reading.save([whole, plain, lists], tmp_path / "readings" / "test.parquet")
    assert reading.load(tmp_path / "readings" / "test.parquet") == [whole, plain, lists]
    assert [path.name for path in (tmp_path / "readings").iterdir()] == ["test.parquet"]


def test_answers_come_back_from_json_as_they_were() -> None:
    for answer in (
        Answer((0.25, 0.75), ((-0.5, -1.0), (-2.0,)), "x", ()),
        Answer((0.5, 0.5), text="?", explored=0.75, blank=(-1.0, -2.0)),
    ):
        assert answer_from_plain(json.loads(json.dumps(answer_to_plain(answer)))) == answer


def test_readings_that_are_not_there_yet_are_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Finish the run first"):
        reading.load(tmp_path / "test.parquet")


def test_labels_become_places_or_flags() -> None:
    cases = [Case(str(number), Drawn(number), labels) for number, labels in enumerate([("b",), ("a",)])]
    assert targets(cases, task(answers=("a", "b", "c"))).tolist() == [1, 0]
    several = [Case("0", Drawn(0), ("c", "a")), Case("1", Drawn(1), ())]
    assert targets(several, task("multi", ("a", "b", "c"))).tolist() == [[1, 0, 1], [0, 0, 0]]


def test_readings_of_before_readers_said_more_are_read(tmp_path: Path) -> None:
    plain = Reading("blood", "a/2.png", "test", "tsm", (), None, Answer((0.5, 0.5), text="x"))
    reading.save([plain], tmp_path / "test.parquet")
    table = pq.read_table(tmp_path / "test.parquet").drop_columns(["said", "references", "explored", "blank"])
    pq.write_table(table, tmp_path / "test.parquet")
    assert reading.load(tmp_path / "test.parquet") == [plain]
