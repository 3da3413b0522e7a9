"""What becomes of a header: by the profile, by the options, and by the values that name somebody."""

from __future__ import annotations

import copy
from datetime import datetime
from io import BytesIO

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from core.deid.choices import Choices
from core.deid.header import MOST_SEARCHED_BYTES, deidentify_header, rules_for
from core.deid.record import Action, Actions
from tests.deid.made import KEY, made_header

BASIC = Choices()


def deidentified(header: Dataset, choices: Choices = BASIC) -> tuple[Dataset, Actions]:
    after = copy.deepcopy(header)
    return after, deidentify_header(after, rules_for(header, choices, KEY), "studio 0")


def test_the_basic_profile_removes_empties_and_replaces() -> None:
    after, actions = deidentified(made_header())
    assert after.PatientName == after.PatientID == KEY.pseudonym("id:48151623:")
    assert (after.PatientBirthDate, after.PatientSex, after.AccessionNumber) == ("", "", "")
    assert after.ReferringPhysicianName == ""
    for keyword in ("PatientAge", "StudyDescription"):
        assert keyword not in after
    assert after.StationName == after.InstitutionName == "REMOVED"
    assert (after.Modality, after.BodyPartExamined, after.Rows, after.SliceThickness) == ("CT", "CHEST", 2, 2.5)
    assert after.PixelData == bytes(range(8))
    assert [tag for tag in after.keys() if tag.is_private] == []
    assert actions[Action("(0010,0010)", "PatientName", "Z", "Z")] == 1
    assert actions[Action("(0029,1010)", "private", "X", "X")] == 1
    assert actions[Action("(0008,2112)/(0008,1155)", "ReferencedSOPInstanceUID", "U", "U")] == 1


def test_what_was_done_stands_in_the_header() -> None:
    after, _ = deidentified(made_header(), Choices(keep_device=True))
    assert after.PatientIdentityRemoved == "YES"
    assert after.DeidentificationMethod == "studio 0, PS3.15 basic profile"
    codes = [(item.CodeValue, item.CodingSchemeDesignator) for item in after.DeidentificationMethodCodeSequence]
    assert codes == [("113100", "DCM"), ("113107", "DCM"), ("113109", "DCM")]
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"
    assert deidentified(made_header(), Choices(dates="kept"))[0].LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_dates_move_together_and_times_stay() -> None:
    after, _ = deidentified(made_header())
    days = KEY.days("id:48151623:")
    assert -3650 <= days <= -1
    day_of = datetime.strptime
    assert (day_of(after.StudyDate, "%Y%m%d") - day_of("20190803", "%Y%m%d")).days == days
    assert (day_of(after.ContentDate, "%Y%m%d") - day_of(after.StudyDate, "%Y%m%d")).days == 2
    assert after.StudyTime == "101112"
    assert str(after.AcquisitionDateTime) == f"{after.StudyDate}101112.5000+0200"
    assert after.StudyDate not in ("", "20190803")
    kept, _ = deidentified(made_header(), Choices(dates="kept"))
    assert (kept.StudyDate, kept.PatientBirthDate) == ("20190803", "")
    removed, _ = deidentified(made_header(), Choices(dates="removed"))
    assert (removed.StudyDate, removed.ContentDate, "SeriesDate" in removed) == ("", "19000101", True)


def test_uids_are_replaced_alike_wherever_they_stand_and_classes_stay() -> None:
    first, _ = deidentified(made_header(1))
    second, _ = deidentified(made_header(2))
    assert first.SourceImageSequence[0].ReferencedSOPInstanceUID == second.SOPInstanceUID
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SOPInstanceUID.startswith("2.25.") and len(first.SOPInstanceUID) <= 64
    assert first.SOPClassUID == made_header().SOPClassUID
    assert deidentified(made_header(), Choices(keep_uids=True))[0].SOPInstanceUID == made_header().SOPInstanceUID


def test_a_description_that_is_kept_loses_what_names_somebody_and_nothing_else() -> None:
    after, actions = deidentified(made_header(), Choices(clean_descriptors=True))
    words = after.StudyDescription
    assert [word for word in ("CT chest", "soft") if word not in words] == []
    assert [name for name in ("Mueller", "Aenne", "4815", "Okonkwo", "1953") if name in words] == []
    assert actions[Action("(0008,1030)", "StudyDescription", "X", "C")] == 1


