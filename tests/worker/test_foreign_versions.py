"""An upload laid out as the studio keeps versions names stores and digests of its own choice: none of them is read."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.case import Case, ImageSet, Task
from core.errors import CoreError, DataError
from core.pictures.pixels import FilePixels
from core.pictures.store import as_png, open_store
from core.records import jobs
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets
from core.sets.version import read_version
from tests.worker.kinds.test_intake import child_job
from worker.context import Hands
from worker.kinds import intake
from worker.tasks import carry_out

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is brought lies in files: the kind of database makes no difference."""
PICTURE = as_png(Image.new("L", (20, 20), 90))
DIGEST = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that has every picture, and the paths that were asked of it."""
    paths: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(PICTURE)))
            self.end_headers()
            self.wfile.write(PICTURE)

        do_HEAD = do_PUT = do_POST = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()
    serving.join()


def written(folder: Path, store: str, digests: tuple[str, ...]) -> Path:
    """The two files of a version, with a store and digests as whoever brings it wishes."""
    folder.mkdir(parents=True, exist_ok=True)
    count, text = len(digests), pa.string()
    columns = {
        "case": pa.array([f"{number}.png" for number in range(count)], text),
        "picture": pa.array(digests, text),
        "labels": pa.array([["a"] if number % 2 else ["b"] for number in range(count)], pa.list_(text)),
        "split": pa.nulls(count, text),
        "patient": pa.nulls(count, text),
        "boxes": pa.nulls(count, pa.list_(pa.struct([("label", text)]))),
        "mask": pa.nulls(count, text),
        "report": pa.nulls(count, text),
        "more": pa.nulls(count, pa.map_(text, text)),
    }
    pq.write_table(pa.table(columns), folder / "cases.parquet")
    task = {"modality": "x", "answers": ["a", "b"], "kind": "single", "template": "What is it?"}
    about = {"format": 1, "name": "s", "hash": "0", "rows": "0", "cases": count, "task": task, "store": store}
    (folder / "version.json").write_text(json.dumps(about))
    return folder


def checked(database: Database, place: Place, who: Who, files: list[Path] | Path) -> tuple[str, str]:
    """The upload's state after its check, and the error that its person reads."""
    upload = sets.new_upload(database, place, who, who.projects[0], files, "brought")
    job_id = sets.request_check(database, place, who, upload.id, {})
    hands = Hands(place, database, "intake", "intake@here:1", lambda: False)
    claimed = jobs.claim(database, job_id, hands.name)
    assert claimed is not None
    carry_out(hands, claimed)
    error = jobs.job(database, who, job_id).error or ""
    return sets.upload(database, who, upload.id).state, error.replace(upload.key, "KEY")


def refusal(database: Database, place: Place, who: Who, files: list[Path] | Path) -> str:
    """Why the check refuses an upload, in this process: how its child is started is the same for all."""
    upload = sets.new_upload(database, place, who, who.projects[0], files, "brought")
    job_id = sets.request_check(database, place, who, upload.id, {})
    with pytest.raises(CoreError) as refused:
        intake.check(child_job(database, place, who, job_id))
    assert sets.upload(database, who, upload.id).state == "refused"
    return str(refused.value).replace(upload.key, "KEY")


STORES = (
    "http://{server}/pictures",
    "https://{server}/pictures",
    "file:///etc",
    "file://{store}",
    "s3://bucket/folder",
    "memory://anything",
    "simplecache::http://{server}/pictures",
    "filecache::http://{server}/pictures",
    "github://someone:something@main/",
    "ftp://{server}/pictures",
    "zip://pictures::http://{server}/all.zip",
    "{store}",
    "/",
    "/etc",
    "/nothing/that/exists",
    "../../store",
    "../../../../etc",
)
READABLE = ("http://{server}/pictures", "file://{store}", "{store}")
"""Where the picture would be found, if anybody looked."""


