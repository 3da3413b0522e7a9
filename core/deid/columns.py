"""What columns of tables are called that say who somebody is, in the languages that hospitals write them in."""

from __future__ import annotations

import re
from functools import cache

from core.deid.words import folded

DROPPED = """
    surname lastname firstname givenname familyname forename fullname patientname patientsname vorname nachname
    geburtsname physician doctor referrer referring operator arzt radiologist technician birth birthdate birthday dob
    dateofbirth geburtsdatum geburtstag geb address street city town zip zipcode postcode postalcode plz ort adresse
    strasse phone telephone telefon tel mobile fax email mail ssn socialsecurity insurance versicherung passport
    accession accessionnumber casenumber fallnummer encounter visitnumber admission mothersname guardian nextofkin
    kontakt contact ansprechpartner initials initialen
    prenom prenoms naissance datenaissance rue ville codepostal courriel
    nombres apellido apellidos nacimiento fechanacimiento direccion domicilio calle ciudad codigopostal telefono movil
    correo dni curp
    cognome nascita datanascita indirizzo citta cellulare codicefiscale
    sobrenome nascimento datanascimento endereco rua cidade telefone celular cpf
    voornaam achternaam geboorte geboortedatum adres straat woonplaats telefoon bsn
    fornamn efternamn fornavn etternavn efternavn fodelsedatum fodselsdato personnummer fodselsnummer cprnummer
    adress etunimi sukunimi syntymaaika henkilotunnus osoite puhelin
    nazwisko urodzenia dataurodzenia ulica pesel prijmeni priezvisko narozeni datumnarozeni rodnecislo adresa
    prenume nastere datanasterii cnp soyad soyadi dogumtarihi lakcim
    фамилия отчество фио рождения датарождения телефон адрес паспорт снилс
    прізвище побатькові піб народження датанародження адреса
    επωνυμο ονοματεπωνυμο γεννηση γεννησης διευθυνση τηλεφωνο
    nhc historiaclinica numerodossier prontuario matricola
    هاتف عنوان ميلاد الميلاد טלפון כתובת לידה
"""
"""Columns whose names hold one of these words are dropped, whatever stands in them."""
WITHOUT_BLANKS = """
    姓名 患者名 电话 電話 手机号 手機號 地址 住址 出生日期 出生年月 生日 身份证 身分證 病历号 住院号 门诊号
    氏名 名前 住所 生年月日 フリガナ ふりがな カルテ番号
    이름 성명 환자명 전화번호 집주소 생년월일 주민등록번호 병록번호
    นามสกุล โทรศัพท์ ที่อยู่ วันเกิด
"""
"""The same in writing that has no blanks between words."""
NAMES = """
    name nom noms nome nombre naam namn navn nimi imie jmeno meno nume isim имя імя ονομα اسم الاسم שם ชื่อ
"""
PERSONS = """
    full patient patienten patientin patients person client pat legal maiden
    paciente paziente pacjenta pacienta pacient potilas potilaan hasta complet completo completa
    пациента больного пацієнта ασθενη ασθενους المريض
"""
"""Words beside one of those, by which it is a person's."""


def plain_header(header: str) -> str:
    return re.sub(r"[\W_]+", "", folded(header))


def is_dropped(header: str) -> bool:
    """Whether what a column is called says that it holds what names somebody."""
    plain = plain_header(header)
    is_within = any(word in plain for word in _plain(WITHOUT_BLANKS))
    return (
        plain in _plain(NAMES)
        or is_named_after_a_person(header)
        or is_within
        or bool(runs_of(header) & _plain(DROPPED))
    )


def is_named_after_a_person(header: str) -> bool:
    """Whether a column is called a person's name, by two words of its own."""
    runs = runs_of(header)
    return bool(runs & _plain(NAMES)) and bool(runs & _plain(PERSONS))


def runs_of(header: str) -> set[str]:
    """The words of a header, and those that stand side by side written as one."""
    words = re.split(r"[\W_]+", folded(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)))
    return {"".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)}


@cache
def _plain(words: str) -> frozenset[str]:
    return frozenset(map(plain_header, words.split()))
