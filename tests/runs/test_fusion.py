"""Late fusion: the weight that is chosen, and the reader that a finished run keeps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.readings import mixing


def test_late_fusion_takes_the_best_of_21_weights() -> None:
    one, other = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.3, 0.7], [0.6, 0.4]])
    np.testing.assert_allclose(mixing.mean(one, other, 0.25), [[0.45, 0.55], [0.5, 0.5]])
    seen = []

    def loss(mixed: NDArray[np.float64]) -> float:
        seen.append(float(mixed[0, 0]))
        return abs(float(mixed[0, 0]) - 0.72)  # 0.3 + 0.6 w, so w = 0.7

    assert mixing.best_weight(one, other, loss) == pytest.approx(0.7)
    assert len(seen) == 21 and min(seen) == pytest.approx(0.3) and max(seen) == pytest.approx(0.9)
