"""Sees to a Chromium for the browser tests: an installed one, else playwright's own, else Debian's where root allows.

Where none can be had it says so, and those tests skip with the same words.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FROM_DEBIAN = ["apt-get", "install", "--yes", "--quiet", "chromium"]


def is_there() -> bool:
    """Whether a system's Chromium or playwright's can be started."""
    if any(map(shutil.which, NAMES)):
        return True
    asked = "from playwright.sync_api import sync_playwright as s; p = s().start(); print(p.chromium.executable_path)"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    return told.returncode == 0 and os.path.exists(told.stdout.strip())


def main() -> None:
    if is_there():
        return
    sys.stdout.write("Fetching a Chromium for the browser tests.\n")
    sys.stdout.flush()
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        ways += [FROM_DEBIAN, ["apt-get", "update", "--quiet"], FROM_DEBIAN]
    for way in ways:
        subprocess.run(way, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
        if is_there():
            return
    sys.stdout.write("No Chromium could be had: the browser tests will be skipped.\n")


if __name__ == "__main__":
    main()
