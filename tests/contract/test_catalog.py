"""Every name in the catalog leads to a module that offers what the rest of the engine asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from types import ModuleType

import pytest
from pydantic_core import PydanticUndefined

from core.catalog import FAMILIES, FORMATS, KEPT, METHODS, SOURCES, TSMS, chosen, find
from core.errors import SettingsError
from core.settings import Settings

CATALOGS: dict[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "format": (FORMATS, ("looks_like", "read", "write_example")),
    "kept": (KEPT, ("looks_like", "read", "write_example")),
    "tsm": (TSMS, ("build", "tiny", "load")),
    "family": (FAMILIES, ("load", "tiny")),
    "method": (METHODS, ("needs", "stages", "readers", "aim", "departures")),
    "source": (SOURCES, ("gather_evidence",)),
}
EVERY = [(what, name) for what, (catalog, _) in CATALOGS.items() for name in catalog]
every_thing = pytest.mark.parametrize(("what", "name"), EVERY)
every_thing_with_settings = pytest.mark.parametrize(("what", "name"), [each for each in EVERY if each[0] != "source"])


def module_of(what: str, name: str) -> ModuleType:
    return find(CATALOGS[what][0], name, what)


@every_thing
def test_a_module_offers_what_its_kind_promises(what: str, name: str) -> None:
    module = module_of(what, name)
    assert isinstance(module.TITLE, str) and module.TITLE
    promised = ("build_upon", "load") if hasattr(module, "build_upon") else CATALOGS[what][1]
    for function in promised:
        assert callable(getattr(module, function)), function
    assert module.__doc__ and len(module.__doc__) > 20


@every_thing_with_settings
def test_every_setting_can_be_shown_to_a_person(what: str, name: str) -> None:
    """A title, a help sentence, and a range where it is a number."""
    settings = module_of(what, name).Settings
    assert issubclass(settings, Settings)
    for field, about in settings.model_fields.items():
        assert about.title, field
        assert about.description, field
        if about.annotation in (int, float):
            assert about.metadata, f"{field} has no range"


@every_thing_with_settings
def test_an_unknown_setting_is_refused(what: str, name: str) -> None:
    settings = module_of(what, name).Settings
    given = {
        field: "x"
        for field, about in settings.model_fields.items()
        if about.default is PydanticUndefined and about.default_factory is None
    }
    with pytest.raises(SettingsError, match="surprise is not a setting here"):
        settings.parse(given | {"surprise": 1}, what)


@pytest.mark.parametrize("what", ["tsm", "method"])
def test_settings_know_their_own_name(what: str) -> None:
    for name in CATALOGS[what][0]:
        assert module_of(what, name).Settings().name == name


@pytest.mark.parametrize("name", FAMILIES)
def test_a_familys_settings_know_its_name(name: str) -> None:
    assert module_of("family", name).Settings.model_fields["family"].default == name


@pytest.mark.parametrize("name", METHODS)
def test_the_losses_of_a_methods_stages_all_have_a_title(name: str) -> None:
    module, settings = chosen(METHODS, {"name": name}, "name", "method")
    for stage in module.stages(settings):
        assert set(stage.wanted.weights) <= set(module.TERMS)
    assert {reader.adapter for reader in module.readers(settings)} <= {
        None,
        *(stage.adapter for stage in module.stages(settings)),
    }


@pytest.mark.parametrize(("what", "name"), [each for each in EVERY if each[0] in ("format", "kept")])
def test_a_format_reads_with_its_own_settings(what: str, name: str) -> None:
    assert list(signature(module_of(what, name).read).parameters) == ["path", "settings"]


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r'There is no method called "lora"\. Known: vanilla, vitask'):
        find(METHODS, "lora", "method")
    with pytest.raises(
        SettingsError,
        match=r"method must name one of vanilla, vitask, tpo, discriminative, head, like \{name: vanilla\}\.",
    ):
        chosen(METHODS, {"title": "vitask"}, "name", "method")
