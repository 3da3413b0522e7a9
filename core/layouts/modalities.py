"""What kind of picture DICOM's letters stand for, in the words of a clinic."""

from __future__ import annotations

from collections.abc import Iterable

WORDS = {
    "CR": "X-ray",
    "DX": "X-ray",
    "RG": "X-ray",
    "PX": "panoramic X-ray",
    "IO": "intra-oral X-ray",
    "MG": "mammography",
    "CT": "CT",
    "MR": "MRI",
    "PT": "PET",
    "NM": "nuclear medicine",
    "US": "ultrasound",
    "IVUS": "intravascular ultrasound",
    "XA": "angiography",
    "RF": "fluoroscopy",
    "ES": "endoscopy",
    "OP": "fundus",
    "OPT": "OCT",
    "IVOCT": "intravascular OCT",
    "GM": "microscopy",
    "SM": "microscopy",
    "XC": "photograph",
    "DMS": "dermoscopy",
    "RTIMAGE": "portal",
    "RTDOSE": "dose",
    "SEG": "segmentation",
}
PARTS = frozenset({"chest", "breast", "abdomen", "pelvis", "head", "brain", "neck", "spine", "knee", "hand", "foot"})
"""Parts of the body that are said before the kind of picture; others are letters of a scanner."""
MOST = 3
UNSAID = "medical"


def modality_words(kinds: Iterable[tuple[str, str]]) -> str:
    """Of the modalities and body parts of some pictures, as in "chest X-ray" or "CT and MRI"."""
    seen = sorted({(modality.upper(), part.casefold()) for modality, part in kinds})
    words = list(dict.fromkeys(WORDS[modality] for modality, _ in seen if modality in WORDS))
    if not words or len(words) > MOST or any(modality not in WORDS for modality, _ in seen):
        return UNSAID
    parts = {part for _, part in seen}
    named = f"{parts.pop()} " if len(parts) == 1 and parts <= PARTS and words != ["mammography"] else ""
    return named + " and ".join(words)
