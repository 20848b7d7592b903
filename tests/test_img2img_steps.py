import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.generation.img2img_steps import PartialSteps, partial_steps


@pytest.mark.parametrize(
    ("steps", "strength", "scheduled", "taken"),
    [(20, 0.75, 20, 16), (20, 0.5, 20, 11), (20, 1.0, 20, 20), (20, 0.0, 20, 1), (30, 0.33, 30, 10), (1, 1.0, 1, 1)],
)
def test_a1111s_counting(steps: int, strength: float, scheduled: int, taken: int) -> None:
    assert partial_steps(steps, strength) == PartialSteps(scheduled, taken)
    assert partial_steps(steps, strength).first == scheduled - taken


def test_exactly_as_many_steps() -> None:
    assert partial_steps(20, 0.5, exactly=True) == PartialSteps(40, 20)
    assert partial_steps(20, 0.0, exactly=True) == PartialSteps(20, 20)
    assert partial_steps(20, 1.0, exactly=True) == PartialSteps(20, 20)
    assert partial_steps(20, 1e-300, exactly=True) == PartialSteps(20_000, 20)


@given(st.integers(1, 150), st.floats(0, 1), st.booleans())
def test_steps_are_always_of_the_schedule(steps: int, strength: float, exactly: bool) -> None:
    partial = partial_steps(steps, strength, exactly=exactly)
    assert 1 <= partial.taken <= partial.scheduled
    assert partial.first >= 0
