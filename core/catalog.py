"""What there is to choose from: one line a thing. Modules are imported when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from core.errors import SettingsError

FORMATS = {
    "dicom": "core.formats.dicom",
    "nifti": "core.formats.nifti",
    "voc": "core.formats.voc",
    "coco": "core.formats.coco",
    "mask_folder": "core.formats.mask_folder",
    "class_folders": "core.formats.class_folders",
    "manifest": "core.formats.manifest",
    "medmnist_npz": "core.formats.medmnist_npz",
    "parquet": "core.formats.parquet",
}
"""What people bring, in uploads too. The first that knows a layout reads it, so what asks for more stands before."""

KEPT = {
    "studio_version": "core.formats.studio_version",
}
"""How the studio keeps what was brought: for the images that a run names, never for an upload."""

TSMS = {
    "convnet": "core.tsms.convnet",
    "backbone": "core.tsms.backbone",
    "vlm_linear": "core.tsms.vlm_linear",
    "vlm_mlp": "core.tsms.vlm_mlp",
}

FAMILIES = {
    "starter": "core.families.starter",
    "auto": "core.families.auto",
    "internvl": "core.families.internvl",
    "qwen_vl": "core.families.qwen_vl",
    "smolvlm": "core.families.smolvlm",
    "llava_onevision": "core.families.llava_onevision",
    "gemma3": "core.families.gemma3",
    "paligemma": "core.families.paligemma",
}

METHODS = {
    "vanilla": "core.methods.vanilla",
    "vitask": "core.methods.vitask",
    "tpo": "core.methods.tpo",
    "discriminative": "core.methods.discriminative",
    "head": "core.methods.head",
}

SOURCES = {
    "cleanlab": "core.sources.cleanlab",
    "tsm": "core.sources.tsm",
    "neighbours": "core.sources.neighbours",
    "vlm": "core.sources.vlm",
    "disagreement": "core.sources.disagreement",
    "duplicates": "core.sources.duplicates",
}

USUAL: Mapping[str, Any] = {"vlm": {"family": "starter"}, "tsm": {"name": "convnet"}, "method": {"name": "vitask"}}
"""The blocks of a run file that take part where nobody says otherwise."""


def find(catalog: Mapping[str, str], name: str, what: str) -> ModuleType:
    """The module of a catalog's entry."""
    if name not in catalog:
        raise SettingsError(f'There is no {what} called "{name}". Known: {", ".join(catalog)}. Choose one of these.')
    return import_module(catalog[name])


def every(*catalogs: Mapping[str, str]) -> list[Any]:
    """The modules of all entries, in their order."""
    return [import_module(path) for catalog in catalogs for path in catalog.values()]


def chosen(catalog: Mapping[str, str], values: Any, key: str, where: str) -> tuple[ModuleType, Any]:
    """The module that a block of a run file names under `key`, and the block as its settings."""
    if not isinstance(values, Mapping) or not isinstance(values.get(key), str):
        raise SettingsError(f"{where} must name one of {', '.join(catalog)}, like {{{key}: {next(iter(catalog))}}}.")
    module = find(catalog, values[key], where)
    return module, module.Settings.parse(dict(values), where)
