"""Checkpoints that are only named, fetched from a hub on this machine that answers as the real one does."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from core.errors import ModelError
from core.events import CheckpointFetched, Event
from core.families import internvl
from core.models.download import fetch

NAME = "somebody/a-model"
COMMIT = "a" * 40


@dataclass
class Hub(ThreadingHTTPServer):
    """Serves one checkpoint; `status` is what it answers with."""

    files: dict[str, bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: Any) -> None:
        """Says nothing of clients that leave early."""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def _answer(self, has_body: bool) -> None:
        hub = self.server
        assert isinstance(hub, Hub)
        path = self.path.partition("?")[0]
        hub.asked.append(path)
        listed = [
            {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for name, content in hub.files.items()
        ]
        if path.startswith(f"/api/models/{NAME}/tree/"):
            self._send(json.dumps(listed).encode(), has_body)
        elif path.startswith(f"/api/models/{NAME}"):
            about = {"id": NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in hub.files]}
            self._send(json.dumps(about).encode(), has_body)
        else:
            self._send(hub.files[path.rpartition("/")[2]], has_body)

    def _send(self, body: bytes, has_body: bool) -> None:
        hub = self.server
        assert isinstance(hub, Hub)
        body = body if hub.status == 200 else b""
        self.send_response(hub.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        for name, value in hub.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if has_body:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing on standard error."""


@pytest.fixture
def hub(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Has a small VLM, and pickled weights beside it, which nobody should fetch."""
    files = {file.name: file.read_bytes() for file in checkpoint.iterdir()} | {"pytorch_model.bin": b"0" * 999}
    with Hub(files) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        for name, value in {
            "ENDPOINT": listening.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": listening.address + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_OFFLINE": False,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
        }.items():
            monkeypatch.setattr(huggingface_hub.constants, name, value)
        yield listening
        listening.shutdown()
        thread.join()


def fetched(events: list[Event]) -> list[CheckpointFetched]:
    return [event for event in events if isinstance(event, CheckpointFetched)]


def test_a_checkpoint_is_fetched_once_and_its_size_and_place_are_told(hub: Hub, tmp_path: Path) -> None:
    events: list[Event] = []
    fetch(NAME, events.append)
    whole = sum(len(content) for name, content in hub.files.items() if not name.endswith(".bin"))
    told = fetched(events)
    assert (told[0].done, told[0].whole) == (0, whole) and told[-1].done == whole
    assert told[0].folder == str(tmp_path / "cache" / "models--somebody--a-model")
    assert not any(path.endswith(".bin") for path in hub.asked)
    hub.asked.clear()
    events.clear()
    fetch(NAME, events.append)
    assert (events, hub.asked) == ([], [])


def test_what_was_fetched_opens_as_a_model(
    hub: Hub, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(NAME, lambda event: None)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    (snapshot,) = (tmp_path / "cache" / "models--somebody--a-model" / "snapshots").iterdir()
    vlm = internvl.load(internvl.Settings(checkpoint=str(snapshot), dtype="float32"))
    own = internvl.load(internvl.Settings(checkpoint=str(checkpoint), dtype="float32"))
    assert all((vlm.base.state_dict()[name] == weights).all() for name, weights in own.base.state_dict().items())


def test_without_a_network_one_is_told_how_to_bring_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"hf download somebody/a-model --local-dir a-model"):
        fetch(NAME, lambda event: None)


def test_a_name_that_the_hub_does_not_know_is_told(hub: Hub) -> None:
    hub.status, hub.headers = 404, {"X-Error-Code": "RepoNotFound"}
    with pytest.raises(ModelError, match=r"no 'somebody/a-model' on the hub"):
        fetch(NAME, lambda event: None)


def test_a_checkpoint_behind_terms_is_told(hub: Hub) -> None:
    hub.status, hub.headers = 403, {"X-Error-Code": "GatedRepo"}
    with pytest.raises(ModelError, match="accepted its terms"):
        fetch(NAME, lambda event: None)


def test_a_full_disk_is_told_before_anything_is_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(ModelError, match=r"takes \S+ GB, and .* left"):
        fetch(NAME, lambda event: None)
    assert not any(path.endswith(".safetensors") and "resolve" in path for path in hub.asked[-1:])


@pytest.mark.parametrize("source", ["bundled", "no-owner", "a/b/c"])
def test_what_is_no_name_on_the_hub_is_left_to_who_opens_it(hub: Hub, source: str) -> None:
    fetch(source, lambda event: None)
    assert hub.asked == []
