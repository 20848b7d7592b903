"""Whatever is sent to AUTOMATIC1111's API is answered, in the shape that it tells of, and never with a fault of Easel's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from served import serving
from test_sdapi import picture

from webui.api.sdapi.bodies import ExtraSingleBody, Img2ImgBody, Loose, Txt2ImgBody

asked: Counter[int] = Counter()

QUICK: dict[str, Any] = {"steps": 1, "width": 64, "height": 64, "upscaling_resize": 1}


@pytest.fixture(scope="module")
def easel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("sdapi-schema")) as address:
        yield address


def attack(schema: schemathesis.BaseSchema, examples: int) -> int:
    """Ask every operation so many times. Returns the number of requests."""
    before = asked.total()
    for result in schema.get_all_operations():
        operation = result.ok()
        right, wrong = (operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False)
        @given(case=st.one_of(right, wrong))
        def ask(case: schemathesis.Case) -> None:
            response = case.call()
            asked[response.status_code] += 1
            checks = [not_a_server_error]
            if response.status_code == 200:
                checks += [content_type_conformance, response_schema_conformance]
            case.validate_response(response, checks=checks)
            if response.status_code != 200 and case.method != "HEAD":
                assert "detail" in response.json() or "error" in response.json()

        ask()
    return asked.total() - before


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["", "1", "1.0", "Euler a", "None"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6
)
PICTURE = picture()
SCRIPTS = ("Refiner", "Soft Inpainting", "controlnet", "SD upscale", "Loopback", "Outpainting mk2", "FreeU Integrated", "nobody")


def bodies(kind: type[Loose], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies with some fields of that kind, each with anything or with what it usually has."""
    usual = {name: info.get_default(call_default_factory=True) for name, info in kind.model_fields.items()}
    free = sorted(usual.keys() - QUICK.keys() - fixed.keys())
    # A few at a time: of many one would nearly always be refused before anything is made of the others.
    chosen = st.lists(st.sampled_from(free), max_size=3, unique=True)
    odd = chosen.flatmap(lambda names: st.fixed_dictionaries({name: ANYTHING | st.just(usual[name]) for name in names}))
    return st.builds(lambda own, rest: own | rest, st.fixed_dictionaries(dict(fixed)), odd)


WITH_SCRIPTS = {
    "alwayson_scripts": st.dictionaries(st.sampled_from(SCRIPTS), st.fixed_dictionaries({"args": ANYTHING}), max_size=2),
    "script_name": st.sampled_from([None, *SCRIPTS]),
}
FUZZED: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "txt2img": bodies(Txt2ImgBody) | bodies(Txt2ImgBody, **WITH_SCRIPTS),
    "img2img": bodies(Img2ImgBody, init_images=st.just([PICTURE]), mask=st.sampled_from([None, "", PICTURE]))
    | bodies(Img2ImgBody, init_images=st.just([PICTURE]), **WITH_SCRIPTS),
    "extra-single-image": bodies(ExtraSingleBody, image=st.just(PICTURE)),
    "options": st.dictionaries(
        st.sampled_from(["sd_vae", "CLIP_stop_at_last_layers", "rho", "samples_format", "nobody"]), ANYTHING, max_size=4
    ),
}


def fuzz(url: str, examples: int) -> int:
    """Send bodies of the right names and of any content. Returns the number of requests."""
    before = asked.total()
    with httpx.Client(base_url=f"{url}/sdapi/v1", timeout=60) as client:
        for route, fuzzed in FUZZED.items():
            _fuzz_route(client, route, fuzzed, examples)
    return asked.total() - before


def _fuzz_route(client: httpx.Client, route: str, fuzzed: st.SearchStrategy[dict[str, Any]], examples: int) -> None:
    quick = {} if route == "options" else QUICK

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False)
    @given(body=fuzzed)
    def ask(body: dict[str, Any]) -> None:
        answer = client.post(f"/{route}", content=json.dumps(body | quick))
        asked[answer.status_code] += 1
        assert answer.status_code < 500, (route, body, answer.text)
        answer.json()

    ask()


def test_the_api_answers_in_the_shapes_that_openapi_promises(easel: str) -> None:
    assert attack(schemathesis.openapi.from_url(f"{easel}/openapi.json"), 3) > 60


def test_any_content_of_bodies_is_answered(easel: str) -> None:
    assert fuzz(easel, 15) >= 50


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_they_do_so_thousands_of_times(easel: str, capsys: pytest.CaptureFixture[str]) -> None:
    number = attack(schemathesis.openapi.from_url(f"{easel}/openapi.json"), 60) + fuzz(easel, 900)
    with capsys.disabled():
        print(f"\n{number:,} requests: {dict(sorted(asked.items()))}")
    assert number >= 3000
    assert not [status for status in asked if status >= 500]
