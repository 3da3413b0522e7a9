"""What predicts a label without being the disease is ranked first; where nothing does, nothing is claimed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.case import Case, ImageSet, Kind, Task
from core.checks.along import along, binned, chances, strata_by
from core.checks.check import check
from core.checks.looked import LookedAt, look_over
from core.checks.properties import beside_pictures
from core.checks.shortcuts import Audit, audit, drawn_cases
from core.pictures.kept_traces import read_traces, traces_at, write_traces
from core.pictures.looks import Look
from core.pictures.pixels import decode
from core.pictures.traces import CORNERS, SIDES, trace_of

Painted = NDArray[np.uint8]
SIDE = 48


@dataclass(frozen=True)
class Encoded:
    """A picture in a file of its own, in memory."""

    file: bytes

    def load(self) -> Image.Image:
        return decode(self.file, "picture")

    def digest(self) -> str:
        return sha256(self.file).hexdigest()

    def stored(self) -> bytes:
        return self.file


def painted(seed: int, lift: int = 0) -> Painted:
    """Clouds, another in each picture; `lift` makes all of it brighter, as a disease may."""
    coarse = np.random.default_rng(seed).integers(40, 160, (7, 7), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) + np.uint8(lift)


def encoded(picture: Painted, quality: int = 0) -> Encoded:
    file = BytesIO()
    Image.fromarray(picture).save(file, **({"format": "JPEG", "quality": quality} if quality else {"format": "PNG"}))
    return Encoded(file.getvalue())


def drawn(
    labels: Sequence[tuple[str, ...]],
    pixels: Callable[[int, tuple[str, ...]], Encoded] = lambda seed, labels: encoded(painted(seed)),
    kind: Kind = "single",
    more: Callable[[int, tuple[str, ...]], Mapping[str, str]] = lambda seed, labels: {},
    patient: Callable[[int], str | None] = lambda seed: None,
) -> ImageSet:
    answers = tuple(sorted({label for labels_of_case in labels for label in labels_of_case}))
    cases = tuple(
        Case(f"{seed}.png", pixels(seed, each), each, patient=patient(seed), more=more(seed, each))
        for seed, each in enumerate(labels)
    )
    return ImageSet("drawn", Task(answers=answers, kind=kind), cases)


def audited(image_set: ImageSet) -> Audit:
    return audit(look_over(image_set))


TWO = [("ill",) if seed % 3 == 0 else ("well",) for seed in range(240)]


def marked(seed: int, labels: tuple[str, ...]) -> Encoded:
    picture = painted(seed)
    if "ill" in labels:
        picture[2:6, -7:-2] = 250
    return encoded(picture)


def test_a_mark_in_a_corner_of_one_class_comes_first() -> None:
    first = audited(drawn(TWO, marked)).shortcuts[0]
    assert (first.place, first.label) == ("top right corner", "well")
    assert first.utility > 0.9
    assert first.detectability > 0.8
    assert first.chance <= 0.05


def test_without_the_mark_nothing_is_claimed() -> None:
    nothing = audited(drawn(TWO))
    assert (nothing.cases, nothing.shortcuts, nothing.may_be_real) == (240, (), ())


def test_a_mark_is_told_of_in_the_report_with_what_to_do() -> None:
    report = check(drawn(TWO, marked))
    finding = next(each for each in report.findings if each.kind == "shortcut")
    assert finding.severity == "warning"
    assert finding.message.startswith("Top right corner")
    assert "crop or cover it" in finding.message
    assert report.as_json()["shortcuts"]["shortcuts"][0]["place"] == "top right corner"


def test_a_disease_that_brightens_the_whole_picture_is_no_shortcut_and_is_told_of() -> None:
    bright = audited(drawn(TWO, lambda seed, labels: encoded(painted(seed, 60 if "ill" in labels else 0))))
    assert bright.shortcuts == ()
    assert (bright.may_be_real[0].place, bright.may_be_real[0].name) == ("middle of the picture", "brightness")


def test_a_narrower_crop_of_one_class_is_claimed_by_its_size() -> None:
    """A small picture tells little of the size that it had, so what the crop leaves at the border may come before."""

    def cropped(seed: int, labels: tuple[str, ...]) -> Encoded:
        picture = painted(seed)
        return encoded(picture[2:-2, 2:-2] if "ill" in labels else picture)

    claims = {each.place: each.utility for each in audited(drawn(TWO, cropped)).shortcuts}
    assert claims["size of the picture"] > 0.95
    assert set(claims) <= {"size of the picture", *CORNERS, *SIDES}


def test_a_narrower_crop_that_was_enlarged_again_is_claimed() -> None:
    """Pictures with a dark rim, as scans and fundus photographs have; of one class it was cut away in part."""

    def rimmed(seed: int, labels: tuple[str, ...]) -> Encoded:
        picture = painted(seed)
        rim = np.full((SIDE, SIDE), 3, np.uint8)
        rim[5:-5, 5:-5] = picture[5:-5, 5:-5]
        if "ill" in labels:
            rim = np.asarray(Image.fromarray(rim[3:-3, 3:-3]).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        return encoded(rim)

    assert audited(drawn(TWO, rimmed)).shortcuts[0].utility > 0.9


def test_another_jpeg_quality_of_one_class_is_claimed() -> None:
    first = audited(drawn(TWO, lambda seed, labels: encoded(painted(seed), 60 if "ill" in labels else 90))).shortcuts[0]
    assert first.place == "compression of the file"


def test_a_column_that_goes_along_with_the_label_is_claimed_and_one_that_does_not_is_not() -> None:
    def columns(seed: int, labels: tuple[str, ...]) -> dict[str, str]:
        is_other = seed % 10 == 0
        return {"scanner": "A" if ("ill" in labels) != is_other else "B", "weekday": str(seed % 7)}

    claims = audited(drawn(TWO, more=columns)).shortcuts
    assert [each.place for each in claims] == ['column "scanner"']
    assert 0.6 < claims[0].utility < 1


def test_the_label_told_once_more_in_a_column_is_no_shortcut() -> None:
    assert audited(drawn(TWO, more=lambda seed, labels: {"finding": labels[0].upper()})).shortcuts == ()


def test_of_several_labels_the_one_that_is_marked_is_named() -> None:
    draw = np.random.default_rng(5).random((240, 3)) < 0.4
    labels = [
        tuple(label for label, is_there in zip(("cold", "ill", "old"), row, strict=True) if is_there) for row in draw
    ]
    first = audited(drawn(labels, marked, "multi")).shortcuts[0]
    assert (first.place, first.label) == ("top right corner", "ill")


def test_of_ordered_labels_the_step_that_is_marked_is_named() -> None:
    grades = [(str(seed % 4),) for seed in range(240)]
    first = audited(
        drawn(grades, lambda seed, labels: marked(seed, ("ill",) if labels[0] >= "2" else ()), "ordinal")
    ).shortcuts[0]
    assert (first.place, first.label) == ("top right corner", "2 or more")


def test_a_patient_with_many_pictures_counts_once() -> None:
    """Twelve patients with one label and one scanner each: a hundred pictures of them prove no more than twelve."""
    labels = [("ill",) if seed % 12 < 6 else ("well",) for seed in range(240)]
    of_patients = drawn(
        labels, more=lambda seed, _: {"scanner": "A" if seed % 12 < 6 else "B"}, patient=lambda seed: f"p{seed % 12}"
    )
    assert len(drawn_cases(look_over(of_patients).opened, of_patients.task)) == 12
    assert audited(of_patients).shortcuts == ()


def test_copies_of_one_picture_count_once() -> None:
    same = encoded(painted(1))
    seen = [LookedAt(Case(f"{number}", same, ("a",)), Look((9, 9), "L", shown="s")) for number in range(5)]
    assert len(drawn_cases(seen, Task(answers=("a", "b")))) == 1


def test_a_folder_that_is_the_label_under_another_name_is_no_property() -> None:
    traces = [trace for seed in range(60) if (trace := trace_of(encoded(painted(seed)))) is not None]

    def places(folder: Callable[[int], str]) -> list[str]:
        cases = [
            Case(f"{folder(seed)}/{seed}.png", encoded(painted(seed)), (("a", "b")[seed % 2],)) for seed in range(60)
        ]
        return [each.place for each in beside_pictures(cases, traces, ("a", "b"))]

    assert places(lambda seed: ("A-pictures", "B-pictures")[seed % 2]) == []
    assert places(lambda seed: ("north", "south", "west")[seed % 3]) == ["source folder"]
    assert places(lambda seed: ("train/a", "test/b")[seed % 2]) == []


def test_a_class_folder_with_underscores_is_no_source_either() -> None:
    traces = [trace for seed in range(60) if (trace := trace_of(encoded(painted(seed)))) is not None]
    folders = ("benign", "left_sided")
    cases = [
        Case(f"{folders[seed % 2]}/{seed}.png", encoded(painted(seed)), (("benign", "left sided")[seed % 2],))
        for seed in range(59)
    ]
    cases.append(Case("other/59.png", encoded(painted(59)), ("other",)))
    assert beside_pictures(cases, traces, ("benign", "left sided", "other")) == []


def test_traces_are_kept_and_not_measured_again(tmp_path: Path) -> None:
    pixels = [encoded(painted(seed)) for seed in range(3)]
    kept = read_traces(tmp_path / "traces.parquet")
    traces = traces_at(pixels, kept)
    write_traces(tmp_path / "traces.parquet", kept)
    again = read_traces(tmp_path / "traces.parquet")
    assert len(again) == 3
    for trace, back in zip(traces, traces_at(pixels, again), strict=True):
        assert trace is not None
        assert back is not None
        assert np.array_equal(trace.measures, back.measures)
        assert (trace.kind, trace.thumbnail) == (back.kind, back.thumbnail) and trace.kind == "PNG"


def test_a_check_opens_each_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[bytes] = Counter()
    read = Encoded.stored
    monkeypatch.setattr(Encoded, "stored", lambda pixels: opened.update([pixels.file]) or read(pixels))
    monkeypatch.setattr(Encoded, "load", lambda pixels: decode(pixels.stored(), "picture"))
    image_set = drawn(TWO[:60])
    report = check(image_set)
    assert report.audit is not None and report.audit.cases == 60
    assert set(opened.values()) == {1} and len(opened) == 60
    assert report.audit == audit(look_over(image_set))


@pytest.mark.slow
def test_where_nothing_goes_along_something_is_claimed_in_no_more_than_one_of_twenty_sets() -> None:
    """300 sets of noise, with what is in the middle telling the label or not: 5 % is 15, and 24 the 99th percentile."""
    claims = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        middle, border = generator.normal(size=(150, 5)), generator.normal(size=(150, 12))
        labels = middle[:, 0] * (seed % 2) + generator.normal(size=150) > 0.3
        bins = [binned(column) for column in border.T]
        contrasts = labels[:, None]
        (chance,) = chances([along(bins, contrasts, strata_by(middle, contrasts), seed).score])
        claims += bool(chance.min() <= 0.05)
    assert claims <= 24


def test_bins_hold_about_as_many_cases_each_and_few_values_one_each() -> None:
    assert np.bincount(binned(np.arange(80.0))).tolist() == [10] * 8
    assert binned(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [2, 0, 2, 1]
