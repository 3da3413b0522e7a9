"""What people decide about a set is applied as they said, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.case import Box, Case, Finding, ImageSet, Task
from core.catalog import FORMATS, every
from core.checks.check import report_of
from core.checks.looked import LookedSet, look_over
from core.checks.mending import Mended, Mending, copy_pairs, mend, mending_facts, with_answers
from core.errors import CoreError, DataError
from core.layouts.findings import error_of_each
from core.pictures.kept_looks import KeptLooks, read_looks, write_looks
from core.pictures.looks import look_at
from core.sets.open import open_set
from tests.checks.test_check import Blank, Drawn


def drawn(name: str, label: str, seed: int, **more: object) -> Case:
    return Case(name, Drawn(seed=seed), (label,) if label else (), **more)  # type: ignore[arg-type]


def looked(*cases: Case, kind: str = "single", findings: tuple[Finding, ...] = ()) -> LookedSet:
    answers = dict.fromkeys(label for case in cases for label in case.labels)
    return look_over(ImageSet("set", Task.model_validate({"answers": tuple(answers), "kind": kind}), cases, findings))


def names(mended: Mended) -> list[str]:
    return [case.id for case in mended.looked.image_set.cases]


def left_out(mended: Mended) -> dict[str, str]:
    return {left.case: left.reason for left in mended.left_out}


def picture(seed: int) -> bytes:
    file = BytesIO()
    Drawn(seed=seed).load().save(file, "PNG")
    return file.getvalue()


def messy_table(folder: Path) -> Path:
    """Three sound rows, and of each kind of trouble a row."""
    rows = [("a.png", "x"), ("b.png", "y"), ("c.png", "x"), ("lost.png", "x"), ("empty.png", "y"), ("a2.png", "x")]
    with ZipFile(folder / "set.zip", "w") as made:
        lines = ["image,label,split"] + [
            f"{name},{label},{'tset' if name == 'a2.png' else 'train'}" for name, label in rows
        ]
        made.writestr("labels.csv", "\n".join(lines))
        for number, name in enumerate(("a.png", "b.png", "c.png", "a2.png")):
            made.writestr(name, picture(number))
        made.writestr("empty.png", b"")
    return folder / "set.zip"


def test_what_can_not_be_used_is_told_case_by_case_and_left_out_when_somebody_says_so(tmp_path: Path) -> None:
    seen = look_over(open_set(messy_table(tmp_path), {}, every(FORMATS)))
    before = mend(seen, Mending())
    assert {left.case for left in before.unusable} == {"lost.png", "empty.png", "a2.png"}
    assert {finding.kind for finding in report_of(before.looked).findings if finding.severity == "error"} == {
        "missing_image",
        "unknown_split",
        "unreadable",
    }
    after = mend(seen, Mending(leaves_out_unusable=True))
    assert names(after) == ["a.png", "b.png", "c.png"] and after.unusable == ()
    assert 'names "lost.png", which is not in the folder' in left_out(after)["lost.png"]
    assert 'has the split "tset"' in left_out(after)["a2.png"]
    assert not [each for each in report_of(after.looked).findings if each.severity == "error"]
    after.looked.image_set.stop_on_errors()
    assert after.words() == "3 left out"


def test_an_error_that_is_about_no_case_is_not_left_out() -> None:
    twice = error_of_each("repeated_id", [("7", "Image 7 is listed twice.")])
    mended = mend(looked(drawn("1", "x", 1), drawn("2", "y", 2), findings=(twice,)), Mending(leaves_out_unusable=True))
    assert mended.left_out == () and mended.looked.image_set.findings == (twice,)
    with pytest.raises(DataError, match="listed twice"):
        mended.looked.image_set.stop_on_errors()


def test_of_an_error_the_cases_that_are_still_there_are_told() -> None:
    error = error_of_each("unknown_split", [("1", "One."), ("2", "Two."), ("3", "Three.")])
    cases = (drawn("1", "x", 1), drawn("2", "y", 2), drawn("3", "x", 3))
    (finding,) = mend(looked(*cases, findings=(error,)), Mending(leaves_out=("1",))).looked.image_set.findings
    assert (finding.count, finding.cases, finding.message) == (2, ("2", "3"), "Two. (1 more like this.)")


def test_labels_are_renamed_merged_and_dropped_and_the_answers_follow() -> None:
    cases = [drawn(str(number), ("Pneumonie", "pneumonia", "clear", "rare")[number % 4], number) for number in range(8)]
    wanted = Mending(labels={"Pneumonie": " pneumonia ", "clear": "no  finding at all", "rare": ""})
    mended = mend(looked(*cases), wanted)
    assert mended.looked.image_set.task.answers == ("pneumonia", "no finding at all")
    assert [case.labels[0] for case in mended.looked.image_set.cases] == [
        "pneumonia",
        "pneumonia",
        "no finding at all",
    ] * 2
    assert left_out(mended) == {"3": "Its label “rare” was dropped.", "7": "Its label “rare” was dropped."}
    assert mended.words() == (
        "2 left out; labels: “Pneumonie” is “pneumonia”, “clear” is “no finding at all”, “rare” dropped"
    )


def test_of_a_case_with_several_labels_only_the_dropped_one_goes_and_boxes_follow() -> None:
    boxes = (Box("a", 0, 0, 0.5, 0.5), Box("b", 0, 0, 1, 1))
    both = replace(drawn("1", "a", 1, boxes=boxes), labels=("a", "b"))
    mended = mend(
        looked(both, drawn("2", "c", 2), drawn("3", "b", 3), kind="multi"), Mending(labels={"b": "", "a": "z"})
    )
    kept = mended.looked.image_set.cases
    assert [case.labels for case in kept] == [("z",), ("c",), ()] and mended.left_out == ()
    assert kept[0].boxes == (Box("z", 0, 0, 0.5, 0.5),)


def test_two_labels_have_to_stay() -> None:
    with pytest.raises(CoreError, match="at least two candidate answers"):
        mend(looked(drawn("1", "x", 1), drawn("2", "y", 2)), Mending(labels={"x": "y"}))


def test_a_class_without_a_picture_goes_with_what_can_not_be_used(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "set.zip", "w") as made:
        made.writestr("none/", b"")
        for number in range(4):
            made.writestr(f"{'xy'[number % 2]}/{number}.png", picture(number))
    seen = look_over(open_set(tmp_path / "set.zip", {}, every(FORMATS)))
    for wanted in (Mending(leaves_out_unusable=True), Mending(labels={"none": ""}), Mending(labels={"none": "x"})):
        image_set = mend(seen, wanted).looked.image_set
        assert sorted(image_set.task.answers) == ["x", "y"]
        image_set.stop_on_errors()
    still_empty = mend(seen, Mending(labels={"none": "other"})).looked.image_set
    with pytest.raises(DataError, match="has no pictures"):
        still_empty.stop_on_errors()


def test_plain_copies_are_settled_at_once_and_those_with_two_labels_are_asked() -> None:
    copies = [drawn("1", "x", 1), drawn("2", "x", 1), drawn("3", "y", 1), drawn("4", "y", 2), drawn("5", "y", 2)]
    seen = looked(*copies, drawn("6", "x", 6))
    mended = mend(seen, Mending(keeps_one_copy=True))
    assert left_out(mended) == {
        "2": "It is an exact copy of “1”, which is kept.",
        "5": "It is an exact copy of “4”, which is kept.",
    }
    (pair,) = copy_pairs(mended.looked)
    assert (pair.first.case.id, pair.second.case.id, pair.is_exact) == ("1", "3", True)
    assert names(mend(seen, Mending(keeps_one_copy=True, keeps=("2",)))) == ["1", "2", "3", "4", "6"]
    facts = mending_facts(seen, mend(seen, Mending()))
    assert (facts["copies"], facts["unusable"], facts["labels"]) == (2, 0, {"x": 3, "y": 3})
    assert [side["labels"] for side in facts["pairs"][0]["cases"]] == [["x"], ["y"]]


def test_the_typed_task_goes_over_the_mended_set() -> None:
    mended = mend(looked(drawn("1", "x", 1), drawn("2", "y", 2)), Mending(labels={"x": "b"})).looked.image_set
    asked = with_answers(mended, {"answers": ["y", "b", "more"], "modality": "drawing"})
    assert asked.task.answers == ("y", "b", "more") and asked.task.modality == "drawing"
    with pytest.raises(DataError, match='1 cases have the label "b", which the task does not list'):
        with_answers(mended, {"answers": ["x", "y"]})


def test_looks_are_kept_and_read_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"")
    Image.new("RGB", (30, 20), "red").save(tmp_path / "red.png")
    kept = KeptLooks()
    with ZipFile(tmp_path / "set.zip", "w") as made:
        made.writestr("x/bad.png", b"")
        made.writestr("y/red.png", (tmp_path / "red.png").read_bytes())
    image_set = open_set(tmp_path / "set.zip", {}, every(FORMATS))
    look_over(image_set, None, kept)
    kept.misfits["mask somewhere"] = "is empty."
    write_looks(tmp_path / "looks.parquet", kept)
    assert read_looks(tmp_path / "looks.parquet") == kept and len(kept.looks) == 2
    assert read_looks(tmp_path / "none.parquet") == KeptLooks()


def test_looks_of_before_something_else_was_kept_are_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "looks.parquet"
    write_looks(file, KeptLooks({"somewhere": replace(look_at(Drawn()), is_first=True)}))
    assert read_looks(file).looks["somewhere"].is_first
    pq.write_table(pq.read_table(file).drop_columns(["coarse"]), file)
    assert read_looks(file) == KeptLooks()


def test_pairs_that_stay_make_room_for_those_behind_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs, of which a page is given one at a time."""
    monkeypatch.setattr("core.checks.mending.MOST_PAIRS", 1)
    whole = looked(drawn("a", "x", 1), drawn("b", "y", 1), drawn("c", "x", 2), drawn("d", "y", 2))
    shown = []
    for keeps in ((), ("a", "b"), ("a", "b", "c", "d")):
        pairs = mending_facts(whole, mend(whole, Mending(keeps=keeps)))["pairs"]
        shown.append([[side["case"] for side in pair["cases"]] for pair in pairs])
    assert shown == [[["a", "b"]], [["c", "d"]], []]


