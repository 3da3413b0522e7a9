"""The documents hold: their examples run, and they name everything that the catalog offers."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml
from PIL import Image

from core.catalog import FAMILIES, FORMATS, KEPT, METHODS, SOURCES, TSMS
from core.cli.main import parser
from core.models.shared_prefix import Branches
from core.runs.runfile import make_run
from core.training.method import Plan
from tests.suspects.reviewed import Shade, reviewed_set

ROOT = Path(__file__).resolve().parents[1]
ADDING = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```python\n# core/(\w+/\w+)\.py\n(.*?)```", ADDING, flags=re.DOTALL))


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example of a kind of thing, as a module of its own."""
    file = tmp_path / f"example_of_{request.param.partition('/')[0]}.py"
    file.write_text(EXAMPLES[request.param], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, file.stem, module)  # pydantic looks there for the names in annotations
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("example", ["formats/name_list"], indirect=True)
def test_the_format_of_the_example_reads_what_it_writes(example: ModuleType, tmp_path: Path) -> None:
    written = example.write_example(tmp_path / "set")
    assert example.looks_like(tmp_path / "set")
    assert example.read(tmp_path / "set", example.Settings()) == written
    assert len(written.cases) == 3


@pytest.mark.parametrize("example", ["tsms/thumbnail"], indirect=True)
def test_the_tsm_of_the_example_comes_back_from_its_folder(example: ModuleType, tmp_path: Path) -> None:
    tsm = example.tiny(answers=3)
    pixels = tsm.prepare([Image.new("RGB", (30, 20), "red"), Image.new("L", (8, 8), 90)])
    tsm.save(tmp_path / "tsm")
    assert torch.equal(example.load(tmp_path / "tsm").scores(pixels), tsm.scores(pixels))
    assert tsm.features(pixels).shape == (2, tsm.width)


@pytest.mark.parametrize("example", ["families/aya_vision"], indirect=True)
def test_the_family_of_the_example_shares_its_prefix_exactly(example: ModuleType) -> None:
    vlm = example.tiny()
    features = vlm.encode([Image.new("RGB", (40, 30), "red"), Image.new("L", (28, 28), 90)])
    prompts = [vlm.prompt("What is it?", len(image.tokens)) for image in features]
    exemplars = torch.ones(2, 1, vlm.hidden_size)
    shared, plain = (Branches(vlm, features, exemplars, is_shared) for is_shared in (True, False))
    for branches in (shared, plain):
        for image, prompt in enumerate(prompts):
            branches.add(image, prompt, vlm.response("cat"), with_exemplar=True)
    torch.testing.assert_close(shared.logits(), plain.logits(), atol=1e-4, rtol=0)
    assert vlm.tokenizer.decode(prompts[0].head).endswith("<|IMG_PATCH|>" * 4 + "<|END_OF_IMG|>")


@pytest.mark.parametrize("example", ["methods/prompting"], indirect=True)
def test_the_method_of_the_example_plans_one_stage_and_its_reader(example: ModuleType) -> None:
    plan = Plan(example, example.Settings())
    assert [(stage.adapter, stage.wanted.weights) for stage in plan.stages] == [("prompting", {"ep": 1.0})]
    assert [reader.adapter for reader in plan.readers] == [None, "prompting"]
    assert (plan.aim.reader, plan.aim.baseline) == ("prompting+tsm", "vlm")
    assert plan.stages[0].wanted.weights.keys() == example.TERMS.keys()


@pytest.mark.parametrize("example", ["sources/brightness"], indirect=True)
def test_the_source_of_the_example_doubts_the_picture_unlike_its_class(example: ModuleType) -> None:
    evidence = example.gather_evidence(
        reviewed_set(
            [["low"]] * 9 + [["high"]] * 3, [[[0.4, 0.3, 0.3]] * 12], pixels=[Shade(100)] * 8 + [Shade(250)] * 4
        )
    )
    assert evidence.against.argmax() == 8
    assert evidence.against[:8].max() < 0.5 < evidence.against[8] <= 1
    assert evidence.against[9:].tolist() == [0, 0, 0]


@pytest.mark.parametrize("catalog", [FORMATS, KEPT, TSMS, FAMILIES, METHODS, SOURCES])
def test_the_documents_name_everything_in_the_catalog(catalog: dict[str, str]) -> None:
    assert [name for name in catalog if f"`{name}`" not in ADDING + README] == []


@pytest.mark.parametrize("line", re.findall(r"^    \.venv/bin/vitask (.*)$", README, flags=re.MULTILINE))
def test_a_command_of_the_readme_is_one_that_exists(line: str) -> None:
    assert callable(parser().parse_args(shlex.split(line, comments=True)).do)


def test_the_run_file_of_the_readme_is_a_valid_one() -> None:
    shown = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    run = make_run(yaml.safe_load(shown[0]))
    assert run.settings.limit == {"train": 2000}
    assert [reader.name for reader in run.plan.readers] == ["vlm", "vanilla", "vitask", "vitask+tsm"]


@pytest.mark.parametrize(
    "subject", ["TLS", "Backup and restore", "Upgrade", "Erasing", "Sizing", "What is logged", "Limits of what"]
)
def test_whoever_operates_a_studio_finds_a_part_about(subject: str) -> None:
    part = re.search(rf"(?ms)^## {subject}\b(.*?)(?=^## |\Z)", OPERATING)
    assert part and len(part[1].split()) > 60


def test_the_proxies_of_the_examples_lead_to_the_app_and_hold_nothing_back() -> None:
    port = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["app"]["ports"][0].rpartition(":")[0]
    for line in (f"reverse_proxy {port} {{", "flush_interval -1", f"proxy_pass http://{port};", "proxy_buffering off;"):
        assert f"    {line}\n" in OPERATING
    assert OPERATING.count("X-Forwarded-For") == 2


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"vitask ((?:up|person|backup|restore|audit|doctor)\b[^`\n]*)", OPERATING)))
)
def test_a_command_for_whoever_operates_a_studio_exists(line: str) -> None:
    assert callable(parser().parse_args(shlex.split(line)).do)


@pytest.mark.parametrize("path", sorted(EXAMPLES))
def test_an_example_tells_which_line_of_the_catalog_lists_it(path: str) -> None:
    room, name = path.split("/")
    assert f'"{name}": "core.{room}.{name}"` in `{room.upper()}`' in ADDING
