"""The rules of the house that no tool holds: how files open, what imports cost, what every setting and error tells."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin

import core
from core import errors
from core.catalog import FAMILIES, FORMATS, KEPT, METHODS, SOURCES, TSMS
from core.settings import Settings

ROOT = Path(core.__file__).parents[1]
SCIENCE = ROOT / "core"
PACKAGES = ("core", "app", "worker")
FILES = sorted(file for package in (*PACKAGES, "migrations") for file in (ROOT / package).rglob("*.py"))
BESIDE = sorted(file for folder in ("tests", ".ci") for file in (ROOT / folder).rglob("*.py"))
"""What is written by the same rules, though nobody who uses the studio runs it."""
MAKES_PICKLES = {"tests/models/test_checkpoint_rules.py", "tests/pictures/test_pixels.py"}
"""To see them refused."""
HELP = ("help", "description", "epilog")
HOMELESS = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common)($|_)")
UNPICKLERS = {"pickle", "dill", "cloudpickle", "joblib"}
TABLE_WRITERS = {"writer", "DictWriter", "write_csv", "CSVWriter", "to_csv", "to_excel", "Workbook", "savetxt"}
MARKDOWN = {
    *(f"app/{file}" for file in ("html.py", "pages/image_sets/adding.py", "pages/tune/parts.py")),
    *(f"core/{file}" for file in ("runs/card.py", "readings/results.py", "sample/files.py", "starter/card.py")),
}
WRITES_BACKTICKS = {"core/readings/latex.py", "core/layouts/safe_csv.py"}
VAGUE = re.compile(r"(Manager|Handler|Helper|Processor|Utils?)$")


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def trusting(tree: ast.Module) -> list[str]:
    """The places that would run code that came with data."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in UNPICKLERS]
        if isinstance(node, ast.ImportFrom) and node.module in UNPICKLERS:
            found.append(node.module)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            found += ["torch.load"] if "weights_only=True" not in ast.unparse(node) else []
        if isinstance(node, ast.keyword) and node.arg in ("trust_remote_code", "allow_pickle"):
            found += [node.arg] if ast.unparse(node.value) != "False" else []
    return found


def table_writers(tree: ast.Module) -> list[str]:
    """The places that write a table for people on their own; any library's way counts."""
    names = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in imported for alias in node.names if node.module != "core.runs.folder"]
    return [name for name in names if name in TABLE_WRITERS]


def backticked(tree: ast.Module) -> list[str]:
    """Texts that would show backticks on a page: all but docstrings, a command's help and a form's info."""
    spoken = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    helping = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in HELP]
    exempt = {part for node in (*spoken, *helping) for part in ast.walk(node)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in exempt]
    return [node.value for node in texts if isinstance(node.value, str) and "`" in node.value]


