"""The folder of a run: complete without any database, copied as it is, and what a resume starts from."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import yaml

from core.case import SPLITS, ImageSet, Marks, Task
from core.errors import RunError
from core.events import Event, Report, Sharing, as_line, parse
from core.machine import hold
from core.runs.runfile import SET, Run, as_yaml, read_values
from core.sets.joint import JointSet
from core.sets.learned_from import FILE as LEARNED
from core.sets.split import NOT_LOOKED_FOR
from core.settings import Settings

BESIDE = ("boxes", "masks", "texts")
"""Under which set.json names what is drawn on a set's pictures; earlier runs name less of it, or nothing."""
NEVER_CHANGE = ("images", "leakage")
"""Settings by which no weight and no figure changes: where images lie, and who let the run begin."""
BLOCKS = ("lora", "training", "reading", "features")
BEFORE: Mapping[str, Mapping[str, object]] = {"reading": {"rivals": "none", "other_scores": "none"}}
"""What settings were before they came about, where that is not their default."""
PACKAGES = ("torch", "transformers", "peft", "accelerate", "numpy", "pillow")


@dataclass(frozen=True)
class Folder:
    path: Path

    @property
    def settings(self) -> Path:
        return self.path / "settings.yaml"

    @property
    def set(self) -> Path:
        return self.path / SET

    @property
    def connector(self) -> Path:
        return self.path / "connector.safetensors"

    @property
    def heads(self) -> Path:
        """What the method put on top of the VLM, where it put anything there."""
        return self.path / "heads.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def environment(self) -> Path:
        """What the run began on: machine, versions, processes."""
        return self.path / "environment.json"

    @property
    def fusion(self) -> Path:
        """The weight of the TSM in late fusion, by set."""
        return self.path / "fusion.json"

    @property
    def rivals(self) -> Path:
        """What its simple rivals learned, where it has any."""
        return self.path / "rivals.safetensors"

    @property
    def novelty(self) -> Path:
        """Where what the run learned from lies, so that it can be told how unlike a new picture is."""
        return self.path / "novelty.safetensors"

    @property
    def index(self) -> Path:
        """Where its cases lie in the space of its embedder, where its method makes one."""
        return self.path / "index.safetensors"

    @property
    def plugged(self) -> Path:
        """Says of a folder that its VLM was tuned elsewhere, and which TSM was plugged in."""
        return self.path / "plugged.json"

    @property
    def before(self) -> Path:
        """What the VLM of a plugged run learned from in the runs before, also where these are gone."""
        return self.path / LEARNED

    @property
    def is_plugged(self) -> bool:
        """Also of what was exported, which tells of no other folder."""
        return self.plugged.is_file() or self.before.is_file()

    @property
    def probes(self) -> Path:
        """What its readers said to probes, where they were probed."""
        return self.path / "probes.json"

    @property
    def card(self) -> Path:
        return self.path / "card.md"

    @property
    def files(self) -> tuple[Path, ...]:
        """All that may lie beside adapters, TSMs, stages and readings, and tells of no other folder on this machine, as
        `plugged` does: with these a copy is a run's folder too."""
        words = (self.settings, self.set, self.environment, self.events, self.sharing, self.metrics, self.card)
        return (*words, self.before, self.probes, self.fusion, self.rivals, self.novelty, self.connector, self.heads)

    def tsm(self, number: int) -> Path:
        return self.path / ("tsm" if number == 0 else f"tsm-{number + 1}")

    def tsms(self) -> list[Path]:
        """The folders of those that there are."""
        return list(takewhile(Path.is_dir, map(self.tsm, count())))

    def unseen(self, number: int) -> Path:
        """The exemplars of training cases by TSMs that learned without them, where the method asks for these."""
        return self.path / "out-of-sample" / f"{self.tsm(number).name}.safetensors"

    def adapter(self, name: str) -> Path:
        """VITask's has lain under the plain name since the first version; every other adapter has one of its own."""
        return self.path / ("adapter" if name == "vitask" else f"adapter-{name}")

    def stage(self, name: str) -> Path:
        return self.path / name

    def readings(self, split: str) -> Path:
        return self.path / "readings" / f"{split}.parquet"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def sharing(self) -> Path:
        """Whether the run's architecture can share the image's prefix, as the run found out."""
        return self.path / "sharing.json"

    def keep_sharing(self, sharing: Sharing) -> None:
        hold.check(self.path)
        self.sharing.write_text(sharing.model_dump_json(exclude={"kind"}) + "\n")

    def shares_prefix(self) -> bool:
        """What the run found out about its architecture; until 0.2.0 its events alone told of it."""
        if not self.sharing.is_file():
            return self._shared_as_events_tell()
        try:
            return Sharing.model_validate_json(self.sharing.read_text()).is_shared
        except (OSError, ValueError) as error:
            raise damaged(self.sharing, error) from None

    def _shared_as_events_tell(self) -> bool:
        """The oldest runs tell nothing of it, and share; a line that can't be read might tell that they don't."""
        try:
            events = [parse(line) for line in self.events.read_text().splitlines()]
        except (OSError, ValueError) as error:
            raise damaged(self.events, error) from None
        findings = [event.is_shared for event in events if isinstance(event, Sharing)]
        if not findings and None in events:
            raise damaged(self.events, "a line is broken off, and none tells whether the prefix is shared")
        return findings[-1] if findings else True

    def tasks(self) -> dict[str, Task]:
        return {each["name"]: Task.parse(each["task"], "set.json") for each in self.sets()}

    def marks(self) -> dict[str, Marks]:
        """What each set says of places; of sets that runs of before 0.2.0 learned from nobody asked."""
        by_name = {each["name"]: each.get("marks", {}) for each in self.sets()}
        return {
            name: Marks(tuple(kept.get("boxed", ())), bool(kept.get("is_masked"))) for name, kept in by_name.items()
        }

    def fingerprints(self) -> dict[str, str]:
        return {each["name"]: each["fingerprint"] for each in self.sets()}

    def sets(self) -> list[dict[str, Any]]:
        """What set.json says of each set. `version` is the hash by which a studio's records name it, None where it is
        from elsewhere; `fingerprint` that of the cases and the question as the run saw them."""
        if not self.set.is_file():
            raise RunError(f"{self.path} is not the folder of a run: it holds no set.json. Give the folder of a run.")
        content = self.kept(self.set)
        sets = content.get("sets") if isinstance(content, dict) else None
        if not sets or not all(isinstance(each, dict) and each.keys() >= {"name", "version", "task"} for each in sets):
            raise damaged(self.set, "it lists no image sets")
        # Before 0.2.0 the fingerprint stood under `version`, and the studio's version was not told.
        return [
            each if "fingerprint" in each else {**each, "fingerprint": each["version"], "version": None}
            for each in sets
        ]

    def kept(self, file: Path) -> Any:
        """What one of the folder's JSON files holds."""
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise damaged(file, error) from None


