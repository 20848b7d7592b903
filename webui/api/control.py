"""Routes of controls: what there is to choose from, and what a model sees of a picture."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from webui.api import answers
from webui.api.person import Asker
from webui.api.problems import new_router, problems
from webui.generation.control import CONTROL_MODES, CONTROLNET, MOST_CONTROLS, ControlKind
from webui.pictures.preprocessors import NONE, RESIZE_MODES, ResizeMode
from webui.studio.studio import Studio

_KEEP = {"cache-control": "private, max-age=86400"}

Pixels = Annotated[int, Query(ge=64, le=2048, description="Of the picture that is to be drawn.")]
Threshold = Annotated[float, Query(ge=-1, le=255, description="-1: the preprocessor's own.")]


def build_control_router(studio: Studio) -> APIRouter:
    """Routes below /control."""
    router = new_router("control")

    @router.get("/control", response_model=answers.ControlChoices, responses=problems())
    def choices(checkpoint: Annotated[str, Query(max_length=500, description="Empty: the one in use.")] = "") -> Any:
        """Models that steer a checkpoint, preprocessors with their thresholds, and the modes of a control."""
        offered = studio.choices
        models = offered.control_models(checkpoint)
        return {
            "models": [
                {"name": model.name, "kind": model.role, "family": model.kind.family, "lacks": offered.lacking(model)} for model in models
            ],
            "preprocessors": [
                {
                    "name": one.name,
                    "label": one.label,
                    "help": one.help,
                    "aliases": list(one.aliases),
                    "thresholds": [asdict(threshold) for threshold in one.thresholds],
                }
                for one in offered.preprocessors()
            ],
            "resize_modes": list(RESIZE_MODES),
            "control_modes": list(CONTROL_MODES),
            "most": MOST_CONTROLS,
        }

    @router.get(
        "/control/preview",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}, "description": "What the model sees."}, **problems()},
    )
    def control_preview(
        asker: Asker,
        image: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of a picture that is here.")],
        width: Pixels,
        height: Pixels,
        kind: ControlKind = CONTROLNET,
        preprocessor: Annotated[str, Query(max_length=100)] = NONE,
        resize_mode: ResizeMode = "Crop and Resize",
        processor_res: Annotated[int, Query(ge=0, le=2048)] = 0,
        threshold_a: Threshold = -1,
        threshold_b: Threshold = -1,
    ) -> Response:
        """A picture as a ControlNet sees it, at the size that is drawn, or as an IP-Adapter's image encoder does (PNG)."""
        given = {
            "kind": kind,
            "image": image,
            "preprocessor": preprocessor,
            "resize_mode": resize_mode,
            "processor_res": processor_res,
            "threshold_a": threshold_a,
            "threshold_b": threshold_b,
        }
        return Response(studio.of(asker).control_preview(given, width, height), media_type="image/png", headers=_KEEP)

    return router