def calls_on_import(file: Path) -> list[str]:
    """What a file does when it is imported, beside giving names to things."""
    own = [node for node in tree_of(file).body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return [ast.unparse(node) for node in own]


@cache
def every_module() -> tuple[ModuleType, ...]:
    names = [
        module.name for package in PACKAGES for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
    ]
    return tuple(map(importlib.import_module, names))


def every_settings_class() -> list[type[Settings]]:
    every_module()
    classes: list[type[Settings]] = [Settings]
    for base in classes:
        derived = [new for new in base.__subclasses__() if new.__module__.partition(".")[0] in PACKAGES]
        classes += [new for new in derived if new not in classes]
    return classes[1:]


def holds_a_number(annotation: Any) -> bool:
    if annotation in (int, float):
        return True
    return get_origin(annotation) in (Union, UnionType) and any(map(holds_a_number, get_args(annotation)))


def test_every_file_opens_with_what_it_is_for() -> None:
    assert [place(file) for file in (*FILES, *BESIDE) if not ast.get_docstring(tree_of(file))] == []


def test_modules_and_classes_have_names_of_the_field() -> None:
    vague = [place(file) for file in (*FILES, *BESIDE) if HOMELESS.search(file.stem)]
    for file in (*FILES, *BESIDE):
        classes = [node.name for node in ast.walk(tree_of(file)) if isinstance(node, ast.ClassDef)]
        vague += [f"{place(file)}: {name}" for name in classes if VAGUE.search(name)]
    assert vague == []


def test_nothing_is_unpickled_and_no_foreign_code_is_trusted() -> None:
    assert [f"{place(file)}: {found}" for file in FILES for found in trusting(tree_of(file))] == []
    assert {place(file) for file in BESIDE if trusting(tree_of(file))} == MAKES_PICKLES


def test_tables_for_people_are_written_in_one_place_without_formulas() -> None:
    """`core.layouts.safe_csv` neutralises every cell and header; a writer anywhere else would forget to."""
    assert [place(file) for file in FILES if table_writers(tree_of(file))] == ["core/layouts/safe_csv.py"]


def test_every_module_of_a_kind_is_in_the_catalog() -> None:
    kinds = {"formats": FORMATS | KEPT, "tsms": TSMS, "families": FAMILIES, "methods": METHODS, "sources": SOURCES}
    for folder, catalog in kinds.items():
        modules = {f"core.{folder}.{file.stem}" for file in (SCIENCE / folder).glob("*.py") if file.stem != "__init__"}
        assert modules == set(catalog.values())


def test_the_currencies_and_the_catalog_load_without_torch() -> None:
    code = "import sys, core.case, core.settings, core.errors, core.catalog; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_methods_load_without_torch() -> None:
    """The screen asks them which reader a run was made for."""
    code = f"import sys, {', '.join(METHODS.values())}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_workers_and_commands_start_without_torch() -> None:
    """Whoever needs it loads it then. That the screen never does, tests of the page Tune hold."""
    code = "import sys, worker.main, worker.up, worker.intake_child, core.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_error_is_drawn_in_the_tree() -> None:
    drawn = str(errors.__doc__)
    named = [name for name, error in vars(errors).items() if isinstance(error, type)]
    assert [name for name in named if not re.search(rf"\b{name}\b", drawn)] == []


def test_every_error_with_a_public_name_is_one_that_a_person_can_mend() -> None:
    """Its message is shown as a notice by the screen and printed by the command; anything else is our fault."""
    public = [
        error
        for module in every_module()
        for name, error in vars(module).items()
        if isinstance(error, type) and issubclass(error, Exception) and not name.startswith("_")
        if error.__module__ == module.__name__
    ]
    assert [error for error in public if not issubclass(error, errors.CoreError)] == []
    assert {error.__module__.partition(".")[0] for error in public} >= {"core", "app"}


def test_importing_does_nothing_but_define() -> None:
    """A call at the top of a module whose result nobody keeps is there for what it does."""
    doing = {place(file): calls_on_import(file) for file in (*FILES, *BESIDE) if file.stem != "__main__"}
    assert doing.pop("tests/conftest.py"), "what libraries read as they are imported, before any is"
    assert {name: calls for name, calls in doing.items() if calls} == {}


def test_every_setting_tells_its_title_help_and_range() -> None:
    silent = []
    for settings in every_settings_class():
        for name, field in settings.model_fields.items():
            ranged = not holds_a_number(field.annotation) or field.metadata
            if not (field.title and field.description and ranged):
                silent.append(f"{settings.__module__}.{settings.__qualname__}.{name}")
    assert silent == []


def test_messages_quote_what_is_to_be_typed_as_pages_show_it() -> None:
    """A backtick stands as itself in a notice, in an error of a job and in a terminal."""
    others = [file for file in FILES if place(file) not in MARKDOWN | WRITES_BACKTICKS]
    assert {place(file): texts for file in others if (texts := backticked(tree_of(file)))} == {}


def test_no_weights_are_kept_but_safetensors() -> None:
    pickled = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib"}
    kept = [file for package in PACKAGES for file in (ROOT / package).rglob("*")]
    assert [file for file in kept if file.suffix in pickled] == []
