"""Files that are small and grow are refused by what they say of themselves, in words, before room is made for them."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.catalog import FORMATS, every
from core.checks.check import check
from core.errors import CoreError, DataError, SettingsError
from core.layouts.table import header_at, read_table
from core.limits import Limits, limits
from core.pictures.pixels import FilePixels, ZipPixels, decode, eight_bit
from core.pictures.zips import examine
from core.runs.runfile import read_run
from core.sets.open import open_set
from core.yamls import read_yaml, read_yaml_file
from tests import bombs

MIB = 1 << 20


@contextmanager
def within(most_mib: int) -> Iterator[None]:
    """What Python and numpy allocate stays below this; Pillow takes what the pixels take that it is let decode."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most_mib * MIB, f"{peak / MIB:.0f} MiB"


def refusal(path: Path) -> str:
    with pytest.raises(CoreError) as caught:
        check(open_set(path, {}, every(FORMATS)).stop_on_errors())
    return str(caught.value)


def test_89_million_pixels_of_16_bits_are_refused_by_their_header(tmp_path: Path) -> None:
    bomb = bombs.png(9459, 9459)
    assert len(bomb) < 180_000
    (tmp_path / "bomb.png").write_bytes(bomb)
    four = bombs.zipped(tmp_path / "four.zip", {f"{'ab'[n % 2]}/{n}.png": bomb for n in range(4)})
    with within(20):
        for load in (FilePixels(tmp_path / "bomb.png").load, ZipPixels(four, "a/0.png").load):
            with pytest.raises(DataError, match=r"9,459 x 9,459, larger than 40 million pixels.*VITASK_LIMIT_PIXELS"):
                load()
        report = check(open_set(four, {}, every(FORMATS)))
    assert [(finding.kind, finding.count) for finding in report.findings if finding.severity == "error"] == [
        ("unreadable", 4)
    ]


def growth(content: bytes, take: str) -> int:
    """By how many bytes a process of its own grows at most while it takes a picture's file.

    Pillow's pixels are not among what Python traces, and getrusage of a child begins at what pytest holds.
    """
    code = (
        "import sys\nfrom core.pictures import pixels\nfrom core.errors import DataError\n"
        "def peak():\n"
        "    line = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "    return int(line.split()[1]) * 1024\n"
        "content = sys.stdin.buffer.read()\nbefore = peak()\n"
        f"try:\n    pixels.{take}(content, 'x')\nexcept DataError:\n    pass\n"
        "print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True)
    return int(done.stdout)


needs_peak = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="this system does not tell the peak")


@needs_peak
@pytest.mark.parametrize("take", ["decode", "size_of"])
def test_pixels_are_counted_before_they_are_decoded(take: str) -> None:
    assert growth(bombs.png(9459, 9459), take) < 20 * MIB


@needs_peak
@pytest.mark.parametrize(("bits", "colour"), [(16, 0), (8, 2), (16, 6), (8, 6)])
def test_a_picture_below_the_limit_is_decoded_in_bounded_memory(bits: int, colour: int) -> None:
    """16 bits took 56 bytes a pixel before: float64 three times over."""
    assert growth(bombs.png(4000, 4000, bits, colour), "decode") < 14 * 4000 * 4000 + 40 * MIB


def test_bands_make_the_picture_that_the_whole_would_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pictures.pixels.BAND_PIXELS", 40)
    drawn = np.random.default_rng(0)
    grey = drawn.normal(size=(37, 11)).astype(np.float32)
    grey[3, 4], grey[20, 0] = np.nan, np.inf
    finite = np.nan_to_num(grey.astype(np.float64), nan=0.0, posinf=0.0)
    expected = ((finite - finite.min()) * (255 / (finite.max() - finite.min()))).round()
    assert np.array_equal(np.asarray(eight_bit(Image.fromarray(grey))), expected)
    clear = Image.fromarray(drawn.integers(0, 256, (37, 11, 4), np.uint8), "RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    assert eight_bit(clear).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (30_000, 3000)])
def test_a_header_that_lies_is_believed_for_the_limit(width: int, height: int) -> None:
    with within(20), pytest.raises(DataError, match="larger than 40 million pixels"):
        decode(bombs.lying_jpeg(width, height), "lies.jpg")


@pytest.mark.parametrize("kind", ["TIFF", "GIF"])
def test_of_many_frames_the_first_is_decoded(kind: str) -> None:
    many = bombs.many_frames(kind, 300)
    with within(20):
        assert decode(many, "many").size == (64, 64)


@pytest.mark.parametrize("start", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"8BPS\0\1", b"SIMPLE  ="])
def test_a_picture_of_another_kind_than_pictures_are_of_is_not_opened(start: bytes) -> None:
    with pytest.raises(DataError, match="not a picture of a known kind"):
        decode(start + bytes(2000), "x.png")


