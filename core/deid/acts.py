"""What people can do with a picture that waits for a look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Act = Literal["release", "mask", "reject"]
ACTS: tuple[Act, ...] = get_args(Act)
DONE: Mapping[Act, str] = {"release": "released", "mask": "masked", "reject": "rejected"}
