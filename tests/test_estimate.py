import pytest

from webui.generation.request import parse_request
from webui.planning.estimate import Sample, estimate, round_duration


def test_nothing_known_is_said_so() -> None:
    assert estimate(parse_request({"batch_count": 2}), []).text == "2 pictures, time not known yet"


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({}, 1),
        ({"steps": 40}, 2),
        ({"width": 1024}, 2),
        ({"cfg_scale": 1}, 0.5),
        ({"batch_count": 3}, 3),
        ({"batch_size": 2, "batch_count": 2}, 4),
    ],
)
def test_time_grows_with_work(changes: dict, factor: float) -> None:
    samples = [Sample(steps=20, width=512, height=512, cfg_scale=7, seconds=seconds) for seconds in (9.0, 10.0, 50.0)]
    assert estimate(parse_request(changes), samples).seconds == pytest.approx(10 * factor)


def test_durations_have_two_digits() -> None:
    assert [round_duration(seconds) for seconds in (0.01, 0.84, 12.3, 180, 7200)] == ["0.1 s", "0.8 s", "12 s", "3 min", "2.0 h"]
