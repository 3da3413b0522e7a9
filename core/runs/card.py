"""The model card of a run: what was tuned on which images, what it is worth, and what is not known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from core.readings.probe_figures import probe_notes, probes_as_markdown
from core.readings.results import table

Plain = Mapping[str, Any]
WARNING = "**For research use only. Not a medical device: never decide about a patient by what these models say.**"
MIRRORED = {"sideways": "left and right", "all": "left and right, up and down"}
LIMITS_HEAD, PROBES_HEAD = "## Limits", "## Probes"
LIMITS = (
    "The figures hold for test cases of this source; images of other devices, hospitals or groups of people were "
    "not measured.",
    "One run with one seed: how much another seed would change the figures was not measured.",
)
NOT_LOOKED_FOR = "Whether pictures, near copies or patients stand in several splits or sets was not looked for."
UNKNOWN_PATIENTS = (
    "{whose} not known, so cases of one patient may stand in training and test both, and intervals, which "
    "resample {what}, may be too narrow."
)


def card(
    *,
    set: Plain,
    settings: Plain,
    figures: Plain,
    environment: Plain,
    notes: Sequence[str],
    helped: Sequence[str] = (),
    worth: Sequence[str] = (),
    overlap: Sequence[str] = (),
) -> str:
    """Markdown from what the run's folder holds (set.json, settings.yaml, metrics.json, environment.json), and from
    what was looked for in its images."""
    sets: Sequence[Plain] = set.get("sets", ())
    names = [str(image_set["name"]) for image_set in sets if "name" in image_set]
    parts = [
        f"# Tuned on {' and '.join(names) or 'images without a name'}",
        WARNING,
        "## Images",
        *(_of_set(image_set) for image_set in sets),
        "## In several splits or sets",
        _list(overlap or [NOT_LOOKED_FOR]),
        "## Figures",
        _worth(figures),
        *(["## Is the VLM worth it?", "\n\n".join(worth)] if worth else []),
        *(["## Did it help?", "\n\n".join(helped)] if helped else []),
        LIMITS_HEAD,
        _list([*LIMITS, *_unknown_patients(figures), *notes]),
        "## Settings",
        f"```yaml\n{_yaml(settings)}```",
        "## Environment",
        f"```yaml\n{_yaml(environment)}```",
        "## Not recorded",
        _list(_gaps(sets, settings, figures, environment) or ["Nothing that this card asks for is missing."]),
    ]
    return "\n\n".join(parts) + "\n"


def with_probes(text: str, probes: Plain) -> str:
    """The card with what readers said to probes, in place of an earlier telling of it."""
    before, limits, after = text.partition(f"\n\n{LIMITS_HEAD}\n")
    before = before.partition(f"\n\n{PROBES_HEAD}\n")[0]
    part = "\n\n".join([PROBES_HEAD, probes_as_markdown(probes).rstrip(), _list(probe_notes(probes))])
    return f"{before}\n\n{part}{limits}{after}"


def _of_set(image_set: Plain) -> str:
    task: Plain = image_set.get("task", {})
    facts = {
        "Set": image_set.get("name"),
        "Version in the studio": f"`{image_set['version']}`" if image_set.get("version") else None,
        "Fingerprint of what the run saw": f"`{image_set['fingerprint']}`" if image_set.get("fingerprint") else None,
        "Cases": ", ".join(f"{count} {split}" for split, count in image_set.get("cases", {}).items()),
        "Modality": task.get("modality"),
        "Kind of labels": task.get("kind"),
        "Answers": ", ".join(task.get("answers", ())),
        "Instruction": task.get("template"),
        "Mirrored pictures mean the same": MIRRORED.get(task.get("mirrored") or ""),
    }
    return _list([f"{title}: {fact}" for title, fact in facts.items() if fact])


def _worth(figures: Plain) -> str:
    if not _parts(figures):
        return "No reader was measured."
    what = "Test cases, with 95 % intervals in brackets, or why there is none. Higher is better; a dash is undefined."
    return f"{what}\n\n{table(dict(figures)).rstrip()}"


def _parts(figures: Plain) -> list[Plain]:
    """The figures of each set that has any: those of a joint run are told apart."""
    parts = list(figures["sets"].values()) if figures.get("sets") else [figures]
    return [part for part in parts if part.get("readers")]


def _unknown_patients(figures: Plain) -> list[str]:
    """What it means that test cases have no patient, where some have none."""
    cases = sum(part["cases"] for part in _parts(figures))
    without = sum(part["cases_without_patient"] for part in _parts(figures))
    if not without:
        return []
    if without == cases:
        return [UNKNOWN_PATIENTS.format(whose="Patients are", what="cases")]
    whose = f"The patients of {without:,} of {cases:,} test cases are"
    return [UNKNOWN_PATIENTS.format(whose=whose, what="such cases one by one")]


def _gaps(sets: Sequence[Plain], settings: Plain, figures: Plain, environment: Plain) -> list[str]:
    whole = {"images": sets, "figures": _parts(figures), "settings": settings, "environment": environment}
    of_sets = [
        f"{key} of {image_set.get('name', 'a set')}"
        for image_set in sets
        for key in ("name", "fingerprint", "cases", "task")
        if not image_set.get(key)
    ]
    undefined = [f"{key} (environment)" for key, value in environment.items() if value in (None, "", {})]
    return [name for name, value in whole.items() if not value] + of_sets + undefined


def _yaml(values: Plain) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
