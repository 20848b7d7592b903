import random

from webui.generation.request import parse_request
from webui.generation.resolve import CheckpointIdentity, resolve
from webui.generation.samplers import SAMPLERS, SCHEDULE_LABELS

CHECKPOINT = CheckpointIdentity("small", "0123456789")


def test_nothing_random_or_automatic_is_left() -> None:
    request = resolve(parse_request({}), CHECKPOINT, random.Random(1))
    assert request.seed >= 0
    assert request.schedule_type != "Automatic"
    assert (request.checkpoint, request.checkpoint_hash) == ("small", "0123456789")


def test_what_was_asked_is_kept() -> None:
    request = resolve(parse_request({"seed": 5, "schedule_type": "Uniform", "prompt": "a"}), CHECKPOINT, random.Random(1))
    assert (request.seed, request.schedule_type, request.prompt) == (5, "Uniform", "a")


def test_automatic_is_the_samplers_own_schedule() -> None:
    for sampler in SAMPLERS:
        assert resolve(parse_request({"sampler": sampler.label}), CHECKPOINT, random.Random(1)).schedule_type == sampler.default_schedule
        assert sampler.default_schedule in SCHEDULE_LABELS