@pytest.mark.parametrize(
    ("choices", "keyword", "value"),
    [
        (Choices(keep_device=True), "StationName", "CTROOM9"),
        (Choices(keep_institution=True), "InstitutionName", "Wolkenstein Clinic"),
        (Choices(keep_patient=True), "PatientAge", "066Y"),
        (Choices(keep_patient=True), "PatientSex", "F"),
    ],
)
def test_an_option_keeps_what_it_says(choices: Choices, keyword: str, value: str) -> None:
    assert str(deidentified(made_header(), choices)[0].get(keyword)) == value
    assert str(deidentified(made_header())[0].get(keyword)) != value


def test_a_great_age_is_told_as_ninety() -> None:
    header = made_header()
    header.PatientAge = "097Y"
    assert deidentified(header, Choices(keep_patient=True))[0].PatientAge == "090Y"


def test_safe_private_figures_stay_only_where_it_is_chosen() -> None:
    header = made_header()
    header.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "800")
    header.private_block(0x0019, "SIEMENS MR HEADER").add_new(0x0D, "LO", "Müller")
    kept, _ = deidentified(header, Choices(keep_safe_private=True))
    assert sorted(f"{tag:08x}" for tag in kept.keys() if tag.is_private) == ["00190010", "0019100c"]
    assert [tag for tag in deidentified(header)[0].keys() if tag.is_private] == []


def test_values_of_the_header_are_taken_out_of_what_the_table_does_not_name() -> None:
    header = made_header()
    header.ManufacturerModelName = "Model 5 of Wolkenstein"
    header.ICCProfile = "profile of Änne Müller".encode("utf-16-le")
    header.RespiratoryCyclePosition = "END_INSP"
    after, actions = deidentified(header)
    assert after.ManufacturerModelName == "Model 5 of"
    assert not after.ICCProfile
    assert after.RespiratoryCyclePosition == "END_INSP"
    assert actions[Action("(0008,1090)", "ManufacturerModelName", "", "C")] == 1


def test_values_far_inside_long_figures_are_found_and_bytes_too_long_to_look_through_go() -> None:
    header = made_header()
    header.ICCProfile = bytes(MOST_SEARCHED_BYTES) + b"\0\0"
    header.add_new("LUTData", "OW", bytes(MOST_SEARCHED_BYTES) + b"Test^Case Mueller 48151623 ")
    after, _ = deidentified(as_read(header))
    assert not after.ICCProfile and "LUTData" not in after
    header.ICCProfile, header.LUTData = bytes(MOST_SEARCHED_BYTES), bytes(2 * MOST_SEARCHED_BYTES)
    after, _ = deidentified(as_read(header))
    assert len(after.ICCProfile) == MOST_SEARCHED_BYTES and len(after.LUTData) == 2 * MOST_SEARCHED_BYTES


def as_read(header: Dataset) -> Dataset:
    """From a file, whose elements are not looked into before they are asked for."""
    file = BytesIO()
    dcmwrite(file, header, implicit_vr=False, little_endian=True)
    return dcmread(BytesIO(file.getvalue()), force=True)


def test_what_no_dictionary_knows_is_removed_and_what_is_damaged_too() -> None:
    header = made_header()
    header.add_new(0x00189999, "UN", b"Mueller")
    header.add_new(0x60003000, "OW", b"\1\0")
    header.add_new(0x50003000, "OW", b"\1\0")
    after, _ = deidentified(header)
    assert [tag in after for tag in (0x00189999, 0x60003000, 0x50003000)] == [False, False, False]


def test_structured_content_stays_item_by_item_where_it_is_chosen() -> None:
    header, item = made_header(), Dataset()
    item.ValueType, item.TextValue, item.PersonName = "TEXT", "Lesion of 8 mm, seen by Okonkwo", "Okonkwo^Ben"
    header.ContentSequence = Sequence([item])
    assert len(deidentified(header)[0].ContentSequence[0]) == 0
    kept = deidentified(header, Choices(clean_structured=True, clean_descriptors=True))[0].ContentSequence[0]
    assert "Okonkwo" not in str(kept)
    assert kept.ValueType == "TEXT"
