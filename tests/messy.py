"""Two uploads as people really bring them, drawn: nobody has tidied them, and nobody should have to."""

from __future__ import annotations

import csv
import unicodedata
from io import BytesIO, StringIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image

SLICES = {"Gliom": 130, "Meningeom (gut)": 130, "hypophysär_links": 120, "gliom": 20, "unklar": 3}
"""Class folders and how many slices lie in each; `gliom` is `Gliom` written otherwise, `unklar` is rare."""
FINDINGS = {"Erguss/Stauung": 80, "kein Befund": 90, "Erguß/Stauung": 12, "Fraktur, alt": 4}


def slice_of(label: str, number: int, side: int = 24) -> bytes:
    """Noise around a shade, with a bright corner of its label's own."""
    shade = 40 + 45 * (sum(label.casefold().encode()) % 4)
    noise = np.random.default_rng([sum(label.encode()), number])
    pixels = noise.normal(shade, 14, (side, side)).clip(0, 255).astype(np.uint8)
    pixels[: side // 3, : side // 3] = 255 - shade
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def messy_slices(target: Path) -> Path:
    """Class folders in an outer one: bad files, what macOS and Windows leave, copies, rare labels."""
    with ZipFile(target, "w") as made:

        def put(name: str, content: bytes) -> None:
            made.writestr(unicodedata.normalize("NFD", name), content)  # as macOS writes names

        for label, count in SLICES.items():
            for number in range(count):
                put(f"MRT Köpfe/{label}/Schicht {number} (ä).png", slice_of(label, number))
            for number in range(4):
                put(f"__MACOSX/MRT Köpfe/{label}/._Schicht {number} (ä).png", b"\x00\x05\x16\x07Mac OS X")
        for name in (".DS_Store", "Gliom/.DS_Store", "Gliom/Thumbs.db", "Gliom/._x.png", "unklar/desktop.ini"):
            put(f"MRT Köpfe/{name}", b"\x00\x01")
        put("MRT Köpfe/Gliom/leer.png", b"")
        put("MRT Köpfe/Gliom/halb.png", slice_of("Gliom", 0)[:200])
        put("MRT Köpfe/Gliom/Befund.png", b"%PDF-1.7\n%binary")
        put("MRT Köpfe/Anleitung.pdf", b"%PDF-1.7\n%binary")
        for number in range(5):
            put(f"MRT Köpfe/Gliom/Kopie {number}.png", slice_of("Gliom", number))
        for number in range(2):
            put(f"MRT Köpfe/Meningeom (gut)/strittig {number}.png", slice_of("Gliom", 60 + number))
    return target


def messy_films(target: Path) -> Path:
    """A table that nobody touched beside its pictures: files that lack, labels with slashes, commas, umlauts."""
    text = StringIO()
    rows = csv.writer(text, delimiter=";")
    rows.writerow(["Bildname", "Image Index", "Diagnosis", "Patient ID", "Größe (cm)"])
    with ZipFile(target, "w") as made:
        number = 0
        for label, count in FINDINGS.items():
            for _ in range(count):
                name = f"Röntgen {number}.png"
                rows.writerow([f"Bild {number}", name, label, f"P{number // 2}", "17,5"])
                made.writestr(f"Bilder/{unicodedata.normalize('NFD', name)}", slice_of(label[:5], number))
                number += 1
        for name in ("fehlt 1.png", "fehlt 2.png", "leer.png"):
            rows.writerow(["", name, "kein Befund", "P900", ""])
        rows.writerow(["", "strittig.png", "kein Befund", "P901", ""])
        made.writestr("Bilder/strittig.png", slice_of("Erguss/Stauung"[:5], 3))
        made.writestr("Bilder/leer.png", b"")
        made.writestr("__MACOSX/Bilder/._leer.png", b"\x00\x05\x16\x07")
        made.writestr("Tabelle Röntgen.csv", text.getvalue().encode("cp1252"))
    return target
