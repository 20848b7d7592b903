"""What OpenAPI says of the API holds: thousands of made-up requests, right and wrong ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from served import serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
ENDLESS = {"/api/v1/events", "/api/v1/jobs/{job_id}/events"}
"""Streams: they have tests of their own."""
LOCKS_OUT = ("POST", "/api/v1/people")
"""With the first account everybody else is asked to log in; tests/test_people.py does that."""


@schemathesis.serializer("application/zip")
def zip_body(_context: schemathesis.SerializationContext, value: object) -> bytes:
    """Whatever was made up goes out as it is: almost never a zip."""
    return value if isinstance(value, bytes) else str(value).encode()


asked: Counter[int] = Counter()
ids: dict[str, list[str]] = {"job_id": [], "image_id": [], "model_id": []}
"""Of jobs, pictures and models that there are: made-up ones are never found."""


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    # A server of its own: it will be paused, cleared and set in every way.
    with serving(tmp_path_factory.mktemp("schema")) as url:
        with httpx.Client(base_url=url, timeout=20) as client:
            small = {"width": 64, "height": 64, "steps": 2}
            ids["job_id"] = [client.post("/api/v1/jobs", json=small).json()["id"] for _ in range(4)]
            while len(page := client.get("/api/v1/history").json()["items"]) < 4:
                time.sleep(0.02)
            ids["image_id"] = [item["id"] for item in page]
            ids["model_id"] = [item["id"] for item in client.get("/api/v1/models").json()["items"]]
        yield schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")


def with_real_ids(case: schemathesis.Case) -> st.SearchStrategy[schemathesis.Case]:
    """The same request about something that is there."""

    def changed(number: int) -> schemathesis.Case:
        for name, known in ids.items():
            if name in case.path_parameters:
                case.path_parameters[name] = known[number % len(known)]
        return case

    return st.integers(0, 10).map(changed)


def attack(schema: schemathesis.BaseSchema, examples: int) -> int:
    """Ask every operation so many times. Returns the number of requests."""
    before = asked.total()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS or (operation.method.upper(), operation.path) == LOCKS_OUT:
            continue

        right, wrong = (operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))
        wanted = st.one_of(right.flatmap(with_real_ids), right, wrong)

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False)
        @given(case=wanted)
        def ask(case: schemathesis.Case) -> None:
            response = case.call()
            asked[response.status_code] += 1
            if response.status_code == 202 and "/jobs" in case.path:
                ids["job_id"].append((response.json().get("jobs") or [response.json()])[0]["id"])
            # A wrong body may be so large that nobody looks for what is wrong in it.
            too_large = response.status_code == 413
            case.validate_response(response, checks=[check for check in CHECKS if not (too_large and check is negative_data_rejection)])

        ask()
    return asked.total() - before


def test_the_api_keeps_what_openapi_promises(schema: schemathesis.BaseSchema, capsys: pytest.CaptureFixture[str]) -> None:
    assert attack(schema, 4) > 80


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_api_keeps_it_thousands_of_times(schema: schemathesis.BaseSchema, capsys: pytest.CaptureFixture[str]) -> None:
    number = attack(schema, 130)
    with capsys.disabled():
        print(f"\n{number:,} requests: {dict(sorted(asked.items()))}")
    assert number >= 3000
    assert not [status for status in asked if status >= 500]
