"""Checkpoints that are named and not yet here: how large, where they go, how far they are, and what to do without a
network. Only what is opened later is fetched: descriptions and safetensors.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from core.errors import ModelError, reason
from core.events import CheckpointFetched, Report

NAME = re.compile(r"[\w.-]+/[\w.-]+")
OPENED: Mapping[str, Any] = {
    "allow_patterns": ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"],
    "ignore_patterns": ["*/*"],
}
GB = 1e9
SECONDS_BETWEEN_LOOKS = 2.0


def fetch(source: str, report: Report) -> None:
    """Has a checkpoint that is a name on the hub lie in this machine's cache; of a folder there is nothing to fetch."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        DryRunError,
        HfHubHTTPError,
        HFValidationError,
    )

    if Path(source).exists() or not NAME.fullmatch(source) or _is_here(source):
        return
    try:
        files = snapshot_download(source, dry_run=True, **OPENED)
        assert isinstance(files, list)
        missing = [file.file_size for file in files if file.will_download]
        if not missing:
            return
        folder = _cache(source)
        _refuse_full(source, sum(missing), folder)
        with _telling(source, sum(missing), folder, report):
            snapshot_download(source, **OPENED)
    except (DryRunError, HFValidationError, HfHubHTTPError, OSError) as error:
        cause = error.__cause__ if isinstance(error, DryRunError) else error
        raise _unreachable(source, cause or error) from error


def _unreachable(source: str, cause: BaseException) -> ModelError:
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    if isinstance(cause, GatedRepoError):  # before the next, of which it is one
        return ModelError(
            f"The hub gives {source!r} only to people who have accepted its terms. Accept them there, then give this "
            "machine your token as HF_TOKEN, or bring the checkpoint as a folder."
        )
    if isinstance(cause, RepositoryNotFoundError | HFValidationError):
        return ModelError(
            f"There is no {source!r} on the hub, and no folder of that name here. Check the name, or give a folder."
        )
    name = source.rpartition("/")[2]
    return ModelError(
        f"The model {source!r} is not on this machine, and the hub can't be reached ({reason(cause)}). On a machine "
        f"that reaches it: “hf download {source} --local-dir {name}”. Then copy that folder here, and give its path as "
        "the checkpoint."
    )


def _is_here(source: str) -> bool:
    """Whether an earlier download came to its end, so that nobody has to be asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        folder = snapshot_download(source, local_files_only=True, **OPENED)
    except (OSError, HFValidationError):
        return False
    return any(Path(str(folder)).glob("*.safetensors"))


def _cache(source: str) -> Path:
    """Where all of a checkpoint goes."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{source.replace('/', '--')}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _refuse_full(source: str, needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"The model {source!r} takes {needed / GB:.1f} GB, and {folder} has {free / GB:.1f} GB left. Make room, or "
            "name another place by the variable HF_HOME."
        )


@contextmanager
def _telling(source: str, whole: int, folder: Path, report: Report) -> Iterator[None]:
    """Tells every now and then how much more of it lies on the disk than before: also what is broken off goes on."""
    before, is_over = _bytes_below(folder), Event()

    def tell() -> None:
        done = min(whole, _bytes_below(folder) - before)
        report(CheckpointFetched(name=source, folder=str(folder), done=done, whole=whole))

    def watch() -> None:
        while not is_over.wait(SECONDS_BETWEEN_LOOKS):
            tell()

    tell()
    watching = Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        is_over.set()
        watching.join()
    tell()


def _bytes_below(folder: Path) -> int:
    """Of files alone: the cache's snapshots are links to them. One that is renamed meanwhile is counted next time."""
    whole = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            whole += 0 if file.is_symlink() or not file.is_file() else file.stat().st_size
    return whole
