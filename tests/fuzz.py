"""Damaged files of every kind that is read, made from a seed: `python -m tests.fuzz --each 100` tries 100 of each kind.

A set is drawn, one of its files is damaged, and the whole is read, looked at and kept as an intake does it, in a child
that may take 1 GiB and 20 seconds a file. What is reported is whatever an intake must never do: break off with an
error that is none of ours, die, hang, write anywhere but into its store, or leave out a picture without naming it.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
MEMORY_BYTES = 1 << 30
SECONDS = 20
EXTREMES = (b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x80\0\0\0")
WORDS = (
    b"9" * 40,
    b"-1",
    b"1e999",
    b"NaN",
    b"",
    b"null",
    b"[" * 2000,
    b'"' * 3,
    b"\xff\xfe",
    b"../../x",
    b"&a;",
    b"\0",
)

Set = dict[str, bytes]
"""The files of a set, by their names."""


@dataclass(frozen=True)
class Kind:
    """A kind of file: a set that holds one, and what it is called there."""

    draw: Callable[[], Set]
    target: str
    is_text: bool = False
    zipped_as: str = ""
    """Where the whole set is one zip, that is damaged itself."""


def picture(kind: str, shade: int = 90, mode: str = "L", **options: Any) -> bytes:
    file = io.BytesIO()
    drawn = Image.linear_gradient("L").resize((24, 20)).point(lambda level: (level + shade) % 256)
    drawn.convert(mode).save(file, kind, **options)
    return file.getvalue()


def class_folders(name: str, content: bytes) -> Set:
    return {f"a/{name}": content, "b/2.png": picture("PNG", 10), "b/3.png": picture("PNG", 70)}


def of_picture(suffix: str, kind: str, mode: str = "L", **options: Any) -> Kind:
    return Kind(lambda: class_folders(f"1.{suffix}", picture(kind, mode=mode, **options)), f"a/1.{suffix}")


def deep_png() -> bytes:
    import numpy as np

    from core.pictures.deep import Deep, Window, as_deep_png

    return as_deep_png(Deep(np.arange(400, dtype=np.uint16).reshape(20, 20), (Window("w", 40, 400),), 1.0, -10.0))


def table(name: str, content: bytes) -> Set:
    pictures = {f"{number}.png": picture("PNG", 30 * number) for number in (1, 2, 3)}
    return {**pictures, "m/1.png": picture("PNG"), name: content}


CSV = b"image,label,patient,split,boxes,mask\n" + b"".join(
    b'%d.png,%s,P%d,%s,"[{""label"":""x"",""left"":0.1,""top"":0.1,""right"":0.5,""bottom"":0.9}]",\n' % row
    for row in ((1, b"a", 1, b"train"), (2, b"b", 2, b"test"), (3, b"a;b", 2, b"val"))
)
YAML = b"modality: chest X-ray\nanswers: [a, b]\nkind: multi\ntemplate: What is this {modality}?{label set}\n"


def xlsx() -> bytes:
    import openpyxl

    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (("image", "label"), ("1.png", "a"), ("2.png", "b"), ("3.png", "b")):
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def written(path_in_set: str, layout: str) -> Callable[[], Set]:
    """What a format writes as its example."""

    def draw() -> Set:
        from core.catalog import FORMATS, find

        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "set"
            find(FORMATS, layout, "format").write_example(root)
            files = {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}
        chosen = next(name for name in sorted(files) if name.endswith(path_in_set))
        return {**{name: content for name, content in files.items() if name != chosen}, path_in_set: files[chosen]}

    return draw


def volume(is_packed: bool) -> bytes:
    import nibabel as nib
    import numpy as np

    voxels = np.arange(6 * 5 * 3, dtype=np.float32).reshape(6, 5, 3) * 1.5
    plain: bytes = nib.Nifti1Image(voxels, np.diag((1.0, 1.0, 2.0, 1.0))).to_bytes()
    return gzip.compress(plain) if is_packed else plain


def parquet(is_arrow: bool = False) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}
    rows = pa.table(
        {
            "image": [{"bytes": picture("PNG", number), "path": "x"} for number in range(6)],
            "label": [0, 1] * 3,
            "patient": ["p", "q"] * 3,
        }
    ).replace_schema_metadata({"huggingface": json.dumps(features)})
    file = io.BytesIO()
    if is_arrow:
        with pa.ipc.new_stream(file, rows.schema) as stream:
            stream.write_table(rows)
    else:
        pq.write_table(rows, file, row_group_size=4)
    return file.getvalue()


def dicom() -> bytes:
    from tests.dicom_files import drawn

    file = io.BytesIO()
    drawn(7).save_as(file, enforce_file_format=True)
    return file.getvalue()


def zipped(files: Set) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


KINDS: dict[str, Kind] = {
    "png": of_picture("png", "PNG", "RGB"),
    "png of palette": of_picture("png", "PNG", "P"),
    "png of 16 bits": Kind(lambda: class_folders("1.png", deep_png()), "a/1.png"),
    "jpeg": of_picture("jpg", "JPEG", "RGB", exif=Image.Exif().tobytes()),
    "jpeg, progressive": of_picture("jpg", "JPEG", "RGB", progressive=True),
    "tiff": of_picture("tif", "TIFF"),
    "tiff, packed": of_picture("tif", "TIFF", "RGB", compression="tiff_lzw"),
    "bmp": of_picture("bmp", "BMP", "RGB"),
    "webp": of_picture("webp", "WEBP", "RGB"),
    "gif": of_picture("gif", "GIF", "P"),
    "pgm": of_picture("pgm", "PPM"),
    "csv": Kind(lambda: table("labels.csv", CSV), "labels.csv", is_text=True),
    "xlsx": Kind(lambda: table("labels.xlsx", xlsx()), "labels.xlsx"),
    "yaml": Kind(lambda: table("labels.csv", CSV) | {"task.yaml": YAML}, "task.yaml", is_text=True),
    "coco": Kind(written(".json", "coco"), ".json", is_text=True),
    "voc": Kind(written(".xml", "voc"), ".xml", is_text=True),
    "npz": Kind(written(".npz", "medmnist_npz"), ".npz"),
    "zip": Kind(lambda: class_folders("1.png", picture("PNG")), "", zipped_as="set.zip"),
    "zip with a table": Kind(lambda: table("labels.csv", CSV), "", zipped_as="set.zip"),
    "nii": Kind(lambda: {"a/1.nii": volume(False), "b/2.nii": volume(False)}, "a/1.nii"),
    "nii.gz": Kind(lambda: {"a/1.nii.gz": volume(True), "b/2.nii.gz": volume(True)}, "a/1.nii.gz"),
    "parquet": Kind(lambda: {"train.parquet": parquet(), "test.parquet": parquet()}, "train.parquet"),
    "arrow": Kind(lambda: {"train.arrow": parquet(True), "test.arrow": parquet(True)}, "train.arrow"),
    "dicom": Kind(lambda: {"a/1.dcm": dicom(), "b/2.dcm": dicom()}, "a/1.dcm"),
    "dicom in a zip": Kind(lambda: {"a/1": dicom(), "b/2": dicom()}, "", zipped_as="set.zip"),
}


def damaged(content: bytes, draws: random.Random, is_text: bool, others: Sequence[bytes]) -> bytes:
    """The same bytes after something went wrong with them, or somebody meant them to be wrong."""
    for _ in range(draws.choice((1, 1, 1, 2, 4))):
        content = _damaged_once(content, draws, is_text, others) if content else b""
    return content


def _damaged_once(content: bytes, draws: random.Random, is_text: bool, others: Sequence[bytes]) -> bytes:
    # Half of the places are among the first bytes, where headers are.
    place = draws.randrange(min(len(content), 600) if draws.random() < 0.5 else len(content))
    length = draws.choice((1, 2, 4, 16, 200))
    before, byte, after = content[:place], content[place], content[place + length :]
    ways: list[tuple[float, Callable[[], bytes]]] = [
        (2, lambda: before),
        (4, lambda: before + bytes([byte ^ 1 << draws.randrange(8)]) + content[place + 1 :]),
        (2, lambda: before + draws.randbytes(length) + after),
        (4, lambda: before + draws.choice(EXTREMES) + content[place + 4 :]),
        (1, lambda: before + after),
        (1, lambda: before + content[place : place + length] * 2 + after),
        (6 if is_text else 1, lambda: before + draws.choice(WORDS) + (after if is_text else content[place:])),
        (0.3, lambda: draws.choice(others)),
    ]
    (way,) = draws.choices([way for _, way in ways], [weight for weight, _ in ways])
    return way()


def damaged_within(content: bytes, draws: random.Random, others: Sequence[bytes]) -> bytes:
    """The same of what is packed in a zip, an npz, an Excel file or a .gz; of anything else nothing."""
    if content[:2] == b"\x1f\x8b":
        return gzip.compress(damaged(gzip.decompress(content), draws, False, others))
    if content[:2] != b"PK":
        return damaged(content, draws, False, others)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = draws.choice(sorted(files))
    files[name] = damaged(files[name], draws, name.endswith((".xml", ".csv")), others)
    return zipped(files)


@dataclass(frozen=True)
class Trial:
    """A damaged set and the file of it that is damaged."""

    kind: str
    number: int
    files: Set
    target: str


def trial(name: str, number: int, seed: int) -> Trial:
    kind, draws = KINDS[name], random.Random(f"{seed} {name} {number}")
    files = kind.draw()
    others = [picture("PNG"), CSV, volume(False), b"%PDF-1.7", b""]
    if kind.zipped_as:
        files, target = {kind.zipped_as: zipped(files)}, kind.zipped_as
    else:
        target = kind.target
    if target.startswith("."):  # named after its suffix alone: give it a name of its own
        files[f"x{target}"], target = files.pop(target), f"x{target}"
    inside = draws.random() < 0.5
    content = (
        damaged_within(files[target], draws, others) if inside else damaged(files[target], draws, kind.is_text, others)
    )
    return Trial(name, number, files | {target: content}, target)


@dataclass
class Outcome:
    """What became of the files that were tried: how many were read, refused or named; and what must never be."""

    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    peak_bytes: int = 0


def attempt(attempted: Trial, sandbox: Path) -> str:
    """Reads, looks at and keeps a damaged set; what became of it. An AssertionError says what should not have been."""
    from core.catalog import FORMATS, every
    from core.checks.check import report_of
    from core.checks.looked import look_over
    from core.errors import CoreError
    from core.pictures.store import Store, encoded
    from core.sets.open import open_set

    root = sandbox / "set"
    for name, content in attempted.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    refusal = ""
    place = root / attempted.target if KINDS[attempted.kind].zipped_as else root
    try:
        image_set = open_set(place, {}, every(FORMATS))
        looked = look_over(image_set)
        report = report_of(looked)
    except CoreError as error:
        refusal = str(error)
    except MemoryError:
        return "out of memory"
    if refusal:
        named = (attempted.target, Path(attempted.target).name, Path(attempted.target).stem, root.name, "labels.csv")
        assert any(name in refusal for name in named), f"names nothing: {refusal}"
        return "refused"
    named_cases = {case for finding in report.findings for case in finding.cases}
    named_cases |= {case for finding in report.findings for case, _ in finding.troubles}  # of an error all are named
    store = Store(str(sandbox / "store"))
    for each in looked.seen:
        if each.look.problem:
            assert each.case.id in named_cases, f"{each.case.id} can't be read, which no finding says"
            continue
        store.put(encoded(each.case.pixels))
    errors = [finding for finding in report.findings if finding.severity == "error"]
    return "read with errors that name it" if errors else "read"


WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.move"}


def watch_writes(sandbox: Path, strays: list[str]) -> None:
    """From now on whatever is written by Python beyond the sandbox is noted."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        is_write = event in WRITES
        if event == "open" and isinstance(arguments[2], int):
            is_write = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) and isinstance(
                arguments[0], (str, bytes)
            )
        if is_write and arguments:
            path = os.path.realpath(os.fsdecode(arguments[0])) if isinstance(arguments[0], (str, bytes)) else ""
            if path and not path.startswith((str(sandbox), "/dev/null")) and "__pycache__" not in path:
                strays.append(f"{event} {path}")

    sys.addaudithook(hook)


