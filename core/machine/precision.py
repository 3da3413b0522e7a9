"""Which numbers a machine is quick with: bfloat16 where it multiplies them in hardware, else float32.

On a processor with AVX2 alone a product in bfloat16 takes seventy times as long as in float32; with AMX, a fifth.
VITASK_BF16 decides it instead where it is set, whatever the hardware: `allow` or `refuse`.
"""

from __future__ import annotations

import os
from typing import Literal

from core.errors import SettingsError

Precision = Literal["auto", "bf16", "fp32"]
NumberFormat = Literal["auto", "bfloat16", "float32"]
IN_HARDWARE = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""What torch calls such instructions, on x86 and ARM."""
SWITCH = "VITASK_BF16"


def multiplies_bf16() -> bool:
    """Whether `auto` is bfloat16: because the device that runs go to has instructions for it, or the switch says so."""
    wish = os.environ.get(SWITCH)
    if wish in ("allow", "refuse"):
        return wish == "allow"
    if wish:
        raise SettingsError(
            f'{SWITCH} is "{wish}". Set it to "allow" or "refuse", or leave it out: the machine decides.'
        )
    return _has_instructions()


def _has_instructions() -> bool:
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in IN_HARDWARE)


def precision_here(wanted: str = "auto") -> str:
    return wanted if wanted != "auto" else "bf16" if multiplies_bf16() else "fp32"


def number_format_here(wanted: str = "auto") -> str:
    return wanted if wanted != "auto" else "bfloat16" if multiplies_bf16() else "float32"
