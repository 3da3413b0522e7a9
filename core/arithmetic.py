"""Which numbers a machine is quick with: bfloat16 where it multiplies them in hardware, else float32.

On a processor with AVX2 alone a product in bfloat16 takes seventy times as long as in float32; with AMX, a fifth.
"""

from __future__ import annotations

from typing import Literal

Precision = Literal["auto", "bf16", "fp32"]
NumberFormat = Literal["auto", "bfloat16", "float32"]
IN_HARDWARE = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""What torch calls such instructions, on x86 and ARM."""


def multiplies_bf16() -> bool:
    """Whether the device that runs go to has instructions for bfloat16."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known = torch.cpu.get_capabilities()
    return any(known.get(name) for name in IN_HARDWARE)


def precision_here(asked: str = "auto") -> str:
    return asked if asked != "auto" else "bf16" if multiplies_bf16() else "fp32"


def number_format_here(asked: str = "auto") -> str:
    return asked if asked != "auto" else "bfloat16" if multiplies_bf16() else "float32"
