"""Pictures as a grid shows them: what stands on each and beside it, without all that made it.

A picture's whole view costs half a millisecond, since its request is read and its infotext written; a grid of sixty shows neither.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, Row, case, select

from webui.studio.dialects.expressions import one_of
from webui.studio.ids import time_of
from webui.studio.marks import tags_of
from webui.studio.tables import generation, image
from webui.studio.whose import Whose

_COLUMNS = select(
    *(
        image.c[name]
        for name in ("id", "path", "width", "height", "bytes", "seed", "mean_colour", "rating", "favourite", "note", "trashed")
    ),
    *(generation.c[name] for name in ("kind", "prompt", "tool")),
    # Within a text of JSON quotes are escaped, so no prompt has this.
    generation.c.resolved.contains('"hires": true').label("hires"),
    # The name of what was enlarged stands in the request alone.
    case((generation.c.kind == "upscale", generation.c.resolved)).label("request"),
).join_from(image, generation, generation.c.id == image.c.generation_id)


def cards_of(connection: Connection, ids: Sequence[int], whose: Whose) -> list[dict[str, Any]]:
    """These pictures, newest first; those that are gone are left out. All fields are those of a picture's whole view."""
    meant = _COLUMNS.where(one_of(image.c.id, ids), whose.are(image)).order_by(image.c.id.desc())
    rows = connection.execute(meant).all()
    tags = tags_of(connection, [row.id for row in rows])
    return [_card(row, tags.get(row.id, [])) for row in rows]


def _card(row: Row[Any], tags: list[str]) -> dict[str, Any]:
    identifier = str(row.id)
    return {
        "id": identifier,
        "url": f"/api/v1/images/{identifier}",
        "thumbnail": f"/api/v1/thumbnails/{identifier}",
        "width": row.width,
        "height": row.height,
        "bytes": row.bytes,
        "file": PurePath(row.path).name,
        "seed": None if row.seed < 0 else str(row.seed),
        "prompt": row.prompt,
        "kind": row.kind,
        "hires": bool(row.hires),
        "source_name": "" if row.request is None else json.loads(row.request).get("init_name", ""),
        "mean_colour": row.mean_colour,
        "created_at": time_of(row.id).isoformat(),
        "favourite": row.favourite,
        "rating": row.rating,
        "note": row.note,
        "tags": tags,
        "trashed": row.trashed is not None,
        "tool": row.tool,
    }