def test_a_copy_that_stays_is_not_offered_to_be_left_out() -> None:
    whole = looked(drawn("a", "x", 1), drawn("b", "y", 1), drawn("c", "x", 2), drawn("d", "z", 3))
    mended = mend(whole, Mending(keeps=("a", "b"), labels={"y": "x"}, keeps_one_copy=True))
    assert names(mended) == ["a", "b", "c", "d"] and mending_facts(whole, mended)["copies"] == 0


def test_all_pictures_that_a_finding_names_are_left_out_by_its_kind() -> None:
    blank = [Case(f"{number}.png", Blank(lift=number), ("x",)) for number in range(120)]
    seen = looked(drawn("a", "x", 1), drawn("b", "y", 2), *blank)
    (fix,) = [fix for fix in mending_facts(seen, mend(seen, Mending()))["fixes"] if fix["leaves_out_kind"] == "blank"]
    assert fix["text"] == "Leave out these 120 pictures (blank)" and fix["kinds"] == ("blank",)
    after = mend(seen, Mending(leaves_out_kinds=("blank",)))
    assert names(after) == ["a", "b"]
    assert left_out(after)["0.png"] == "It is among what was left out as “blank”."
    assert not mending_facts(seen, after)["fixes"]
    single = looked(drawn("a", "x", 1), drawn("b", "y", 2), *blank[:1])
    assert mending_facts(single, mend(single, Mending()))["fixes"][0]["text"] == "Leave out this picture (blank)"


