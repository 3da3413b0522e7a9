"""Looks the locked versions up in the advisories of the package index: part of `make check`, and silent offline.

Where the index can't be reached, or tells no advisories (a mirror), it says so in a sentence and fails nothing.
A version with an advisory fails the check, unless it is listed in ACCEPTED with the reason why it does not matter here.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LOCKED = Path("constraints.txt")
SECONDS_TO_ANSWER = 5
SECONDS_FOR_ALL = 120
ACCEPTED: dict[str, str] = {}
"""An advisory's id: why what it tells of can't happen here."""
Looked = list[dict[str, Any]]


class Unreachable(Exception):
    """No advisories can be had; says why."""


def look_up(pins: list[str], seconds: int) -> Looked:
    """What the index knows of each of these versions."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(pins))
        listed.flush()
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json", "--desc", "off"]
        command = [sys.executable, "-m", "pip_audit", "-r", listed.name, "--timeout", str(SECONDS_TO_ANSWER), *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
            known: Looked = json.loads(done.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError):
            raise Unreachable("the package index does not answer") from None
    if all("skip_reason" in item for item in known):
        raise Unreachable("this package index tells no advisories")
    return known


def main() -> int:
    pins = [line for line in LOCKED.read_text().splitlines() if "==" in line]
    try:
        look_up(pins[:1], 3 * SECONDS_TO_ANSWER)  # so that nobody waits long where there is nothing to be had
        known = look_up(pins, SECONDS_FOR_ALL)
    except Unreachable as reason:
        sys.stdout.write(f"Advisories were not looked up: {reason}.\n")
        return 0
    open_ones = [
        f"{item['name']} {item['version']}: {advisory['id']}, mended in {', '.join(advisory['fix_versions']) or 'none'}"
        for item in known
        for advisory in item.get("vulns", ())
        if advisory["id"] not in ACCEPTED
    ]
    unknown = sum("skip_reason" in item for item in known)
    sys.stdout.write(f"Advisories: {len(known) - unknown} versions looked up, {len(open_ones)} to mend.\n")
    sys.stdout.writelines(f"    {line}\n" for line in open_ones)
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
