"""What the page “Image sets” says, and what becomes of what people choose there."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zipfile import ZipFile

import gradio as gr
import pytest
from gradio.blocks import Block

from app.context import Studio
from app.pages.image_sets import acts, adding, changes, columns, gallery, mending, report, settling, versions
from app.pages.image_sets.acts import fetch_public_set
from app.pages.image_sets.adding import bring, lines_of
from app.pages.image_sets.gallery import draw_histogram, draw_page
from app.pages.image_sets.task import TaskTab, draw_prompt, lay_out, save, task_from
from core.catalog import FORMATS, every, find
from core.checks.leakage import Leakage, Shared
from core.checks.mending import Fix
from core.errors import CoreError, SettingsError
from core.formats import dicom, mask_folder, voc
from core.machine.aside import Aside
from core.records.access import NotAllowed
from core.records.progress import Progress
from core.records.runs.outcomes import Settled
from core.records.sets import drawn, sets
from core.records.sets.sets import UploadError, UploadView
from core.records.tables import Job
from core.sets.open import open_set
from tests.app.furnished import Furnished, asking, furnish

CHECKED = {
    "cases": 3,
    "classes": {"clear": 1, "<b>hazy</b>": 2},
    "splits": {"train": 3},
    "findings": [{"kind": "tiny", "severity": "error", "count": 1, "cases": ["<i>"], "message": "Too <small>."}],
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("sets"))


def view(**changed: Any) -> UploadView:
    known: dict[str, Any] = {
        "id": 1,
        "project_id": 1,
        "name": "a.zip",
        "size": 1_500_000,
        "state": "checking",
        "options": {},
        "report": None,
        "job_id": 1,
        "job_state": "running",
        "progress": Progress(done=30, whole=120, text="Looking at every picture"),
        "error": None,
        "person": "anna",
        "created": datetime.now(UTC),
    }
    return UploadView(**known | changed)


def arrived(studio: Studio, name: str, content: bytes) -> str:
    """A file where Gradio leaves what a browser sends."""
    file = studio.place.data / "arriving" / "somewhere" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return str(file)


def test_an_upload_is_moved_and_waits_for_its_check(room: Furnished) -> None:
    file = arrived(room.studio, "labels.csv", b"image,label\na.png,x\n")
    upload_id = bring(room.visit(), [file])
    found = next(one for one in sets.uploads(room.studio.database, room.who, 1) if one.id == upload_id)
    assert (found.state, found.job_state, found.name) == ("checking", "waiting", "labels.csv")
    assert not Path(file).exists()


def test_what_is_chosen_at_the_door_goes_with_the_upload_and_stays_when_it_is_checked_again(room: Furnished) -> None:
    with gr.Blocks():
        parts = adding.lay_out()
    tab, visit = adding.Adding(parts), room.visit()

    def brought(**changed: object) -> int:
        as_they_are: dict[Block, Any] = {part: getattr(part, "value", None) for part in parts.door.all_inputs}
        chosen: dict[Block, Any] = {parts.door.inputs[name]: value for name, value in changed.items()}
        files = [arrived(room.studio, "labels.csv", b"image,label\na.png,x\n")]
        return int(tab.bring_as_chosen(visit, {**as_they_are, **chosen, parts.files: files})[parts.brought])

    def options(upload_id: int) -> dict[str, Any]:
        return dict(sets.upload(room.studio.database, room.who, upload_id).options)

    assert options(brought()) == {}
    kept = brought(dates="kept", keeps_originals=True)
    assert (options(kept)["deid"]["dates"], options(kept)["deid"]["keeps_originals"]) == ("kept", True)
    with room.studio.database.session() as session:
        session.get_one(Job, session.get_one(sets.Upload, kept).job_id).state = "done"
    columns_left_alone: dict[Block, Any] = dict.fromkeys(parts.mapping.inputs)
    tab.check_again(visit, {parts.upload: kept, parts.of: kept, **columns_left_alone})
    assert options(kept)["deid"]["dates"] == "kept"


@pytest.mark.parametrize(
    ("layout", "chosen", "options"),
    [
        ("nifti", {"plane": "coronal", "count": "1", "center": "40", "width": "80"}, {"count": 1, "width": 80.0}),
        ("nifti", {"numbering": "stored from 0"}, {"numbering": "stored from 0"}),
        ("dicom", {"frames": "middle", "label_tag": "BodyPartExamined"}, {"label_tag": "BodyPartExamined"}),
        ("manifest", {}, {}),
    ],
)
def test_what_a_format_asks_beside_columns_is_asked_of_uploads_in_it(
    room: Furnished, tmp_path: Path, layout: str, chosen: dict[str, Any], options: dict[str, Any]
) -> None:
    find(FORMATS, layout, "format").write_example(tmp_path / "set")
    zipped = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set")
    with gr.Blocks():
        parts = adding.lay_out()
    tab, visit = adding.Adding(parts), room.visit()
    upload_id = bring(visit, [arrived(room.studio, f"{layout}.zip", Path(zipped).read_bytes())])

    def once_checked() -> dict[Block, Any]:
        with room.studio.database.session() as session:
            session.get_one(Job, session.get_one(sets.Upload, upload_id).job_id).state = "done"
        return dict(tab.show(visit, upload_id, ""))

    shown = once_checked()
    folds = {name: shown[fold]["visible"] for name, fold in parts.reading.folds.items()}
    assert folds == {"dicom": layout == "dicom", "nifti": layout == "nifti"}
    visible = {role: shown[chooser]["visible"] for role, chooser in parts.mapping.roles.items()}
    assert (visible["slice"], visible["frame"], visible["mask"]) == (
        layout == "nifti",
        layout == "dicom",
        True,
    )
    left_alone: dict[Block, Any] = dict.fromkeys(parts.mapping.inputs)
    left_alone |= {part: getattr(part, "value", None) for part in parts.reading.inputs}
    named: dict[Block, Any] = {parts.reading.forms[layout].inputs[name]: value for name, value in chosen.items()}
    tab.check_again(visit, {parts.upload: upload_id, parts.of: upload_id, **left_alone, **named})
    kept = sets.upload(room.studio.database, room.who, upload_id).options
    assert kept.keys() == chosen.keys() and kept.items() >= options.items()
    again = once_checked()
    assert all(again[part] == value for part, value in named.items()), "it stands there as it was chosen"
    tab.check_again(visit, {parts.upload: upload_id, parts.of: upload_id, **left_alone})
    assert sets.upload(room.studio.database, room.who, upload_id).options == {}


def test_a_file_that_nobody_uploaded_is_not_taken(room: Furnished, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("image,label\n")
    arriving = room.studio.place.data / "arriving"
    arriving.mkdir(exist_ok=True)
    for path in (secret, arriving / ".." / "studio.db"):
        with pytest.raises(UploadError, match="just uploaded"):
            bring(room.visit(), [str(path)])
    assert secret.exists()


def test_a_project_that_one_is_not_in_can_not_be_named_in_the_address(room: Furnished) -> None:
    for named in ("99", "x", "-1", ""):
        with pytest.raises(NotAllowed):
            room.studio.project(asking({"project": named}))


def test_only_the_published_sets_and_sizes_can_be_fetched(room: Furnished) -> None:
    for name, side in (("../../etc", 28), ("bloodmnist", 29)):
        with pytest.raises(UploadError):
            fetch_public_set(room.visit(), name, side)


def test_progress_is_told_in_numbers() -> None:
    told = report.draw(view())
    assert "Looking at every picture: 30 of 120" in told and 'aria-valuenow="25"' in told and "1.5 MB" in told


def test_a_report_with_an_error_says_that_it_can_not_be_added_and_escapes_names() -> None:
    told = report.draw(view(state="checked", job_state="done", report=CHECKED))
    assert "must be mended" in told and "Too &lt;small&gt;." in told
    assert "<i>" not in told.replace("<i class", "").replace("<i style", "") and "<b>hazy</b>" not in told


def test_a_job_that_failed_has_not_refused_the_files() -> None:
    assert report.state_of(view(job_state="failed", error="The disk is full.")) == "not done"
    assert "The disk is full." in report.draw(view(job_state="failed", error="The disk is full."))


def test_a_table_tells_its_columns_and_what_they_likely_are(tmp_path: Path) -> None:
    file = tmp_path / "scans.zip"
    with ZipFile(file, "w") as made:
        made.writestr("all/labels.csv", "img,finding,pid\na.png,x,1\n")
        made.writestr("all/a.png", b"")
    found = columns.columns_of(file)
    assert found is not None and found.header == ("img", "finding", "pid")
    assert (found.likely["image"], found.likely["label"], found.likely["split"]) == ("img", "finding", "")


def test_a_table_beside_dicom_files_tells_its_columns_too(tmp_path: Path) -> None:
    """What is chosen of them on the page reads the set, whichever the files are found by."""
    dicom.write_example(tmp_path / "scans")
    with ZipFile(tmp_path / "scans.zip", "w") as made:
        for file in (tmp_path / "scans").iterdir():
            made.write(file, f"export/{file.name}")
    offered = columns.columns_of(tmp_path / "scans.zip")
    assert offered is not None and offered.header == ("SOPInstanceUID", "label")
    assert (offered.likely["image"], offered.likely["label"], offered.likely["patient"]) == (
        "SOPInstanceUID",
        "label",
        "",
    )
    assert columns.options_from(offered, offered.likely, [], "") == {}
    chosen = {role: name for role, name in offered.likely.items() if name}
    image_set = open_set(tmp_path / "scans.zip", chosen, every(FORMATS))
    assert [case.labels for case in image_set.cases] == [("dark",), ("light",)] * 3


def test_what_comes_to_an_upload_once_it_is_released_changes_what_is_asked(tmp_path: Path) -> None:
    dicom.write_example(tmp_path / "made")
    (tmp_path / "upload" / "scans").mkdir(parents=True)
    shutil.move(tmp_path / "made" / "labels.csv", tmp_path / "upload" / "labels.csv")
    assert columns.format_of(tmp_path / "upload") != "dicom"
    for file in (tmp_path / "made").iterdir():
        shutil.move(file, tmp_path / "upload" / "scans" / file.name)
    assert columns.format_of(tmp_path / "upload") == "dicom"
    table = columns.columns_of(tmp_path / "upload")
    assert table is not None and "frame" in table.likely


def test_what_is_left_alone_is_no_setting() -> None:
    table = columns.Columns(("img", "set", "boxes", "who"), {"image": "img", "split": "set", "patient": ""})
    given = {"image": "img", "label": columns.NONE, "patient": "who", "split": "set", "boxes": "boxes", "mask": None}
    assert columns.options_from(table, given, [], "") == {"patient": "who"}, "what is likely, or not of the format"


@pytest.mark.parametrize(
    ("layout", "own"), [("nifti", {"slice"}), ("dicom", {"frame", "boxes"}), ("manifest", {"boxes"})]
)
def test_columns_are_asked_for_that_the_format_of_an_upload_knows(tmp_path: Path, layout: str, own: set[str]) -> None:
    find(FORMATS, layout, "format").write_example(tmp_path / "set")
    zipped = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set"))
    table = columns.columns_of(zipped)
    assert table is not None and table.likely.keys() & {"slice", "frame", "boxes"} == own
    assert layout != "nifti" or table.likely["slice"] == "slice"
    assert {columns.title_of("slice"), columns.title_of("frame")} == {"Slice column", "Frame column"}


def test_the_prompt_is_shown_to_the_letter() -> None:
    told = draw_prompt(
        task_from("X-ray <2>", "single", "clear\n\n hazy ", "Look at this {modality}:{label set}?", ", ", "")
    )
    plain = told.replace("<mark>", "").replace("</mark>", "")
    assert "Look at this X-ray &lt;2&gt;: clear, hazy?" in plain


def test_a_task_with_one_label_is_refused_in_words() -> None:
    with pytest.raises(SettingsError, match="two candidate answers"):
        task_from("X-ray", "single", "clear", "{label set}", ", ", "")


def test_a_label_that_holds_a_comma_is_warned_of_until_another_sign_stands_between_labels() -> None:
    shown = draw_prompt(task_from("X-ray", "single", "clear\nfracture, old", "{label set}?", ", ", ""))
    assert "“fracture, old” holds what stands between labels" in shown
    shown = draw_prompt(task_from("X-ray", "single", "clear\nfracture, old", "{label set}?", "; ", ""))
    assert "holds what stands" not in shown and "<mark>clear; fracture, old</mark>" in shown


def test_what_mirror_images_mean_is_kept_with_the_next_version_and_shown_of_it(room: Furnished) -> None:
    with gr.Blocks():
        tab = TaskTab(lay_out())
    before = sets.task_of(sets.version(room.studio.database, room.who, room.version_id))
    assert tab.open(room.visit(), room.version_id, 64)[tab.parts.mirrored] == ""
    fields = (before.modality, before.kind, "\n".join(before.answers), before.template, before.separator)
    made = save(room.visit(), room.version_id, *fields, "sideways", "")
    assert tab.open(room.visit(), made, 64)[tab.parts.mirrored] == "sideways"
    assert sets.task_of(sets.version(room.studio.database, room.who, made)).mirrored == "sideways"
    again = save(room.visit(), made, *fields, "", "")
    assert sets.task_of(sets.version(room.studio.database, room.who, again)) == before


def test_labels_that_would_be_said_alike_are_shown_before_the_task_is_saved() -> None:
    shown = draw_prompt(task_from("X-ray", "multi", "scar\nfracture\nscar, fracture", "{label set}?", ", ", ""))
    assert "would be answered with the same words" in shown and "holds what stands between" not in shown
    shown = draw_prompt(task_from("X-ray", "multi", "scar\nfracture\nscar, fracture", "{label set}?", "; ", ""))
    assert "same words" not in shown


def test_labels_are_lines() -> None:
    assert lines_of(" clear \n\nhazy\n") == ["clear", "hazy"]


def test_a_page_of_cases_shows_thumbnails_by_number_and_the_histogram_counts(room: Furnished) -> None:
    version = sets.version(room.studio.database, room.who, room.version_id)
    page = sets.cases(room.studio.database, room.who, room.version_id)
    told = draw_page(page)
    assert told.count("<button") == 3 and f'src="/images/{room.version_id}/2?size=thumb"' in told
    counted = draw_histogram(sets.histogram(version), version)
    assert "3 cases by label" in counted and "test: 2" in counted


def test_a_case_is_shown_with_its_boxes_in_the_colours_of_their_labels(tmp_path: Path) -> None:
    room = furnish(tmp_path / "room")
    studio = room.studio
    image_set = voc.write_example(tmp_path / "cells")
    version = sets.write_version(
        studio.database, studio.place, image_set, who=room.who, project_id=room.who.projects[0], name="Cells", note=""
    )
    with gr.Blocks():
        tab = gallery.Gallery(gallery.lay_out(), gr.Dropdown())
    shown = tab.look_at(room.visit(), version.id, cast(gr.EventData, SimpleNamespace(number=2)))
    shapes = shown[tab.parts.viewer]["value"]["panes"][0]["shapes"]
    assert [(shape["tag"], shape["title"]) for shape in shapes] == [("rect", "dark cell"), ("rect", "light cell")]
    assert shapes[0]["numbers"] == pytest.approx({"x": 0.1, "y": 0.2, "width": 0.4, "height": 0.4})
    assert shapes[0]["colour"] != shapes[1]["colour"]
    about = shown[tab.parts.about]
    assert all(f"{shape['colour']}" in about and f"1 {shape['title']}" in about for shape in shapes)


def test_boxes_are_offered_to_take_away_of_a_set_that_has_some(tmp_path: Path) -> None:
    room = furnish(tmp_path / "room")
    studio, project = room.studio, room.who.projects[0]
    cells = voc.write_example(tmp_path / "cells")
    boxed = sets.write_version(studio.database, studio.place, cells, who=room.who, project_id=project, name="Cells")
    assert drawn.is_drawn_on(studio.database, room.who, boxed.id)
    assert not drawn.is_drawn_on(studio.database, room.who, room.version_id)
    link = f'href="/downloads/versions/{boxed.id}/coco.json"'
    assert link in versions.draw([boxed], boxed.id, is_drawn_on=True) and link not in versions.draw([boxed], boxed.id)


def test_a_case_is_shown_with_its_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Aside(children=1)
    monkeypatch.setattr(drawn, "ASIDE", child)
    room = furnish(tmp_path / "room")
    studio, project = room.studio, room.who.projects[0]
    cells = mask_folder.write_example(tmp_path / "cells")
    masked = sets.write_version(studio.database, studio.place, cells, who=room.who, project_id=project, name="Cells")
    with gr.Blocks():
        tab = gallery.Gallery(gallery.lay_out(), gr.Dropdown())

    def shapes_of(number: int) -> list[dict[str, Any]]:
        shown = tab.look_at(room.visit(), masked.id, cast(gr.EventData, SimpleNamespace(number=number)))
        return list(shown[tab.parts.viewer]["value"]["panes"][0]["shapes"])

    (shape,) = shapes_of(0)
    assert (shape["tag"], shape["title"]) == ("path", "mask: 6.2% of the picture")
    assert set(shape["rings"][0]) == {(0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5)}
    assert shapes_of(5) == [], "nothing is marked on it"
    child.close()


def pair(first: str, second: str, is_exact: bool = True) -> dict[str, Any]:
    sides = [
        {"case": name, "labels": [f"<{name}>"], "split": None, "size": [8, 9], "shown": "0" * 64}
        for name in (first, second)
    ]
    return {"is_exact": is_exact, "cases": sides}


def fix(text: str, kinds: tuple[str, ...], **does: Any) -> dict[str, Any]:
    return {"text": text, "kinds": kinds, "leaves_out_kind": "", "divides_anew": False, "labels": {}} | does


MENDABLE: dict[str, Any] = CHECKED | {
    "task": {},
    "mending": {
        "labels": {"clear": 30, "rare": 2},
        "unusable": 7,
        "left_out": 0,
        "copies": 3,
        "pairs": [pair("1", "2"), pair("3", "4", is_exact=False)],
        "fixes": [
            fix("Leave out 4 pictures (<blank>)", ("blank", "tiny"), leaves_out_kind="blank"),
            fix("Draw anew", ("near_duplicate",), divides_anew=True),
            fix("One name", (), labels={"Rare": "rare"}),
        ],
    },
}


def test_a_report_offers_to_keep_the_rest_and_lists_what_would_be_left_out() -> None:
    shown = report.draw(view(state="checked", job_state="done", report=MENDABLE))
    assert "Keep the rest without it" in shown and "7 can&#x27;t be used" not in shown and "7 can't be used" in shown
    assert 'href="/downloads/uploads/1/not-used.csv"' in shown


def test_each_finding_shows_its_first_pictures_and_has_the_buttons_that_settle_it() -> None:
    hazy = {"shown": "7" * 64, "labels": ["<hazy>"], "split": "val"}
    pictures = {"<i>": hazy, "of no finding": hazy | {"shown": "8" * 64}}
    upload = view(state="checked", job_state="done", report=MENDABLE | {"pictures": pictures})
    shown = report.draw(upload, is_open=True)
    finding = shown.partition("Too &lt;small&gt;.")[2].partition('class="notice')[0]
    assert f'<img src="/uploads/1/copies/{"7" * 64}" alt="&lt;i&gt;"' in finding and "8" * 64 not in shown
    assert '<figcaption>&lt;hazy&gt;<br><span class="quiet">val</span></figcaption>' in finding
    assert 'data-fix="0">Leave out 4 pictures (&lt;blank&gt;)<' in finding.partition("</details>")[0]
    # What settles none of the findings stands behind them all.
    assert shown.index("Which ones") < shown.index('data-fix="1"') < shown.index('data-fix="2"')
    assert "data-fix" not in report.draw(upload) + report.draw(
        view(**vars(upload) | {"job_state": "running"}), None, True
    )
    plain = report.draw(view(state="checked", job_state="done", report=CHECKED), is_open=True)
    assert "<img" not in plain and "<button" not in plain, "checked by an earlier version"


def test_of_findings_of_one_kind_each_has_its_own_button() -> None:
    findings = [
        {
            "kind": "names_somebody",
            "severity": "warning",
            "count": 3,
            "cases": [],
            "message": f"{column}. Drop {column}, or",
        }
        for column in ("mrn", "dob")
    ]
    fixes = [fix(f"Drop {column}", ("names_somebody",), drops_column=column) for column in ("mrn", "dob")]
    told = MENDABLE | {"findings": findings, "mending": MENDABLE["mending"] | {"fixes": fixes}}
    shown = report.draw(view(state="checked", job_state="done", report=told), is_open=True)
    _, first, second = shown.split('<div class="notice warn"><b>')
    assert [part.count("data-fix") for part in (first, second)] == [1, 1]
    assert 'data-fix="0">Drop mrn<' in first and 'data-fix="1">Drop dob<' in second


def test_copies_are_shown_side_by_side_until_something_is_said_of_them() -> None:
    waiting = mending.undecided(MENDABLE, {})
    shown = mending.draw_pairs(5, waiting)
    assert shown.count(f'src="/uploads/5/copies/{"0" * 64}"') == 2 and "&lt;1&gt;" in shown and "(2 to decide)" in shown
    assert [number for number, _ in mending.undecided(MENDABLE, {"mending": {"leaves_out": ["2"]}})] == [1]
    assert [number for number, _ in mending.undecided(MENDABLE, {"mending": {"keeps": ["1", "2", "3"]}})] == [1]
    assert mending.undecided(None, {}) == [] and mending.draw_pairs(5, []) == ""


def test_rare_labels_get_another_name_in_the_table() -> None:
    rows = [["clear", 30, "clear"], ["rare", 2, "rare"], ["seldom", 9, "seldom"]]
    assert mending.with_rare(rows, 10, "other") == [
        ["clear", 30, "clear"],
        ["rare", 2, "other"],
        ["seldom", 9, "other"],
    ]
    assert mending.with_rare(rows, 3, "")[1] == ["rare", 2, ""]


def test_what_is_decided_on_the_page_stays_with_the_upload(tmp_path: Path) -> None:
    room = furnish(tmp_path / "room")
    studio, visit = room.studio, room.visit()
    upload_id = bring(visit, [arrived(studio, "labels.csv", b"image,label\na.png,x\n")])

    def is_checked() -> None:
        with studio.database.session() as session:
            row = session.get_one(sets.Upload, upload_id)
            session.get_one(Job, row.job_id).state = "done"
        sets.set_upload(studio.database, upload_id, "checked", MENDABLE)

    def now() -> dict[str, Any]:
        return dict(sets.upload(studio.database, room.who, upload_id).options["mending"])

    is_checked()
    mending.decide_copies(visit, upload_id, 0, "first")
    assert now()["leaves_out"] == ["2"] and sets.upload(studio.database, room.who, upload_id).state == "checked"
    with pytest.raises(CoreError, match="not waiting"):
        mending.decide_copies(visit, upload_id, 0, "second")
    mending.decide_copies(visit, upload_id, 1, "both")
    assert now()["keeps"] == ["3", "4"], "and as none waits any more, it is checked with that"
    assert sets.upload(studio.database, room.who, upload_id).state == "checking"
    is_checked()
    with gr.Blocks():
        tab = mending.MendTab(mending.lay_out())
    with pytest.raises(CoreError, match="two labels"):
        tab.rename(visit, upload_id, [["clear", 30, "x"], ["rare", 2, ""]])
    tab.rename(visit, upload_id, [["clear", 30, " no  change "], ["rare", 2, "rare"]])
    is_checked()
    tab.without(visit, upload_id)
    assert now()["labels"] == {"clear": "no change"} and now()["leaves_out_unusable"] and now()["leaves_out"] == ["2"]
    is_checked()
    tab.back(visit, upload_id)
    assert "mending" not in sets.upload(studio.database, room.who, upload_id).options


def test_one_click_does_what_a_finding_asks_for(tmp_path: Path) -> None:
    room = furnish(tmp_path / "room")
    studio, visit = room.studio, room.visit()
    upload_id = bring(visit, [arrived(studio, "labels.csv", b"image,label\na.png,x\n")])
    for number in (0, 1, 2):
        with studio.database.session() as session:
            session.get_one(Job, session.get_one(sets.Upload, upload_id).job_id).state = "done"
        sets.set_upload(studio.database, upload_id, "checked", MENDABLE)
        mending.apply_fix(visit, upload_id, number)
        assert sets.upload(studio.database, room.who, upload_id).state == "checking"
    decided = mending.decided(sets.upload(studio.database, room.who, upload_id).options)
    assert (decided.leaves_out_kinds, decided.divides_anew, decided.labels) == (("blank",), True, {"Rare": "rare"})
    with pytest.raises(CoreError, match="not offered any more"):
        mending.apply_fix(visit, upload_id, 3)


def test_one_click_takes_out_what_says_who_somebody_is(tmp_path: Path) -> None:
    fixes = [
        asdict(Fix("Drop", ("names_somebody",), drops_column="mrn")),
        asdict(Fix("Put", ("names_somebody",), pseudonymizes=True)),
        asdict(Fix("Call", ("names_somebody",), numbers_cases=True)),
        asdict(Fix("Drop", ("names_somebody",), drops_column="dob")),
        asdict(Fix("Take", ("patients_in_names",), names_patients=True)),
    ]
    report = {**MENDABLE, "mending": {**MENDABLE["mending"], "fixes": fixes}}
    room = furnish(tmp_path / "room")
    studio, visit = room.studio, room.visit()
    upload_id = bring(visit, [arrived(studio, "labels.csv", b"image,label\na.png,x\n")])
    for number in range(len(fixes)):
        with studio.database.session() as session:
            session.get_one(Job, session.get_one(sets.Upload, upload_id).job_id).state = "done"
        sets.set_upload(studio.database, upload_id, "checked", report)
        mending.apply_fix(visit, upload_id, number)
    decided = mending.decided(sets.upload(studio.database, room.who, upload_id).options)
    assert (decided.drops_columns, decided.pseudonymizes, decided.numbers_cases) == (("mrn", "dob"), True, True)
    assert decided.names_patients
    assert (decided.leaves_out_kinds, decided.divides_anew, decided.labels) == ((), False, {})


def test_a_version_tells_where_what_was_left_out_is_listed(room: Furnished) -> None:
    version = sets.version(room.studio.database, room.who, room.version_id)
    link = f'href="/downloads/versions/{version.id}/left-out.csv"'
    assert link in versions.draw([version], version.id, without=[version.id]) and link not in versions.draw(
        [version], version.id
    )


def test_versions_are_compared_and_an_earlier_one_is_made_the_newest_on_the_page(tmp_path: Path) -> None:
    room = furnish(tmp_path / "room")
    visit, studio = room.visit(), room.studio
    first = sets.version(studio.database, room.who, room.version_id)
    second = acts.edit_task(visit, first.id, {"modality": "<photograph>"}, "")
    with gr.Blocks():
        tab = changes.ChangesTab(changes.lay_out())
    rows = sets.versions(studio.database, room.who, first.set_id)
    newest = tab.open(visit, rows, second)
    assert newest[tab.parts.against]["value"] == first.id and not newest[tab.parts.back]["visible"]
    assert "task: modality is &#x27;&lt;photograph&gt;&#x27;" in newest[tab.parts.shown]
    oldest = tab.open(visit, rows, first.id)
    assert oldest[tab.parts.shown] == "" and oldest[tab.parts.back]["visible"]
    assert "modality" in tab.held_against(visit, second, first.id)[tab.parts.shown]
    made = tab.bring_back(visit, first.id)
    nothing = acts.compare_versions(visit, first.id, made)
    assert not nothing["task"] and not nothing["removed"]
    assert acts.return_to_version(visit, second) != made


def test_what_splits_share_is_shown_and_settled_by_a_job(tmp_path: Path) -> None:
    room = furnish(tmp_path / "room")
    visit, studio = room.visit(), room.studio
    with gr.Blocks():
        tab = settling.Settling(settling.lay_out())
    opened = tab.open(visit, room.version_id)
    assert opened[tab.parts.shared] == "" and opened[tab.parts.ways]["open"] is False
    leaks = Leakage({"test": Shared(9, 0, 2)}, 0)
    assert "of 9 test cases 2 are of patients who are learned from." in settling.draw_shared(leaks)
    assert "No run begins" in settling.draw_shared(leaks)
    asked = tab.withdraw(visit, room.version_id)
    job_id = asked[tab.parts.job]
    assert "Waits for its turn" in tab.look(visit, job_id)[tab.parts.progress]
    with studio.database.session() as session:
        job = session.get_one(Job, job_id)
        job.state, job.result = "done", Settled(set=1, version=7, number=2, cases=5, left_out=3).plain()
    done = tab.look(visit, job_id)
    assert "Version 2 is kept: 5 cases, 3 left out" in done[tab.parts.progress] and done[tab.parts.made] == 7
    assert acts.leakage(visit, room.version_id)["reasons"] == []
    with pytest.raises(CoreError, match="regroup or withdraw"):
        acts.settle_leakage(visit, room.version_id, "burn")


def test_names_of_labels_count_those_that_are_left() -> None:
    with gr.Blocks():
        tab = mending.MendTab(mending.lay_out())
    report = {"mending": {"unusable": 0, "copies": 0, "labels": {"clear": 30, "clera": 2, "cut": 9, "odd": 3}}}
    as_it_came = tab.fill(view(state="checked", report=report), is_open=True)
    assert as_it_came[tab.parts.labels]["label"] == "Names of labels (4, 3 of them rare)"
    decided = {"mending": {"labels": {"clera": "clear", "odd": ""}}}
    merged = tab.fill(view(state="checked", report=report, options=decided), is_open=True)
    assert merged[tab.parts.labels]["label"] == "Names of labels (2, 1 of them rare)"


def test_decisions_that_can_not_be_carried_out_can_be_taken_back() -> None:
    with gr.Blocks():
        tab = mending.MendTab(mending.lay_out())
    refused = view(state="refused", job_state="failed", options={"mending": {"labels": {"clear": ""}}})
    offered = tab.fill(refused, is_open=True)
    visible = [part for part, change in offered.items() if change["visible"]]
    assert visible == [tab.parts.column, tab.parts.back]
    assert not tab.fill(view(state="refused", job_state="failed"), is_open=True)[tab.parts.column]["visible"]