def test_a_split_that_shares_a_patient_is_offered_to_be_drawn_anew_and_keeps_every_case() -> None:
    splits = [*["train"] * 14, *["val"] * 3, *["test"] * 3]
    cases = [
        drawn(f"{number}", "xy"[number % 2], number, split=split, patient="p" if number in (0, 18) else None)
        for number, split in enumerate(splits)
    ]
    seen = looked(*cases)
    before = mend(seen, Mending())
    assert [fix["divides_anew"] for fix in mending_facts(seen, before)["fixes"]] == [True]
    after = mend(seen, Mending(divides_anew=True))
    assert sorted(names(after), key=int) == [str(number) for number in range(20)]
    of_patient = {case.split for case in after.looked.image_set.cases if case.patient == "p"}
    assert len(of_patient) == 1 and "patient_across_splits" not in {
        finding.kind for finding in report_of(after.looked).findings
    }
    assert after.words() == "split drawn anew, patients and copies together"
    assert not mending_facts(seen, after)["fixes"]


def test_labels_alike_are_offered_to_be_called_as_most_of_their_cases_are() -> None:
    seen = looked(drawn("a", "Cyst", 1), drawn("b", "cyst", 2), drawn("c", "none", 3), drawn("d", "cyst", 4))
    (fix,) = mending_facts(seen, mend(seen, Mending()))["fixes"]
    assert (fix["text"], fix["labels"]) == ("Call “Cyst” “cyst” too", {"Cyst": "cyst"})
    after = mend(seen, Mending(labels=fix["labels"]))
    assert after.looked.image_set.task.answers == ("cyst", "none")
    assert not mending_facts(seen, after)["fixes"]
