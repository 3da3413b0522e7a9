"""The composed studio, as far as it can be looked at without a Docker engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from core.errors import CoreError
from core.machine.queue_server import OLDEST_VERSION
from core.records.place import Place
from worker.redis import RIGHTS
from worker.supervise import GRACE_SECONDS
from worker.up import make_bucket
from worker.weak_secrets import refuse_guessable

ROOT = Path(__file__).resolve().parents[2]
GOOD = "f3b1c09e77d24a6c8d5e"
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
DURATION = {"type": "string", "pattern": r"^(\d+(h|m|s))+$"}


def only(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def each(schema: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema}


CONDITION = {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
DEVICE = only(["capabilities"], driver=TEXT, count={"type": ["integer", "string"]}, capabilities=TEXTS)
SERVICE = only(
    ["image"],
    image=TEXT,
    build=TEXT,
    user={"type": "string", "pattern": r"^[1-9]\d*:[1-9]\d*$"},
    read_only={"const": True},
    cap_drop={"const": ["ALL"]},
    security_opt=TEXTS,
    tmpfs=TEXTS,
    shm_size=TEXT,
    networks=TEXTS,
    init={"type": "boolean"},
    restart={"enum": ["no", "always", "on-failure", "unless-stopped"]},
    environment=each(TEXT),
    command=TEXTS,
    ports=TEXTS,
    volumes=TEXTS,
    depends_on=each(only(["condition"], condition=CONDITION)),
    healthcheck=only(
        ["test"], test=TEXTS, interval=DURATION, timeout=DURATION, start_period=DURATION, retries={"type": "integer"}
    ),
    deploy=only([], resources=only([], reservations=only([], devices={"type": "array", "items": DEVICE}))),
    stop_grace_period=DURATION,
)
NETWORK = {"anyOf": [{"type": "null"}, only(["internal"], internal={"type": "boolean"})]}
SCHEMA = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "services": each(SERVICE),
        "networks": each(NETWORK),
        "volumes": each({"type": "null"}),
    },
    "patternProperties": {"^x-": {}},
    "required": ["services"],
    "additionalProperties": False,
}
"""The part of the Compose specification that the file uses; what is not in here is a slip of the pen."""


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def test_the_file_follows_the_specification(composed: dict[str, Any]) -> None:
    jsonschema.validate(composed, SCHEMA)
    for name, service in composed["services"].items():
        assert set(service.get("depends_on", {})) <= set(composed["services"]), name
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in composed["volumes"], name


def test_there_is_a_worker_for_each_queue_and_cards_where_models_are(composed: dict[str, Any]) -> None:
    for queue, has_card in (("tune", True), ("read", True), ("intake", False)):
        service = composed["services"][f"worker-{queue}"]
        assert service["command"] == ["python", "-m", "worker.main", queue]
        assert ("deploy" in service) == has_card
        assert "container_name" not in service and "ports" not in service, "else it could not be scaled"


def test_everybody_waits_for_the_one_migration(composed: dict[str, Any]) -> None:
    services = composed["services"]
    for name in ("app", "worker-tune", "worker-read", "worker-intake"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["restart"] == "on-failure"


def test_there_is_longer_to_stop_than_to_save(composed: dict[str, Any]) -> None:
    minutes = composed["services"]["worker-tune"]["stop_grace_period"]
    assert int(minutes.removesuffix("m")) * 60 > GRACE_SECONDS["leave"] + 30


def test_no_secret_stands_in_the_file(composed: dict[str, Any]) -> None:
    for service in composed["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|AUTH|DATABASE$|REDIS$", name):
                assert re.search(r"\$\{[A-Z_]+:\?", value), f"{name} has no default, so that it is refused when missing"


def test_the_queue_forgets_nothing_and_lets_nobody_administer_it(composed: dict[str, Any]) -> None:
    command = " ".join(composed["services"]["redis"]["command"])
    assert "--appendonly yes" in command and "--maxmemory-policy noeviction" in command
    assert f"user default on >%s {RIGHTS}" in command, "as the server of `vitask up` has it"
    assert "requirepass" not in command, "else the password would stand in the list of processes"


def test_every_image_is_pinned_by_version_and_digest(composed: dict[str, Any]) -> None:
    others = [service["image"] for service in composed["services"].values() if "build" not in service]
    base = re.findall(r"(?m)^FROM (\S+)", (ROOT / "Dockerfile").read_text())
    assert len(others) == 3 and len(base) == 1
    for image in [*others, *base]:
        assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+(-\w+)?@sha256:[0-9a-f]{64}", image), image
    number = re.search(r":(\d+(?:\.\d+)+)@", composed["services"]["redis"]["image"])
    assert number and tuple(map(int, number[1].split("."))) >= OLDEST_VERSION


def test_no_process_may_write_elsewhere_or_gain_a_right(composed: dict[str, Any]) -> None:
    for name, service in composed["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert any(place.startswith("/tmp") for place in service["tmpfs"]), name
        assert "privileged" not in service and "cap_add" not in service and "pid" not in service, name
        assert not [volume for volume in service.get("volumes", ()) if volume.startswith(("/", "."))], name
        assert "user" in service or name == "store", "versitygw owns its folder as root, without any of root's rights"


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 1000:1000" in lines and lines.index("USER 1000:1000") > max(
        number for number, line in enumerate(lines) if line.startswith(("RUN", "COPY"))
    )


def test_the_image_installs_nothing_that_was_not_locked_by_hash() -> None:
    commands = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines() if "pip install" in line]
    assert len(commands) == 2
    for command in commands:
        from_index = {"--require-hashes", "--no-deps", "requirements.lock"}
        own_code = {"--no-index", "--no-deps", "--no-build-isolation", "--editable"}
        assert from_index <= set(command) or own_code <= set(command), command


def test_only_those_that_fetch_reach_out(composed: dict[str, Any]) -> None:
    assert composed["networks"] == {"inside": {"internal": True}, "outside": None}
    reaching = {name for name, service in composed["services"].items() if "outside" in service["networks"]}
    assert reaching == {"app", "worker-tune", "worker-read", "worker-intake"}
    assert all("inside" in service["networks"] for service in composed["services"].values())
    assert [name for name, service in composed["services"].items() if "ports" in service] == ["app"]
    assert composed["services"]["app"]["ports"] == ["127.0.0.1:7860:7860"], "a proxy with TLS stands before it"


def test_everybody_is_asked_for_health_before_others_begin(composed: dict[str, Any]) -> None:
    services = composed["services"]
    for name in ("postgres", "redis", "store"):
        assert services["migrate"]["depends_on"][name] == {"condition": "service_healthy"}
        assert services[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    flag = services["store"]["command"].index("--health")
    assert services["store"]["command"][flag + 1] in services["store"]["healthcheck"]["test"][1]


@pytest.mark.parametrize(
    ("values", "environment", "named"),
    [
        ({"database": "postgresql://vitask:change-me-please-now@host/vitask"}, {}, "VITASK_DATABASE"),
        ({"redis": "redis://:short@host:6379/0"}, {}, "VITASK_REDIS"),
        ({}, {"AWS_SECRET_ACCESS_KEY": "aaaaaaaaaaaaaaaaaaaaaaaa"}, "AWS_SECRET_ACCESS_KEY"),
        ({}, {"AWS_SECRET_ACCESS_KEY": "minioadmin-minioadmin"}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_secrets_that_anybody_could_guess_are_refused(
    place: Place, values: dict[str, str], environment: dict[str, str], named: str
) -> None:
    with pytest.raises(CoreError, match=named):
        refuse_guessable(place.model_copy(update=values), environment)


def test_secrets_that_nobody_knows_are_taken(place: Place) -> None:
    values = {"database": f"postgresql://vitask:{GOOD}@host/vitask", "redis": f"redis://:{GOOD}@host:6379/0"}
    refuse_guessable(place.model_copy(update=values), {"AWS_SECRET_ACCESS_KEY": GOOD})
    refuse_guessable(place, {})


def test_a_store_in_a_folder_needs_no_bucket(tmp_path: Path) -> None:
    make_bucket(str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_a_bucket_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec import filesystem

    make_bucket("memory://pictures/studio")
    make_bucket("memory://pictures/studio")
    assert filesystem("memory").exists("pictures")
