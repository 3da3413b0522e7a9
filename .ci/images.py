"""Asks the registry which digest each pinned image has today, and writes it beside the version: `make images`.

It needs docker (with buildx) and the network. A version is never changed here: that is a person's decision.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

FILES = ("compose.yaml", "Dockerfile")
PINNED = re.compile(r"(?P<image>[\w./-]+:[\w.-]+)@sha256:[0-9a-f]{64}")


def digest(image: str) -> str:
    """Of the list of all platforms, so that the same pin serves every kind of processor."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def main() -> int:
    if shutil.which("docker") is None:
        sys.stderr.write("There is no docker on this machine. Run `make images` where there is one.\n")
        return 2
    for name in FILES:
        text = Path(name).read_text()
        renewed = PINNED.sub(lambda pin: f"{pin['image']}@{digest(pin['image'])}", text)
        sys.stdout.write(f"{name}: {'new digests, look at the difference' if renewed != text else 'up to date'}\n")
        Path(name).write_text(renewed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
