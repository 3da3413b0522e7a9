"""The losses of boxes and masks (docs/method.md). Axes: Q boxes that were said, M true ones.

Boxes are centre, width and height as fractions of the picture, unless they are called corners.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from core.readings.locator import to_corners

L1, OVERLAP = 5.0, 2.0
"""Weights of a box's two losses (ours; the published code weighs them differently)."""
SURENESS = 5.0
"""How much a sure box goes before others when boxes are matched (ours). At 1, as is usual, any of the task tokens may
have to answer, so that none becomes sure within a few hundred steps."""


def generalised_iou(corners: Tensor, others: Tensor) -> Tensor:
    """GIoU of every pair, [Q, M]: the overlap, less the share of the smallest box around both that neither fills."""
    corner, other = corners[:, None], others[None]
    meet = (torch.minimum(corner[..., 2:], other[..., 2:]) - torch.maximum(corner[..., :2], other[..., :2])).clamp_min(
        0
    )
    around = torch.maximum(corner[..., 2:], other[..., 2:]) - torch.minimum(corner[..., :2], other[..., :2])
    inside, whole = meet.prod(-1), around.prod(-1)
    union = (corner[..., 2:] - corner[..., :2]).prod(-1) + (other[..., 2:] - other[..., :2]).prod(-1) - inside
    return inside / union.clamp_min(1e-9) - (whole - union) / whole.clamp_min(1e-9)


def box_losses(boxes: Tensor, others: Tensor) -> Tensor:
    """5 times the distance of the four numbers and 2 times what is missing of GIoU, of every pair, [Q, M]."""
    distance = torch.cdist(boxes, others, p=1)
    return L1 * distance + OVERLAP * (1 - generalised_iou(to_corners(boxes), to_corners(others)))


def match(boxes: Tensor, logits: Tensor, true: Tensor) -> tuple[list[int], list[int]]:
    """Which said box answers for which true one, by the Hungarian method: at least cost, a sure box before others."""
    with torch.no_grad():
        cost = box_losses(boxes, true) - SURENESS * logits.sigmoid()[:, None]
    rows, columns = linear_sum_assignment(cost.cpu().numpy())
    return rows.tolist(), columns.tolist()


def region_losses(boxes: Tensor, logits: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Of one question: the loss of each matched box, [min(Q, M)], and that of every score, [Q]."""
    rows, columns = match(boxes, logits, true)
    matched = box_losses(boxes, true)[rows, columns]
    targets = torch.zeros_like(logits)
    targets[rows] = 1
    return matched, binary_cross_entropy_with_logits(logits, targets, reduction="none")


def mask_losses(logits: Tensor, true: Tensor) -> Tensor:
    """Dice and cross-entropy of one mask, summed, []; `true` says how much of each pixel is inside."""
    likely = logits.sigmoid()
    dice = 1 - (2 * (likely * true).sum() + 1) / (likely.sum() + true.sum() + 1)
    return dice + binary_cross_entropy_with_logits(logits, true)
