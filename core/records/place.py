"""Where a studio keeps its things: one folder, one database, one queue, one store."""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from pathlib import Path

from pydantic import Field

from core.errors import SettingsError
from core.sets.version import DATA
from core.settings import Settings

OWNER_ONLY = 0o700
CODE = Path(__file__).parents[2]


class Place(Settings):
    """Everything that the processes of one studio must agree on; handed to them by the environment."""

    data: Path = Field(title="Data folder", description="Uploads, runs, logs and versions of image sets lie below it.")
    database: str = Field(title="Database", description="Its address: sqlite:///… or postgresql://….", repr=False)
    redis: str | None = Field(
        None, title="Redis", description="Its address. Left empty: `vitask up` starts one.", repr=False
    )
    store: str = Field(title="Store", description="Where images are kept by content: a folder, or s3://bucket/folder.")

    @classmethod
    def at(cls, data: Path, redis: str | None = None) -> Place:
        """Everything below one folder, which is made where it is missing."""
        return cls._complete(data, {"VITASK_REDIS": redis} if redis else {})

    @classmethod
    def from_environment(cls) -> Place:
        variables = {name: value for name, value in os.environ.items() if name.startswith("VITASK_") and value}
        return cls._complete(Path(variables.get("VITASK_DATA", DATA)), variables)

    @classmethod
    def _complete(cls, data: Path, variables: dict[str, str]) -> Place:
        folder = data.expanduser().absolute()
        try:
            folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"The data folder {folder} can't be used ({error.strerror}). Make it a folder that you may write and "
                "with some room, or choose another with --data."
            ) from None
        values = {
            "data": folder,
            "database": variables.get("VITASK_DATABASE", f"sqlite:///{folder / 'studio.db'}"),
            "redis": variables.get("VITASK_REDIS"),
            "store": variables.get("VITASK_STORE", str(folder / "store")),
        }
        return cls.parse(values, "VITASK")

    @property
    def uploads(self) -> Path:
        return self.data / "uploads"

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def versions(self) -> Path:
        return self.data / "versions"

    def without_paths(self, text: str) -> str:
        return without_paths(text, self.data, Path(self.store))

    def tighten(self) -> list[Path]:
        """Makes the data folder, and what lies right in it, its owner's alone; returns what others could get at.

        What belongs to somebody else stays as it is: on a mounted volume its owner decides.
        """
        tightened = []
        for path in (self.data, *sorted(self.data.iterdir())):
            state = path.lstat()
            if stat.S_IMODE(state.st_mode) & ~OWNER_ONLY and not path.is_symlink() and state.st_uid == os.getuid():
                path.chmod(stat.S_IMODE(state.st_mode) & OWNER_ONLY)
                tightened.append(path)
        return tightened

    def environment(self) -> dict[str, str]:
        """What a child process needs to find the same place."""
        values = {
            "VITASK_DATA": str(self.data),
            "VITASK_DATABASE": self.database,
            "VITASK_STORE": self.store,
        }
        return values | ({"VITASK_REDIS": self.redis} if self.redis else {})


def keep_private() -> None:
    """What this process and its children make from now on, other users of the machine can't read."""
    os.umask(0o777 & ~OWNER_ONLY)


def without_paths(text: str, *ours: Path) -> str:
    """For people who need not know where on the server things lie: what is below a folder keeps its own name."""
    folders = {*ours, CODE, Path(sys.prefix), Path.home(), Path(tempfile.gettempdir())}
    for folder in sorted(map(str, folders), key=len, reverse=True):  # an inner folder before the outer one
        if folder.startswith("/") and folder != "/":
            text = re.sub(rf"{re.escape(folder)}(/|(?![\w-]|\.\w))", lambda end: "" if end[1] else "…", text)
    return text