def damaged(file: Path, reason: object) -> RunError:
    return RunError(f"{file} can't be read ({reason}). Copy the whole folder of the run again, or tune anew.")


def begin(path: Path, run: Run, joint_set: JointSet, is_resumed: bool, processes: int) -> Folder:
    """A new folder with the frozen settings in it, or the one to go on in where nothing that matters has changed."""
    folder = Folder(path)
    if folder.settings.is_file():
        if not is_resumed:
            raise RunError(f"{path} already holds a run. Resume it with --resume, or choose another folder.")
        hold.take(path)
        _refuse_change(folder, run, joint_set, processes)
        return folder
    if path.exists() and any(file.name != hold.FILE for file in path.iterdir()):
        raise RunError(f"{path} is not empty and holds no run. Choose another folder.")
    path.mkdir(parents=True, exist_ok=True)
    hold.take(path)
    folder.set.write_text(json.dumps(_sets(run, joint_set), indent=2, ensure_ascii=False) + "\n")
    folder.environment.write_text(json.dumps(environment(processes), indent=2) + "\n")
    draft = folder.settings.with_suffix(".part")
    draft.write_text(as_yaml(run.settings), encoding="utf-8")
    draft.replace(folder.settings)  # with them it is a run: whoever is ended before leaves none that can't be resumed
    return folder


def as_begun(run: Run, path: Path) -> Run:
    """The run as it was begun where that was before some settings came about: these are what they were before, also
    where a preset says otherwise today."""
    file = Folder(path).settings
    if not file.is_file():
        return run
    was = read_values(file)
    blocks = {name: _as_then(getattr(run.settings, name), was.get(name), BEFORE.get(name, {})) for name in BLOCKS}
    not_looked_for = {name: False for name in NOT_LOOKED_FOR if not was.get("split", {}).get(name, True)}
    if not_looked_for:
        blocks["split"] = run.settings.split.model_copy(update=not_looked_for)
    return replace(run, settings=run.settings.model_copy(update=blocks))