def child(names: Sequence[str], each: int, seed: int, first: int) -> None:
    """Tries one after the other from a number on, and says so before and after."""
    import shutil
    import warnings

    from core.catalog import FORMATS, every
    from core.machine.memory import bound

    warnings.simplefilter("ignore")
    every(FORMATS)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    home = Path(os.path.realpath(tempfile.mkdtemp(prefix="fuzz-")))
    tempfile.tempdir = str(home)
    strays: list[str] = []
    watch_writes(home, strays)
    bound(MEMORY_BYTES)
    for number in range(first, each * len(names)):
        tried = trial(names[number % len(names)], number // len(names), seed)
        print(json.dumps({"at": number}), file=answers)
        sandbox, trouble, outcome = home / str(number), "", ""
        before = set(os.listdir(home))
        strays.clear()
        try:
            outcome = attempt(tried, sandbox)
        except Exception as error:
            trouble = "".join(traceback.format_exception(error)[-3:])
        there = {
            file.relative_to(sandbox / "set").as_posix() for file in (sandbox / "set").rglob("*") if file.is_file()
        }
        if there != set(tried.files) or strays or set(os.listdir(home)) - before - {sandbox.name}:
            trouble += f"wrote where it should not: {sorted(there - set(tried.files))} {strays}"
        shutil.rmtree(sandbox)
        peak = _peak_bytes()
        print(json.dumps({"done": number, "outcome": outcome, "trouble": trouble, "peak": peak}), file=answers)
    shutil.rmtree(home)


def _peak_bytes() -> int:
    """The most memory that this process had. Linux counts in `ru_maxrss` what its parent had when it was forked."""
    status = Path("/proc/self/status")
    if status.exists():
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(held.split()[1]) * 1024
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def lines_of(process: subprocess.Popen[str]) -> Iterator[dict[str, Any] | None]:
    """What a child says; None where it says nothing for too long."""
    assert process.stdout is not None
    while True:
        ready, _, _ = select.select([process.stdout], [], [], SECONDS)
        if not ready:
            yield None
            return
        line = process.stdout.readline()
        if not line:
            return
        yield json.loads(line)


def run(each: int, seed: int = 1, names: Sequence[str] = tuple(KINDS)) -> Outcome:
    """Tries so many files of each kind."""
    outcome, first, total = Outcome(), 0, each * len(names)
    while first < total:
        arguments = ["--child", str(first), "--each", str(each), "--seed", str(seed), *names]
        at = first
        with tempfile.TemporaryFile("w+") as complaints:
            with subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz", *arguments],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                bufsize=1,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            ) as process:
                is_hanging = False
                for line in lines_of(process):
                    if line is None:
                        process.kill()
                        is_hanging = True
                    elif "at" in line:
                        at = line["at"]
                    else:
                        _note(outcome, line, f"{names[at % len(names)]} {at // len(names)}")
                        first = at + 1
            if process.returncode and first <= at:
                complaints.seek(0)
                died = "hangs" if is_hanging else f"died of {process.returncode}: {complaints.read()[-600:]}"
                outcome.troubles.append(f"{names[at % len(names)]} {at // len(names)}: {died}")
                first = at + 1
    return outcome


def _note(outcome: Outcome, line: dict[str, Any], which: str) -> None:
    outcome.peak_bytes = max(outcome.peak_bytes, line["peak"])
    if line["trouble"]:
        outcome.troubles.append(f"{which}: {line['trouble']}")
    else:
        outcome.counts[line["outcome"]] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=100, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"usually all: {', '.join(KINDS)}")
    arguments = parser.parse_args()
    names = arguments.kinds or list(KINDS)
    if arguments.child is not None:
        child(names, arguments.each, arguments.seed, arguments.child)
        return
    outcome = run(arguments.each, arguments.seed, names)
    for trouble in outcome.troubles:
        sys.stdout.write(f"{trouble}\n\n")
    total = outcome.counts.total() + len(outcome.troubles)
    counts = ", ".join(f"{name}: {count}" for name, count in outcome.counts.most_common())
    sys.stdout.write(f"{total:,} files; {counts}; troubles: {len(outcome.troubles)}; ")
    sys.stdout.write(f"at most {outcome.peak_bytes / 2**20:,.0f} MiB\n")
    sys.exit(bool(outcome.troubles))


if __name__ == "__main__":
    main()