def test_a_member_that_unpacks_to_more_than_a_picture_may_have_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_LIMIT_PICTURE_BYTES", "1000000")
    whole = bombs.zipped(tmp_path / "x.zip", {"a/1.png": bytes(90 * MIB)})
    (tmp_path / "1.png").write_bytes(bytes(2 * MIB))
    for pixels in (ZipPixels(whole, "a/1.png"), FilePixels(tmp_path / "1.png")):
        with within(4), pytest.raises(DataError, match="more than"):
            pixels.load()


@pytest.mark.parametrize("shape", [(2, 40_000, 40_000), (10**9, 28, 28), (10**12,), (3, 10**6, 10**6, 3)])
def test_an_array_that_claims_what_it_does_not_hold_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with within(20):
        assert "claims" in refusal(bombs.false_npz(tmp_path / "x.npz", shape))
        assert "claims" in refusal(bombs.false_npz(tmp_path / "y.npz", (4, 8, 8), train_labels=shape))


def test_the_pixels_of_an_array_are_counted_by_its_header(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, shape in (("train_images", (1, 7000, 7000)), ("train_labels", (1, 1))):
            with whole.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.zeros(shape, np.uint8))
    with within(20):
        assert "train_images of x.npz" in (message := refusal(file)) and "larger than 40 million pixels" in message


def test_24_million_rows_in_a_zip_are_not_unpacked(tmp_path: Path) -> None:
    bomb = bombs.zipped_rows(tmp_path / "rows.zip", 24_000_000)
    assert bomb.stat().st_size < MIB
    with within(60):
        assert "unpacks to more than 200 times its size" in refusal(bomb)
        header_of_bomb(bomb)


def header_of_bomb(bomb: Path) -> None:
    with pytest.raises(DataError, match="more than 200 times"):
        header_at(b"", str(bomb))


def test_rows_are_counted_where_nothing_else_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_LIMIT_ROWS", "1000")
    assert len(read_table(b"image,label\n" + b"1.png,a\n" * 1000, "t.csv").rows) == 1000
    many = b"image,label\n" + b"1.png,a\n" * 5_000_000
    for content in (many, many.replace(b"1.png,a", b"")):
        with within(40), pytest.raises(DataError, match=r"more than 1,000 rows.*VITASK_LIMIT_ROWS"):
            read_table(content, "t.csv")
    monkeypatch.setenv("VITASK_LIMIT_TABLE_BYTES", "100000")
    (tmp_path / "labels.csv").write_bytes(many)
    (tmp_path / "1.png").write_bytes(bombs.png(8, 8))
    with within(4):
        assert "more than 0 MB" in refusal(tmp_path)
        assert header_at(b"", str(tmp_path)) == (["image", "label"], b"")


def test_columns_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="200,000 columns, more than 4,096"):
        read_table(",".join(f"c{n}" for n in range(200_000)).encode() + b"\n1\n", "t.csv")


