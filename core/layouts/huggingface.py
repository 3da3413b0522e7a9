"""What the numbers in columns of classes stand for, as a data set of Hugging Face says it: in the schema of its files,
or at the top of its README.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.errors import CoreError
from core.layouts.files import Tree
from core.limits import limits
from core.yamls import read_yaml

README = "README.md"
DEPTH = 4
MOST_CLASSES = 10_000

Classes = dict[str, tuple[str, ...]]


def classes_in_schema(metadata: Mapping[bytes, bytes] | None) -> Classes:
    """{column: its classes, in the order of their numbers}; none where a schema says nothing of them, or nonsense."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {str(column): names for column, feature in features.items() if (names := _names(feature))}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def classes_in_readme(tree: Tree) -> Classes:
    """The same from the lines between --- at the top of the README."""
    if README not in tree.files:
        return {}
    text = tree.content(README, limits().yaml_bytes, only_beginning=True).decode("utf-8", "replace")
    _, _, rest = text.partition("---\n")
    try:
        about = read_yaml(rest.partition("\n---")[0], README)
    except CoreError:
        return {}
    infos = about.get("dataset_info") if isinstance(about, dict) else None
    classes: Classes = {}
    for info in infos if isinstance(infos, list) else [infos]:
        features = info.get("features") if isinstance(info, dict) else None
        for feature in features if isinstance(features, list) else ():
            if isinstance(feature, dict) and (names := _names(feature)):
                classes.setdefault(str(feature.get("name")), names)
    return classes


def _names(feature: Any, depth: int = DEPTH) -> tuple[str, ...]:
    """Of a class label, or of a list of them; none where a feature is something else."""
    if not isinstance(feature, (dict, list)) or not depth:
        return ()
    if isinstance(feature, dict) and (names := feature.get("names")):
        if isinstance(names, dict):  # as YAML has them: {'0': basophil, '1': eosinophil}
            names = [names[key] for key in sorted(names, key=lambda key: int(str(key)) if str(key).isdigit() else -1)]
        return tuple(map(str, names[:MOST_CLASSES])) if isinstance(names, list) else ()
    within = feature.values() if isinstance(feature, dict) else feature
    return next((names for part in within if (names := _names(part, depth - 1))), ())
