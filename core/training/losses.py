"""The losses of VITask, one number a response token (arXiv 2410.06456; docs/method.md).

Axes: T response tokens, V vocabulary. z_o: logits without exemplar, z_e: with it, z_n: of the same text under the
image of another case. A training step takes the mean over its tokens.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from core.training.settings import Direction


def response_losses(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """L_van (of z_o) and L_ep (of z_e): cross-entropy with the response's own tokens, [T]."""
    return cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)


def alignment_losses(z_o: Tensor, z_e: Tensor, direction: Direction = "student_first") -> Tensor:
    """L_rda: KL(p_o || p_e), student first as printed, the teacher with exemplar held still, [T].

    `teacher_first` is KL(p_e || p_o), which asks the student to cover all that the teacher finds likely.
    """
    student, teacher = log_softmax(z_o, -1), log_softmax(z_e.detach(), -1)
    # kl_div(input, target) is KL(target || input): the first-named distribution goes last.
    if direction == "student_first":
        return kl_div(teacher, student, reduction="none", log_target=True).sum(-1)
    return kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


def contrast_losses(z_o: Tensor, z_n: Tensor, targets: Tensor) -> Tensor:
    """L_crt: cross-entropy of what the case's own image adds to the logits over another case's image, [T]."""
    return cross_entropy(z_o - z_n, targets, reduction="none")
