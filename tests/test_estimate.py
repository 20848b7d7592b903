import pytest

from webui.generation.request import parse_request
from webui.planning.estimate import Sample, estimate, known_peaks, round_duration

MB = 1024**2


def test_nothing_known_is_said_so() -> None:
    assert estimate(parse_request({"batch_count": 2}), []).text == "2 pictures, time not known yet"


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({}, 1),
        ({"steps": 40}, 2),
        ({"width": 1024}, 2),
        ({"cfg_scale": 1}, 0.5),
        ({"sampler": "Heun"}, 2),
        ({"batch_count": 3}, 3),
        ({"batch_size": 2, "batch_count": 2}, 4),
    ],
)
def test_time_grows_with_work(changes: dict, factor: float) -> None:
    samples = [Sample(steps=20, width=512, height=512, cfg_scale=7, seconds=seconds) for seconds in (9.0, 10.0, 50.0)]
    assert estimate(parse_request(changes), samples).seconds == pytest.approx(10 * factor)


def test_samplers_that_ask_twice_in_a_step_tell_of_those_that_ask_once() -> None:
    samples = [Sample(steps=20, width=512, height=512, cfg_scale=7, seconds=20.0, sampler="DPM++ SDE")]
    assert estimate(parse_request({"sampler": "Euler a"}), samples).seconds == pytest.approx(10)


def test_durations_have_two_digits() -> None:
    assert [round_duration(seconds) for seconds in (0.01, 0.84, 12.3, 180, 7200)] == ["0.1 s", "0.8 s", "12 s", "3 min", "2.0 h"]


def measured(number: int = 4, **peak: object) -> dict:
    known = {"stage": "denoise", "how": "SDPA", "width": 512, "height": 512, "rows": 2, "bytes": 100 * MB} | peak
    sizes = {"text": 100 * MB, "denoiser": 300 * MB, "vae": 50 * MB, "largest_block": 60 * MB, "largest_layer": 5 * MB}
    budget = {"free": 600 * MB, "reserve": 50 * MB, "copies": False}
    return {"device": "CPU", "memory": {"number": number, "sizes": sizes, "budget": budget, "peaks": [known]}}


@pytest.mark.parametrize(
    ("free", "fields", "words"),
    [
        (16000, {}, "1 picture in about 10 s; fits in memory"),
        (16000, {"batch_count": 4}, "4 pictures in about 40 s; fits in memory"),
        # Of the VAE nothing was measured, so it is guessed: 2 GB at this size, an eighth of that in tiles.
        (1500, {}, "1 picture in about 10 s; fits; VAE tiled"),
        (620, {}, "1 picture in about 10 s; fits; weights read from disk as needed, VAE tiled"),
        # What changes the picture is named, and not done.
        (
            900,
            {},
            "1 picture in about 10 s; fits; weights read from disk as needed, VAE tiled; would fit with weights stored as fp8 or int8",
        ),
        (900, {"weight_storage": "fp8"}, "1 picture in about 10 s; fits; VAE tiled"),
        (100, {}, "1 picture in about 10 s; may not fit in memory"),
    ],
)
def test_memory_is_told_before_the_run(free: int, fields: dict, words: str) -> None:
    samples = [Sample(20, 512, 512, 7, 10.0, measured())]
    assert estimate(parse_request(fields), samples, free * MB).text == words


def test_weights_that_were_stored_small_are_counted_full_when_they_are_to_be() -> None:
    small = Sample(20, 512, 512, 7, 10.0, measured() | {"weight_storage": "int8"})
    # 300 MB as int8 are 1200 MB in fp32.
    assert "weights read from disk" in estimate(parse_request({}), [small], 1500 * MB).text
    assert "disk" not in estimate(parse_request({"weight_storage": "fp8"}), [small], 1500 * MB).text


def test_a_cards_memory_is_what_was_free_at_the_last_picture() -> None:
    facts = measured()
    facts["memory"]["budget"] |= {"copies": True, "free": 330 * MB}
    samples = [Sample(20, 512, 512, 7, 10.0, facts)]
    assert "part of the weights streamed" in estimate(parse_request({"width": 256, "height": 256}), samples, 0).text


def test_peaks_of_another_dtype_or_device_are_left_out() -> None:
    half, full = measured(2, bytes=5), measured(4, bytes=9)
    elsewhere = {**measured(2, bytes=7), "device": "card"}
    samples = [Sample(20, 512, 512, 7, 10.0, facts) for facts in ({}, half, full, elsewhere)]
    assert [peak.bytes for peak in known_peaks(samples)] == [5]
    assert known_peaks([]) == ()


@pytest.mark.parametrize(
    "memory", [None, 3, {}, {"number": 4}, measured()["memory"] | {"sizes": {"text": 1}}, measured()["memory"] | {"peaks": [{}]}]
)
def test_facts_of_another_version_are_left_out_of_account(memory: object) -> None:
    samples = [Sample(20, 512, 512, 7, 10.0, {"memory": memory})]
    assert estimate(parse_request({}), samples, 8000 * MB).text == "1 picture in about 10 s"
    assert known_peaks(samples) == ()
