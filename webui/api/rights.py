"""Who may call which route: one table, heeded by every route of the app.

What only looks is for everybody who may read, and what changes something for everybody who may generate: the door sees to that.
Here stand the routes that change something, each with who may; and those that only look, but not for everybody.
"""

from __future__ import annotations

from fastapi import Request

from webui.api.person import need_admin
from webui.api.security import SAFE_METHODS

EVERYBODY = "everybody"
"""Whoever may generate: what belongs to all alike, or to whoever asks."""
ADMINISTRATORS = "administrators"
"""What belongs to the machine: its models, folders, settings, people, and files that nobody made with Easel."""

ADD_ONS = "/api/ext/"
"""Add-ons declare routes below it, which nobody here knows beforehand; whoever may generate may call them."""
NOTHING_THERE = "/{path:path}"
"""Ends the path of the routes that say that there is nothing, or not by that method."""

RIGHTS: dict[tuple[str, str], str] = {
    ("POST", "/api/v1/extensions/check-updates"): ADMINISTRATORS,
    ("DELETE", "/api/v1/extensions/indexes"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/indexes"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/indexes/refresh"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/listed"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/restart"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/safe-mode"): ADMINISTRATORS,
    ("DELETE", "/api/v1/extensions/search"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/search"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/search/answer"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/stages"): ADMINISTRATORS,
    ("DELETE", "/api/v1/extensions/stages/{stage_id}"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/stages/{stage_id}/install"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/zip"): ADMINISTRATORS,
    ("DELETE", "/api/v1/extensions/{extension_id}"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/{extension_id}/bring-back"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/{extension_id}/disable"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/{extension_id}/enable"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/{extension_id}/roll-back"): ADMINISTRATORS,
    ("POST", "/api/v1/extensions/{extension_id}/update"): ADMINISTRATORS,
    ("DELETE", "/api/v1/scripts/runs/{run_id}"): EVERYBODY,
    ("POST", "/api/v1/scripts/runs/{run_id}/cancel"): EVERYBODY,
    ("POST", "/api/v1/scripts/runs/{run_id}/pause"): EVERYBODY,
    ("POST", "/api/v1/scripts/runs/{run_id}/resume"): EVERYBODY,
    ("POST", "/api/v1/scripts/{script}/runs"): EVERYBODY,
    ("POST", "/api/v1/add-ons/{extension}/calls"): EVERYBODY,
    ("POST", "/api/v1/batches"): EVERYBODY,
    ("POST", "/api/v1/batches/look"): ADMINISTRATORS,
    ("POST", "/api/v1/batches/plan"): EVERYBODY,
    ("DELETE", "/api/v1/batches/{batch_id}"): EVERYBODY,
    ("POST", "/api/v1/batches/{batch_id}/cancel"): EVERYBODY,
    ("POST", "/api/v1/batches/{batch_id}/pause"): EVERYBODY,
    ("POST", "/api/v1/batches/{batch_id}/resume"): EVERYBODY,
    ("POST", "/api/v1/batches/{batch_id}/retry"): EVERYBODY,
    ("POST", "/api/v1/duplicates"): EVERYBODY,
    ("DELETE", "/api/v1/finishing/presets"): EVERYBODY,
    ("PUT", "/api/v1/finishing/presets"): EVERYBODY,
    ("DELETE", "/api/v1/presets"): EVERYBODY,
    ("PUT", "/api/v1/presets"): EVERYBODY,
    ("POST", "/api/v1/presets/import"): EVERYBODY,
    ("POST", "/api/v1/history/acts"): EVERYBODY,
    ("POST", "/api/v1/history/acts/{token}/undo"): EVERYBODY,
    ("POST", "/api/v1/history/exports"): EVERYBODY,
    ("POST", "/api/v1/history/exports/folder"): ADMINISTRATORS,
    ("PATCH", "/api/v1/history/images"): EVERYBODY,
    ("PUT", "/api/v1/history/images/marks"): EVERYBODY,
    ("GET", "/api/v1/history/imports"): ADMINISTRATORS,
    ("POST", "/api/v1/history/imports"): ADMINISTRATORS,
    ("POST", "/api/v1/history/imports/look"): ADMINISTRATORS,
    ("DELETE", "/api/v1/history/imports/{import_id}"): ADMINISTRATORS,
    ("GET", "/api/v1/history/imports/{import_id}"): ADMINISTRATORS,
    ("PATCH", "/api/v1/history/imports/{import_id}"): ADMINISTRATORS,
    ("POST", "/api/v1/history/imports/{import_id}/cancel"): ADMINISTRATORS,
    ("GET", "/api/v1/history/imports/{import_id}/files"): ADMINISTRATORS,
    ("POST", "/api/v1/history/imports/{import_id}/pause"): ADMINISTRATORS,
    ("POST", "/api/v1/history/imports/{import_id}/resume"): ADMINISTRATORS,
    ("POST", "/api/v1/history/restore"): EVERYBODY,
    ("DELETE", "/api/v1/history/searches/{name:path}"): EVERYBODY,
    ("PUT", "/api/v1/history/searches/{name:path}"): EVERYBODY,
    ("POST", "/api/v1/history/trash"): EVERYBODY,
    ("POST", "/api/v1/history/trash/empty"): EVERYBODY,
    ("POST", "/api/v1/history/{image_id}/branch"): EVERYBODY,
    ("POST", "/api/v1/history/{image_id}/replay"): EVERYBODY,
    ("POST", "/api/v1/images"): EVERYBODY,
    ("POST", "/api/v1/images/{image_id}/hires"): EVERYBODY,
    ("POST", "/api/v1/images/{image_id}/open-folder"): ADMINISTRATORS,
    ("POST", "/api/v1/jobs"): EVERYBODY,
    ("POST", "/api/v1/jobs/batch"): EVERYBODY,
    ("PATCH", "/api/v1/jobs/{job_id}"): EVERYBODY,
    ("POST", "/api/v1/jobs/{job_id}/cancel"): EVERYBODY,
    ("POST", "/api/v1/jobs/{job_id}/duplicate"): EVERYBODY,
    ("POST", "/api/v1/jobs/{job_id}/interrupt"): EVERYBODY,
    ("POST", "/api/v1/jobs/{job_id}/move"): EVERYBODY,
    ("PUT", "/api/v1/jobs/{job_id}/request"): EVERYBODY,
    ("POST", "/api/v1/jobs/{job_id}/restore"): EVERYBODY,
    ("POST", "/api/v1/jobs/{job_id}/skip"): EVERYBODY,
    ("POST", "/api/v1/login"): EVERYBODY,
    ("POST", "/login"): EVERYBODY,
    ("POST", "/api/v1/logout"): EVERYBODY,
    ("POST", "/logout"): EVERYBODY,
    ("POST", "/api/v1/me/logout-everywhere"): EVERYBODY,
    ("PUT", "/api/v1/me/password"): EVERYBODY,
    ("POST", "/api/v1/me/tokens"): EVERYBODY,
    ("DELETE", "/api/v1/me/tokens/{token_id}"): EVERYBODY,
    ("POST", "/api/v1/metadata"): EVERYBODY,
    ("GET", "/api/v1/models/folders"): ADMINISTRATORS,
    ("POST", "/api/v1/models/folders"): ADMINISTRATORS,
    ("POST", "/api/v1/models/folders/look"): ADMINISTRATORS,
    ("POST", "/api/v1/models/folders/release"): ADMINISTRATORS,
    ("POST", "/api/v1/models/refresh"): ADMINISTRATORS,
    ("POST", "/api/v1/models/unload"): ADMINISTRATORS,
    ("PATCH", "/api/v1/models/{model_id}"): ADMINISTRATORS,
    ("POST", "/api/v1/models/{model_id}/preload"): EVERYBODY,
    ("DELETE", "/api/v1/models/{model_id}/preview"): ADMINISTRATORS,
    ("PUT", "/api/v1/models/{model_id}/preview"): ADMINISTRATORS,
    ("POST", "/api/v1/models/{model_id}/unload"): ADMINISTRATORS,
    ("GET", "/api/v1/people"): ADMINISTRATORS,
    ("POST", "/api/v1/people"): ADMINISTRATORS,
    ("DELETE", "/api/v1/people/{person_id}"): ADMINISTRATORS,
    ("PATCH", "/api/v1/people/{person_id}"): ADMINISTRATORS,
    ("POST", "/api/v1/pictures/open-folder"): ADMINISTRATORS,
    ("POST", "/api/v1/prompt/explain"): EVERYBODY,
    ("POST", "/api/v1/queue/clear"): EVERYBODY,
    ("POST", "/api/v1/queue/end-forever"): EVERYBODY,
    ("POST", "/api/v1/queue/pause"): EVERYBODY,
    **{("POST", f"/api/v1/queue/people/{{person_id}}/{act}"): ADMINISTRATORS for act in ("pause", "resume", "clear", "restore")},
    ("POST", "/api/v1/queue/restore"): EVERYBODY,
    ("POST", "/api/v1/queue/resume"): EVERYBODY,
    ("PATCH", "/api/v1/settings"): ADMINISTRATORS,
    ("POST", "/api/v1/settings/import"): ADMINISTRATORS,
    ("POST", "/api/v1/settings/undo"): ADMINISTRATORS,
    ("DELETE", "/api/v1/styles"): EVERYBODY,
    ("PUT", "/api/v1/styles"): EVERYBODY,
    ("POST", "/api/v1/system/check"): ADMINISTRATORS,
    ("GET", "/api/v1/system/report"): ADMINISTRATORS,
    ("GET", "/api/v1/training/look"): ADMINISTRATORS,
    ("GET", "/api/v1/training/picture"): ADMINISTRATORS,
    ("POST", "/api/v1/training/pictures"): ADMINISTRATORS,
    ("GET", "/api/v1/training/runs/{order_id}"): ADMINISTRATORS,
    ("GET", "/api/v1/training/runs/{order_id}/samples/{name}"): ADMINISTRATORS,
    ("POST", "/api/v1/workshop/look-up"): ADMINISTRATORS,
    ("POST", "/api/v1/workshop/orders"): ADMINISTRATORS,
    ("DELETE", "/api/v1/workshop/orders/{order_id}"): ADMINISTRATORS,
    ("POST", "/api/v1/workshop/orders/{order_id}/cancel"): ADMINISTRATORS,
    ("POST", "/api/v1/workshop/orders/{order_id}/resume"): ADMINISTRATORS,
    ("GET", "/api/v1/workshop/sources/search"): ADMINISTRATORS,
    ("GET", "/api/v1/workshop/tokens"): ADMINISTRATORS,
    ("PUT", "/api/v1/workshop/tokens"): ADMINISTRATORS,
    ("POST", "/controlnet/detect"): EVERYBODY,
    ("POST", "/internal/progress"): EVERYBODY,
    ("POST", "/sdapi/v1/create/embedding"): EVERYBODY,
    ("POST", "/sdapi/v1/create/hypernetwork"): EVERYBODY,
    ("POST", "/sdapi/v1/extra-batch-images"): EVERYBODY,
    ("POST", "/sdapi/v1/extra-single-image"): EVERYBODY,
    ("POST", "/sdapi/v1/img2img"): EVERYBODY,
    ("POST", "/sdapi/v1/interrogate"): EVERYBODY,
    ("POST", "/sdapi/v1/interrupt"): EVERYBODY,
    ("POST", "/sdapi/v1/options"): EVERYBODY,
    ("POST", "/sdapi/v1/png-info"): EVERYBODY,
    ("POST", "/sdapi/v1/refresh-checkpoints"): EVERYBODY,
    ("POST", "/sdapi/v1/refresh-embeddings"): EVERYBODY,
    ("POST", "/sdapi/v1/refresh-loras"): EVERYBODY,
    ("POST", "/sdapi/v1/refresh-lycos"): EVERYBODY,
    ("POST", "/sdapi/v1/refresh-vae"): EVERYBODY,
    ("POST", "/sdapi/v1/reload-checkpoint"): EVERYBODY,
    ("POST", "/sdapi/v1/skip"): EVERYBODY,
    ("POST", "/sdapi/v1/train/embedding"): EVERYBODY,
    ("POST", "/sdapi/v1/train/hypernetwork"): EVERYBODY,
    ("POST", "/sdapi/v1/txt2img"): EVERYBODY,
    ("POST", "/sdapi/v1/unload-checkpoint"): ADMINISTRATORS,
}


def right_for(method: str, path: str) -> str | None:
    """Who may call a route; None where everybody may who may read. What nobody wrote down is for administrators."""
    if method == "HEAD":
        method = "GET"
    known = RIGHTS.get((method, path))
    if known is None and method not in SAFE_METHODS:
        return EVERYBODY if path.startswith(ADD_ONS) or path.endswith(NOTHING_THERE) else ADMINISTRATORS
    return known


def require_right(request: Request) -> None:
    """The app's own dependency, which stands before each of its routes. Raises NotAllowed."""
    route = request.scope.get("route")
    if right_for(request.method, str(getattr(route, "path", ""))) == ADMINISTRATORS:
        need_admin(request)
