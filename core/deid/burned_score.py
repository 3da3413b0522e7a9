"""How well names burned into pixels are hidden, on pictures that are drawn here: two categories of the printed score.

Names, dates and numbers of records are drawn at several places, sizes and contrasts on grey and colour, with and
without compression, beside measurements that have to stay. Names are made by lot from syllables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels.utils import pixel_array, set_pixel_data
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from core.deid.burned import find_written, mask, names_in
from core.deid.burned_text import Shades, Spot, read_lines
from core.deid.burned_words import judge
from core.deid.score import Score
from core.errors import CoreError

HIDDEN, KEPT = "pixels hidden", "pixels kept"
MEASURES = (
    "12.3 mm",
    "HR 72",
    "Vmax 1.4 m/s",
    "L",
    "TIS 0.4 MI 1.1",
    "120 kVp",
    "EF 55 %",
    "R",
    "5 cm",
    "WL 40 WW 400",
)
SYLLABLES = "ba be ko la lor ma mir na nel ra ros sa sten ta tor va vin zel zor".split()
SYNTAXES = (ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless, ImplicitVRLittleEndian)
KINDS = ("grey", "deep", "inverted", "colour", "deep", "colour", "luminance")
SIZES = (11, 14, 18, 24)
INK_HIDDEN = 0.95
"""Of the strokes of a text that have to be painted over, beside that nothing can be read of it."""
SEED, PICTURES = 15, 26


@dataclass(frozen=True)
class Planted:
    """A text that was drawn, where, and whether it says who somebody is. `ink` is where its strokes are."""

    text: str
    spot: Spot
    is_person: bool
    ink: Shades


def score_pixels(score: Score, pictures: int = PICTURES) -> None:
    """Draws so many pictures, hides what is found in them, looks at what is left, and adds it to the score."""
    for number in range(pictures):
        dataset, planted = planted_picture(number)
        before = np.array(pixel_array(dataset))
        try:
            hidden = hide(dataset)
        except CoreError as error:
            for text in planted:
                score.add(HIDDEN if text.is_person else KEPT, False, f"picture {number}: {error}")
            continue
        _count(score, number, before, hidden, planted)


def hide(dataset: FileDataset) -> FileDataset:
    """As it is done at the door: what is found is masked, and the file is written and read again."""
    names = names_in(dataset)
    spots = [each.spot for each in find_written(dataset, names) if each.verdict == "person"]
    mask(dataset, spots, names)
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    file.seek(0)
    return dcmread(file)


def _count(score: Score, number: int, before: np.ndarray, hidden: FileDataset, planted: tuple[Planted, ...]) -> None:
    after = np.array(pixel_array(hidden))
    changed = (before != after).reshape(*before.shape[:2], -1).any(axis=2)
    names = names_in(hidden)
    shades = as_shown(after, hidden)
    read = [
        word.spot
        for line in read_lines(shades)
        for word, verdict in zip(line.words, judge(line, names), strict=True)
        if verdict == "person"
    ]
    may_change = np.zeros(changed.shape, bool)
    for text in planted:
        place = slice(text.spot.top, text.spot.bottom), slice(text.spot.left, text.spot.right)
        if text.is_person:
            reach = text.spot.grown(text.spot.height * 3 // 2, changed.shape[1], changed.shape[0])
            may_change[reach.top : reach.bottom, reach.left : reach.right] = True
            ink = text.ink > 0
            is_hidden = changed[place][ink].mean() >= INK_HIDDEN and not any(text.spot.meets(spot) for spot in read)
            score.add(HIDDEN, bool(is_hidden), f'picture {number}: "{text.text}"')
        else:
            score.add(KEPT, not changed[place].any(), f'picture {number}: "{text.text}"')
    score.add(KEPT, not (changed & ~may_change).any(), f"picture {number}: pixels beside what was to be hidden")


def as_shown(pixels: np.ndarray, dataset: Dataset) -> Shades:
    """In 8 bits."""
    low, high = float(pixels.min()), float(pixels.max())
    shades = np.asarray((pixels - low) * (255.0 / max(high - low, 1.0)), dtype=np.uint8)
    return np.asarray(255 - shades) if dataset.PhotometricInterpretation == "MONOCHROME1" else shades


def planted_picture(number: int) -> tuple[FileDataset, tuple[Planted, ...]]:
    """The picture of this number: always the same."""
    rng = np.random.default_rng((SEED, number))
    kind = KINDS[number % len(KINDS)]
    syntax = SYNTAXES[number % len(SYNTAXES)]
    size = SIZES[number % len(SIZES)]
    width, height = int(rng.integers(36, 52)) * size, int(rng.integers(30, 40)) * size
    dataset = _header(rng)
    texts = [*_persons(rng, dataset), *rng.choice(MEASURES, 4, replace=False)]
    shades = _background(rng, width, height, kind in ("colour", "luminance"))
    planted = tuple(_draw(rng, shades, [str(text) for text in texts], size, persons=4))
    _keep(dataset, shades, kind)
    if syntax.is_compressed:
        dataset.compress(syntax, generate_instance_uid=False)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    return dataset, planted


def drawn_name(rng: np.random.Generator) -> str:
    return "".join(map(str, rng.choice(SYLLABLES, int(rng.integers(2, 4))))).upper()


def _header(rng: np.random.Generator) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"2.25.{int(rng.integers(1, 2**62))}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality = "OT"
    dataset.PatientName = f"{drawn_name(rng)}^{drawn_name(rng)}"
    dataset.PatientID = f"{rng.choice(['MRN', 'P', 'H-'])}{int(rng.integers(10**5, 10**7))}"
    birth = np.datetime64("1930-01-01") + int(rng.integers(0, 30000))
    dataset.PatientBirthDate = str(birth).replace("-", "")
    dataset.InstitutionName = f"{drawn_name(rng)} HOSPITAL"
    return dataset


def _persons(rng: np.random.Generator, dataset: Dataset) -> list[str]:
    """As devices write them."""
    family, given = str(dataset.PatientName).split("^")
    year, month, day = (dataset.PatientBirthDate[part] for part in (slice(0, 4), slice(4, 6), slice(6, 8)))
    names = (
        f"{family}, {given}",
        f"{family}^{given}",
        f"{given.title()} {family.title()}",
        f"Name: {family} {given[0]}.",
    )
    dates = (f"{day}.{month}.{year}", f"{month}/{day}/{year}", f"{year}-{month}-{day}", f"DOB {day}.{month}.{year}")
    numbers = (f"ID: {dataset.PatientID}", dataset.PatientID, f"MRN {dataset.PatientID}")
    choices = (names, dates, numbers, (dataset.InstitutionName, dataset.InstitutionName.title()))
    return [str(rng.choice(written)) for written in choices]


def _background(rng: np.random.Generator, width: int, height: int, is_colour: bool) -> Shades:
    """Dark with noise, a brighter middle, and patches of blood flow where there is colour."""
    rows, columns = np.mgrid[0:height, 0:width]
    middle = np.exp(-(((columns - width / 2) / (width / 4)) ** 2) - ((rows - height / 2) / (height / 4)) ** 2)
    grey = 25 + 90 * middle + rng.normal(0, 8, (height, width))
    layers = np.repeat(grey[..., None], 3, axis=2) if is_colour else grey
    shades: Shades = np.clip(layers, 0, 255).astype(np.uint8)
    if is_colour:
        top, left = height // 2 - height // 10, width // 2 - width // 10
        shades[top : top + height // 10, left : left + width // 5] = (200, 30, 20)
        shades[top + height // 10 : top + height // 5, left : left + width // 5] = (20, 60, 210)
    return shades


def _draw(rng: np.random.Generator, shades: Shades, texts: list[str], size: int, persons: int) -> Iterator[Planted]:
    """Each in a row of its own, in any order, at the left, in the middle or at the right. The first measurement stands
    beside the first name, as one line."""
    height, width = shades.shape[:2]
    font = ImageFont.load_default(size=size)
    rows = rng.permutation(len(texts))
    tops = [size + int(row * (height - 3 * size) / len(texts)) for row in rows]
    lefts = [
        size + int(max(width - font.getlength(text) - 2 * size, 0) * rng.choice([0.0, 0.5, 1.0])) for text in texts
    ]
    lefts[0], tops[persons] = size, tops[0]
    lefts[persons] = 2 * size + int(font.getlength(texts[0]))
    for number, (text, left, top) in enumerate(zip(texts, lefts, tops, strict=True)):
        ink = Image.new("L", (width, height))
        ImageDraw.Draw(ink).text((left, top), text, fill=255, font=font)
        strokes = np.asarray(ink, dtype=np.float64)[..., None] / 255
        shade = float(rng.choice([255, 220, 170]))
        layers = shades if shades.ndim == 3 else shades[..., None]
        layers[...] = np.round(layers * (1 - strokes) + shade * strokes).astype(np.uint8)
        corners = ink.getbbox() or (0, 0, 1, 1)
        bold = np.where(np.asarray(ink.crop(corners)) > 127, 255, 0).astype(np.uint8)
        yield Planted(text, Spot(*corners), number < persons, bold)


def _keep(dataset: FileDataset, shades: Shades, kind: str) -> None:
    """The picture as a device of this kind stores it."""
    if kind == "colour":
        set_pixel_data(dataset, shades, "RGB", 8, generate_instance_uid=False)
    elif kind == "luminance":
        ybr = np.asarray(Image.fromarray(shades).convert("YCbCr"))
        set_pixel_data(dataset, np.ascontiguousarray(ybr), "YBR_FULL", 8, generate_instance_uid=False)
    elif kind == "deep":
        levels = (shades.astype(np.uint16) << 4) + 5
        set_pixel_data(dataset, levels, "MONOCHROME2", 12, generate_instance_uid=False)
    else:
        photometric = "MONOCHROME1" if kind == "inverted" else "MONOCHROME2"
        stored = 255 - shades if kind == "inverted" else shades
        set_pixel_data(dataset, np.ascontiguousarray(stored), photometric, 8, generate_instance_uid=False)
