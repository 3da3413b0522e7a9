"""The `vitask` command: the same jobs from a shell as from the screen.

Each command is a function of its own in `core/cli`, with its arguments next to it; here they are only gathered.
"""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib.metadata import version

from core.cli import (
    bench,
    doctor,
    estimate,
    evaluate,
    export,
    find,
    images,
    keep,
    kept,
    people,
    plug,
    probe,
    read,
    run,
    starter,
    studio,
    suspects,
    tune,
)
from core.cli.commands import Commands
from core.errors import IS_FULL, CoreError, StoppedError, is_full, reason
from core.machine.memory import exhausted, is_exhausted

PURPOSE = """Tune a vision-language model on labelled medical images with the help of a task-specific
model. Research use only."""
COMMANDS = (
    studio,
    people,
    keep,
    tune,
    estimate,
    evaluate,
    read,
    find,
    probe,
    suspects,
    plug,
    export,
    run,
    images,
    kept,
    bench,
    starter,
    doctor,
)


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="vitask",
        usage="vitask COMMAND …",
        description=f"{PURPOSE}\n\n`vitask COMMAND --help` says more of one, with an example.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"VITask Studio {version('vitask-studio')}")
    commands = Commands(whole)
    for module in COMMANDS:
        module.add(commands)
    whole.epilog = commands.listing()
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done. 2: something that the person can mend, told in one message. 1: our fault, told with where it was."""
    parsed = parser().parse_args(arguments)
    quiet()
    try:
        parsed.do(parsed)
    except StoppedError as stopped:
        sys.stderr.write(f"{stopped}\n")
        return 0
    except CoreError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    except Exception as error:
        if is_exhausted(error):
            sys.stderr.write(f"{exhausted()}\n")
        elif is_full(error):
            sys.stderr.write(f"{IS_FULL} ({reason(error)})\n")
        else:
            return _our_fault()
        return 2
    return 0


def _our_fault() -> int:
    traceback.print_exc()
    sys.stderr.write("This is our fault, not yours. Please report it with the lines above.\n")
    return 1


def quiet() -> None:
    """Libraries' own bars and notices would stand between a person and the messages meant for them."""
    from transformers.utils import logging as theirs

    theirs.disable_progress_bar()
    theirs.set_verbosity_error()
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(transformers|peft|accelerate|torch)\..*")


if __name__ == "__main__":
    sys.exit(main())
