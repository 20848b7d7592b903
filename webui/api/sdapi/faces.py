"""Face restorers in AUTOMATIC1111's words: which there are, and the step of a finishing chain that is meant."""

from __future__ import annotations

from typing import Any

from webui.api.sdapi.bodies import ExtrasBody
from webui.api.sdapi.problems import bad_field
from webui.catalog.finishing import usable_models
from webui.catalog.models import ModelFile
from webui.generation.finishing import CODEFORMER, GFPGAN, RestoreFacesStep
from webui.generation.request import GenerationRequest, ResolvedRequest
from webui.studio.studio import Studio

NONE_THERE = "No face restorer is installed, so faces are as they were drawn."

Step = dict[str, Any]


def restorers(studio: Studio) -> dict[str, ModelFile]:
    """Face restorers by what clients call them: the first of each architecture by that, further ones by the names of their files."""
    named: dict[str, ModelFile] = {}
    for model in usable_models(studio.catalog.models, "face_restorer"):
        named[model.name if model.kind.version in named else model.kind.version] = model
    return named


def step_for_drawing(studio: Studio, name: str, weight: float) -> Step | None:
    """What `restore_faces` asks for; None where no restorer is installed. name: of one, empty for the first. Raises BadBody."""
    there = restorers(studio)
    if not there:
        return None
    known = {one.casefold() for key, model in there.items() for one in (key, model.name)}
    if name.strip().casefold() not in known | {""}:
        raise bad_field("face_restoration_model", f"There is no face restorer called {name[:80]!r}; there are {', '.join(there)}")
    return {"step": "restore faces", "restorer": name.strip() or next(iter(there)), "weight": weight}


def steps_for_extras(studio: Studio, body: ExtrasBody) -> list[Step]:
    """What the fields of the extras ask for, in AUTOMATIC1111's order. Raises BadBody where it isn't installed."""
    asked = (
        ("gfpgan_visibility", GFPGAN, {"visibility": body.gfpgan_visibility}),
        ("codeformer_visibility", CODEFORMER, {"visibility": body.codeformer_visibility, "weight": body.codeformer_weight}),
    )
    there = restorers(studio)
    steps = []
    for field, restorer, fields in asked:
        if not fields["visibility"]:
            continue
        if restorer not in there:
            known = f"there are {', '.join(there)}" if there else "there is none"
            words = f"No {restorer} is installed ({known}): put its file into models/face_restorers, or send 0"
            raise bad_field(field, words)
        steps.append({"step": "restore faces", "restorer": restorer, **fields})
    return steps


def restorer_of(request: GenerationRequest | ResolvedRequest) -> str | None:
    """Which restorer a request's chain works with, by its architecture; None where it restores no faces."""
    steps = (step for step in request.finishing if isinstance(step, RestoreFacesStep))
    return next((step.architecture or step.restorer for step in steps), None)
