from __future__ import annotations

import pytest

from .convergence import MEASURED, errors_of, order_of

FIRST_ORDER = ("Euler", "Euler a", "DDIM", "HeunPP2")
"""All others have order 2: those that could do better begin with a step of order 1, as their references do."""


@pytest.mark.parametrize("flow", [False, True], ids=["sigma space", "flow"])
@pytest.mark.parametrize("label", MEASURED)
def test_the_error_falls_with_the_steps_by_the_samplers_order(label: str, flow: bool) -> None:
    errors = errors_of(label, flow=flow)
    low, high = (0.75, 1.2) if label in FIRST_ORDER else (1.85, 2.7)
    assert low < order_of(errors) < high
    assert errors[-1] < (0.01 if label in FIRST_ORDER else 1e-4)
