"""The bundled sample set: drawn cells that anyone may look at, with a few mistakes planted to be found."""

from core.sample.files import write
from core.sample.people import TASK

__all__ = ["TASK", "write"]
