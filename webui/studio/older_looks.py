"""What pictures look like that were saved before Easel kept that, so that they are found by `similar:`, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from sqlalchemy import bindparam, select, update

from webui.errors import EaselError
from webui.pictures.looks import look_of
from webui.studio.database import Database
from webui.studio.dialects.expressions import remember
from webui.studio.picture_texts import UNREADABLE
from webui.studio.tables import image, remembered

DONE_DOWN_TO = "looks_done_down_to"
"""By that name the id is remembered down to which all pictures were looked at."""

_AT_ONCE = 16


class OlderLooks:
    """Looks at pictures without a look, newest first; each once. path: the file of a recorded path. Raises NotFound where it is gone."""

    def __init__(self, database: Database, path: Callable[[str], Path]) -> None:
        self._database = database
        self._path = path

    def step(self) -> bool:
        """Look at the next ones. Returns whether there may be more. Raises DataUnusable."""
        with self._database.reading() as connection:
            done = connection.execute(select(remembered.c.value).where(remembered.c.name == DONE_DOWN_TO)).scalar()
            query = select(image.c.id, image.c.path).where(image.c.look.is_(None))
            if done is not None:
                query = query.where(image.c.id < int(done))
            rows = connection.execute(query.order_by(image.c.id.desc()).limit(_AT_ONCE)).all()
        if not rows:
            return False
        looks = [(row.id, self._look_of(row.path)) for row in rows]
        with self._database.writing() as connection:
            known = [{"_id": number, "_look": look} for number, look in looks if look is not None]
            if known:
                connection.execute(update(image).where(image.c.id == bindparam("_id")).values(look=bindparam("_look")), known)
            remember(connection, DONE_DOWN_TO, str(rows[-1].id))
        return len(rows) == _AT_ONCE

    def _look_of(self, recorded: str) -> int | None:
        """None where the file is gone or can't be read: that isn't tried again."""
        try:
            with Image.open(self._path(recorded)) as picture:
                return look_of(picture)
        except (EaselError, *UNREADABLE):
            return None
