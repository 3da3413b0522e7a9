"""`python -m core.cli`: the command where it is not installed, and for `accelerate launch`."""

import sys

from core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
