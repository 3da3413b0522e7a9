"""What a person can mend, as errors whose messages say what is wrong, what was expected and what to do.

    CoreError
    |-- DataError          the images or labels that were given
    |   |-- DownloadError  a set that could not be fetched
    |   `-- MissingError   a picture or file that is not where it is kept
    |-- SettingsError      a run file, an option, or a combination of them
    |-- ModelError         a checkpoint, a family or a model part
    |-- RunError           the folder of a run, a resume
    |   `-- StoppedError   a run that was asked to stop and saved what it had
    `-- NumericError       a loss that is not a number any more

The command line prints the message and leaves with exit code 2; anything else is our fault and exit code 1.
"""

import errno


class CoreError(Exception):
    """Something that the person can mend."""


class DataError(CoreError):
    """The images or labels that were given."""


class DownloadError(DataError):
    """A set that could not be fetched."""


class MissingError(DataError):
    """A picture or file that is not where it is kept."""


class SettingsError(CoreError):
    """A run file, an option, or a combination of them."""


class ModelError(CoreError):
    """A checkpoint, a family or a model part."""


class RunError(CoreError):
    """The folder of a run, a resume."""


class StoppedError(RunError):
    """A run that was asked to stop and saved what it had."""


class NumericError(CoreError):
    """A loss that is not a number any more."""


FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_WORDS = ("No space left on device", "Disk quota exceeded", "database or disk is full")
"""As libraries say it whose errors carry no number: safetensors, SQLite, PostgreSQL."""
IS_FULL = "The disk is full. Free some space, then resume or try again: what was saved before is whole."


def is_full(error: BaseException) -> bool:
    """Whether something could not be written for want of room."""
    return getattr(error, "errno", None) in FULL or any(words in str(error) for words in FULL_WORDS)


def reason(error: BaseException) -> str:
    """What an exception of somebody else's says, short enough to stand within a sentence."""
    first = next(iter(str(error).strip().splitlines()), "")
    return first.rstrip(" .:") or type(error).__name__