@ON_SQLITE
def test_no_upload_is_read_as_a_version_whatever_store_it_names(
    database: Database, place: Place, who: Who, requests: tuple[str, list[str]], tmp_path: Path
) -> None:
    server, paths = requests
    open_store(place.store).put(PICTURE)
    tries: list[list[Path] | Path] = []
    for number, store in enumerate(STORES):
        named = store.format(server=server, store=place.store)
        folder = written(tmp_path / str(number), named, (DIGEST, DIGEST))
        archive = Path(shutil.make_archive(str(tmp_path / f"zip-{number}"), "zip", folder))
        around = Path(shutil.make_archive(str(tmp_path / f"around-{number}"), "zip", tmp_path, str(number)))
        ways: list[list[Path] | Path] = [[folder / "version.json", folder / "cases.parquet"], archive, around]
        tries += ways if store in READABLE else [ways[number % len(ways)]]
    assert all(refusal(database, place, who, files) for files in tries)
    assert paths == []
    assert sets.sets(database, who, who.projects[0]) == []


@ON_SQLITE
def test_what_is_told_of_such_an_upload_is_the_same_whether_a_path_exists_or_not(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    kept = open_store(place.store).put(PICTURE)
    reasons = set()
    tried = [(place.store, kept), (place.store, "0" * 64), ("/etc", "passwd"), ("/nothing", "passwd"), ("/", kept)]

    def files(store: str, digest: str) -> list[Path]:
        folder = written(tmp_path / "brought", store, (digest, digest))
        return [folder / "version.json", folder / "cases.parquet"]

    for store, digest in tried:
        reasons.add(refusal(database, place, who, files(store, digest)))
    (reason,) = reasons
    assert str(place.data) not in reason
    assert checked(database, place, who, files(*tried[0])) == ("refused", reason), "as whoever brought it reads it"


def test_pictures_of_another_project_do_not_come_by_their_digests(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    other = people.add_project(database, who, "Elsewhere")
    Image.new("L", (20, 20), 91).save(tmp_path / "secret.png")
    secret = FilePixels(tmp_path / "secret.png")
    theirs = ImageSet("theirs", Task(answers=("a", "b")), (Case("1", secret, ("a",)), Case("2", secret, ("b",))))
    local = people.local(database)
    sets.write_version(database, place, theirs, who=local, project_id=other)
    folder = written(tmp_path / "brought", place.store, (secret.digest(), secret.digest()))
    state, error = checked(database, place, who, [folder / "version.json", folder / "cases.parquet"])
    assert state == "refused" and secret.digest() not in error


@pytest.mark.parametrize(
    "digest",
    [
        "../../secret",
        "..",
        "",
        "/etc/passwd",
        "a" * 63,
        "A" * 64,
        f"{'a' * 64}\n",
        f"aa/{'a' * 62}",
        "a" * 65,
        "passwd",
    ],
)
def test_a_digest_that_is_none_leads_nowhere(tmp_path: Path, digest: str) -> None:
    (tmp_path / "secret").write_bytes(PICTURE)
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    with pytest.raises(DataError, match="is no SHA-256"):
        store.get(digest)
    with pytest.raises(DataError, match="is no SHA-256"):
        read_version(written(tmp_path / "version", str(tmp_path / "store"), (digest, digest)))


@pytest.mark.parametrize("store", STORES)
def test_a_version_from_elsewhere_is_read_from_beside_it_or_the_studios_own_store(
    store: str, requests: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `vitask tune` reads it: whoever wrote the file does not choose where the pictures come from."""
    server, paths = requests
    monkeypatch.delenv("VITASK_STORE", raising=False)
    named = store.format(server=server, store=tmp_path / "elsewhere")
    open_store(str(tmp_path / "elsewhere")).put(PICTURE)
    folder = written(tmp_path / "versions" / "one", named, (DIGEST, DIGEST))
    first, _ = read_version(folder).cases
    with pytest.raises(DataError, match="does not hold"):
        first.pixels.load()
    open_store(str(folder / "store")).put(PICTURE)
    assert read_version(folder).cases[0].pixels.load().size == (20, 20)
    shutil.rmtree(folder / "store")
    monkeypatch.setenv("VITASK_STORE", str(tmp_path / "elsewhere"))
    assert read_version(folder).cases[0].pixels.load().size == (20, 20)
    assert paths == []
