"""The site's key: made once, never told, and the same for the same patient."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from core.deid.key import SiteKey, site_key
from core.deid.persons import Bearer
from core.errors import SettingsError
from tests.deid.made import KEY


def header(**values: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "deid.key"
    first = site_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert site_key(file) == first and len(first.secret) == 64
    assert [path.name for path in tmp_path.iterdir()] == ["deid.key"]
    assert first.secret.decode() not in repr(first)
    assert site_key(tmp_path / "other.key") != first


def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("secret\n")
    with pytest.raises(SettingsError, match="has 6 bytes; a key has 16 at least"):
        site_key(tmp_path / "short")


def test_the_same_patient_is_told_in_any_writing_of_the_number() -> None:
    same = [
        header(PatientID="AB 123", IssuerOfPatientID="Hospital"),
        header(PatientID=" ab123 ", IssuerOfPatientID="HOSPITAL ", PatientName="Other^Writing"),
    ]
    assert len({KEY.pseudonym(Bearer.of(each).identity) for each in same}) == 1
    assert Bearer.of(header(PatientID="AB124")).identity != Bearer.of(header(PatientID="AB123")).identity


def test_without_a_number_it_is_name_and_birth_date_else_the_study() -> None:
    named = header(PatientID=" ", PatientName="DOE^Jane", PatientBirthDate="19800101")
    assert Bearer.of(named).identity == Bearer.of(header(PatientName="Doe^JANE", PatientBirthDate="19800101")).identity
    assert Bearer.of(named).identity != Bearer.of(header(PatientName="Doe^JANE", PatientBirthDate="19810101")).identity
    nameless = [header(PatientID="ANONYMOUS", StudyInstanceUID=f"1.2.{study}") for study in (1, 1, 2)]
    assert len({Bearer.of(each).identity for each in nameless}) == 2


def test_another_key_draws_everything_anew() -> None:
    other = SiteKey(b"another key of some length")
    assert KEY.pseudonym("id:1:") != other.pseudonym("id:1:")
    assert KEY.uid("1.2.3") == KEY.uid("1.2.3\0") != other.uid("1.2.3")
    assert KEY.uid("1.2.840.10008.1.2") == "1.2.840.10008.1.2"
    assert len({KEY.days(f"id:{number}:") for number in range(100)}) > 90