def _as_then(block: Settings, was: object, before: Mapping[str, object]) -> Settings:
    """With what settings that its folder says nothing of were then: usually their default."""
    if not isinstance(was, dict):
        return block
    fields = type(block).model_fields
    later = {name: before.get(name, fields[name].default) for name in fields.keys() - was.keys()}
    return block.model_copy(update=later) if later else block


def refuse_unfit(path: Path, is_resumed: bool) -> None:
    """What can be refused before the images are opened."""
    folder = Folder(path)
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file, where the folder of a run was expected. Choose another name.")
    if folder.settings.is_file() and not is_resumed:
        raise RunError(f"{path} already holds a run. Resume it with --resume, or choose another folder.")
    if is_resumed and not folder.settings.is_file():
        raise RunError(f"{path} holds no run to resume. Leave --resume out to begin one there.")
    hold.refuse(path)


def _refuse_change(folder: Folder, run: Run, joint_set: JointSet, processes: int) -> None:
    was, now = read_values(folder.settings), yaml.safe_load(as_yaml(run.settings))
    for name in BLOCKS:  # settings that came later are what they were before: see `as_begun`
        was[name] = {**now[name], **was[name]} if isinstance(was.get(name), dict) else was.get(name)
    # Where the images lie may change, as after a move: their fingerprints are looked at below.
    changed = [key for key in now if key not in NEVER_CHANGE and was.get(key) != now[key]]
    if changed:
        raise RunError(
            f"The run in {folder.path} was begun with other settings ({', '.join(changed)} differ). "
            "Resume it with its own settings.yaml, or begin a new run in another folder."
        )
    begun = folder.kept(folder.environment)["processes"]
    if begun != processes:
        raise RunError(
            f"The run in {folder.path} was begun on {begun} processes, and now there are {processes}, each with a "
            f"dropout of its own. Resume it on {begun}, or begin a new run in another folder."
        )
    beside = {(each.name, kind): mark for each in joint_set.sets for kind, mark in _beside(run, each).items()}
    was_beside = {(each["name"], kind): each[kind] for each in folder.sets() for kind in BESIDE if kind in each}
    if joint_set.fingerprints() != folder.fingerprints() or was_beside.items() - beside.items():
        raise RunError(
            f"The images, labels, boxes, masks or texts have changed since the run in {folder.path} began. "
            "Put them back as they were, or begin a new run in another folder."
        )


def _beside(run: Run, image_set: ImageSet) -> dict[str, str | None]:
    """What names the boxes and the masks of a set, and its texts where captions are made of them."""
    texts = image_set.texts_fingerprint() if run.plan.needs.captions else None
    return dict(zip(BESIDE, (image_set.boxes_fingerprint(), image_set.masks_fingerprint(), texts), strict=True))


def _sets(run: Run, joint_set: JointSet) -> dict[str, Any]:
    return {
        "sets": [
            {
                "name": image_set.name,
                "version": image_set.version,
                "fingerprint": image_set.fingerprint(),
                **_beside(run, image_set),
                "marks": asdict(marks),
                "cases": {split: len(image_set.of(split)) for split in SPLITS},
                "task": image_set.task.model_dump(mode="json"),
            }
            for image_set, marks in zip(joint_set.sets, joint_set.marks, strict=True)
        ]
    }


def environment(processes: int) -> dict[str, Any]:
    import torch

    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {name: version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processes": processes,
        "threads": torch.get_num_threads(),
        "image_processors": "pil",
    }


def writer(path: Path, also: Report) -> Report:
    """Events go to a file, a line each, and to whoever watches."""
    file_of_events = Folder(path).events
    if file_of_events.is_file() and not file_of_events.read_bytes().endswith(b"\n"):  # killed in the middle of a line
        with file_of_events.open("ab") as file:
            file.write(b"\n")

    def report(event: Event) -> None:
        hold.check(file_of_events)
        with file_of_events.open("a", encoding="utf-8") as file:
            file.write(as_line(event))
        also(event)

    return report