def test_an_excel_file_that_claims_a_million_rows_or_unpacks_to_them_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '<c r="{}1" t="inlineStr"><is><t>{}</t></is></c>'
    head = f'<row r="1">{text.format("A", "image")}{text.format("B", "label")}</row>'
    two = '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'
    padded = bombs.sheet(tmp_path / "padded.xlsx", head + two, "A1:XFD1048576").read_bytes()
    assert len(read_table(padded, "padded.xlsx").rows) == 1
    gap = bombs.sheet(tmp_path / "gap.xlsx", head + two.replace("2", "1048576"), "A1:XFD1048576").read_bytes()
    monkeypatch.setenv("VITASK_LIMIT_ROWS", "100000")
    with within(40), pytest.raises(DataError, match="more than 100,000 rows"):
        read_table(gap, "gap.xlsx")
    words = b"<sst>" + b"<si><t>a</t></si>" * 1_000_000 + b"</sst>"
    packed = bombs.sheet(tmp_path / "packed.xlsx", head + two, strings=words).read_bytes()
    with within(40), pytest.raises(DataError, match="more than 200 times its size"):
        read_table(packed, "packed.xlsx")
    monkeypatch.setenv("VITASK_LIMIT_TABLE_BYTES", "10000000")
    words = b"<sst>" + b"<si><t>a</t></si>" * 2_000_000 + b"</sst>"
    bomb = bombs.sheet(tmp_path / "bomb.xlsx", head + two, strings=words).read_bytes()
    with within(40), pytest.raises(DataError, match="more than 10 MB"):
        read_table(bomb, "bomb.xlsx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bombs.laughs(9), "more than 10,000 values"),
        (bombs.laughs(30), "more than 10,000 values"),
        (bombs.laughs(9).replace("[", "{k: ", 0) + "more: *a9\n", "more than 10,000 values"),
        ("a: &a [*a]\n", "stands within itself"),
        ("a: &a {b: *a}\n", "stands within itself"),
        ("a: *nothing\n", "undefined alias|for nothing"),
        ("a: " + "[" * 5000, "30 levels deep"),
        ("- " * 5000 + "x", "30 levels deep"),
        ("x: 1\n" * 11_000, "more than 10,000 values"),
        ("x: '" + "y" * 300_000 + "'", "bytes, more than 256,000"),
        ("x: 2024-99-99", "not valid YAML"),
    ],
)
def test_yaml_that_grows_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    (tmp_path / "task.yaml").write_text(text)
    (tmp_path / "labels.csv").write_text("image,label\n1.png,a\n2.png,b\n")
    for read in (
        lambda: read_yaml(text, "the file"),
        lambda: read_yaml_file(tmp_path / "run.yaml", "the file"),
        lambda: read_run(tmp_path / "run.yaml"),
    ):
        with within(20), pytest.raises(SettingsError, match=message):
            read()
    assert "task.yaml" in refusal(tmp_path)


def test_a_file_of_yaml_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    with file.open("wb") as made:
        made.truncate(64 * MIB)
    with within(4), pytest.raises(SettingsError, match="bytes, more than 256,000"):
        read_yaml_file(file, "the file")


def test_aliases_that_stand_for_little_are_understood() -> None:
    read = read_yaml("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n", "the file")
    assert read == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}


def test_a_zip_of_too_many_files_or_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_LIMIT_ZIP_FILES", "100")
    whole = bombs.zipped(tmp_path / "x.zip", {f"a/{n}.png": b"" for n in range(101)})
    with pytest.raises(DataError, match=r"101 files, more than 100.*VITASK_LIMIT_ZIP_FILES"):
        examine(whole)
    monkeypatch.setenv("VITASK_LIMIT_ZIP_BYTES", "1000000")
    with pytest.raises(DataError, match="would unpack to 2 MB"):
        examine(bombs.zipped(tmp_path / "y.zip", {"a/1.png": bytes(2_000_000)}))


def test_files_of_a_zip_are_counted_before_anything_is_made_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million files `zipfile` makes 700 MB of objects, and of more it makes more."""
    many = bombs.many_members(tmp_path / "set.zip", 20_000)
    monkeypatch.setenv("VITASK_LIMIT_ZIP_FILES", "20000")
    assert len(examine(many)) == 20_000
    monkeypatch.setenv("VITASK_LIMIT_ZIP_FILES", "19999")
    with within(1), pytest.raises(DataError, match=r"set\.zip holds more than 19,999 files.*VITASK_LIMIT_ZIP_FILES"):
        examine(many)
    (tmp_path / "set.zip").write_bytes(b"in front of it" + many.read_bytes())
    with within(1), pytest.raises(DataError, match="holds more than 19,999 files"):
        examine(many)


def test_every_limit_is_one_that_an_admin_may_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VITASK_LIMIT_SHOWN_SECONDS")  # of the tests
    for name, field in Limits.model_fields.items():
        assert field.title and field.description and field.metadata, name
        monkeypatch.setenv(f"VITASK_LIMIT_{name.upper()}", str(getattr(limits(), name) - 1))
    usual = Limits()
    assert [getattr(usual, name) - getattr(limits(), name) for name in Limits.model_fields] == [1] * len(
        Limits.model_fields
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("PIXELS", "many", "VITASK_LIMIT.pixels"), ("PIXELS", "-1", "pixels"), ("PIXEL", "100000", "is not a setting")],
)
def test_a_wrong_limit_is_told(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"VITASK_LIMIT_{name}", value)
    with pytest.raises(SettingsError, match=message):
        limits()
