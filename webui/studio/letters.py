"""An index of single letters, for prompts in scripts without spaces between words: 城堡 is found as 城 beside 堡.

The index of words takes such a text as one long word. An index of three letters each (FTS5's trigram) can't find words of one or two,
and most Chinese words have two. Here each letter of such a script is a word by itself, and nothing else is in it, so prompts in other
scripts cost nothing. It is made in the background, newest pictures first, goes on where it stopped, and is kept by triggers from then
on; until it is whole, such words are looked for picture by picture. SQLite alone has it.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select

from webui.studio.database import Database
from webui.studio.dialects.expressions import remember
from webui.studio.dialects.sqlite_search import LETTERS_DOWN_TO, RUN_ON
from webui.studio.tables import image, remembered

_AT_ONCE = 500
_TEXT = "generation.prompt || ' ' || generation.negative_prompt || ' ' || image.note"
_CUT = (
    "WITH RECURSIVE cut (place, sign) AS (SELECT 1, substr(said, 1, 1)"
    " UNION ALL SELECT place + 1, substr(said, place + 1, 1) FROM cut WHERE place < length(said))"
    f" SELECT group_concat(CASE WHEN sign GLOB '[{RUN_ON}]' THEN sign ELSE '' END, ' ') FROM cut"
)
_VIEW = (
    "CREATE VIEW image_letter (id, letters) AS"
    f" SELECT id, CASE WHEN said GLOB '*[{RUN_ON}]*' THEN ({_CUT}) ELSE '' END FROM"
    f" (SELECT image.id AS id, {_TEXT} AS said FROM image JOIN generation ON generation.id = image.generation_id)"
)
_INDEX = (
    "CREATE VIRTUAL TABLE image_letters USING fts5"
    " (letters, content='image_letter', content_rowid='id', tokenize='unicode61 remove_diacritics 0', columnsize=0)"
)
_REACHED = f"(SELECT CAST(value AS INTEGER) FROM remembered WHERE name = '{LETTERS_DOWN_TO}')"
_TAKEN = "letters FROM image_letter WHERE id = {row}.id AND letters <> ''"
_PUT = f"INSERT INTO image_letters (rowid, letters) SELECT id, {_TAKEN.format(row='new')};"
_TAKE = f"INSERT INTO image_letters (image_letters, rowid, letters) SELECT 'delete', id, {_TAKEN.format(row='old')};"
_TRIGGERS = {
    "letters_are_indexed": f"AFTER INSERT ON image WHEN new.id >= {_REACHED} BEGIN {_PUT} END",
    "letters_go": f"BEFORE DELETE ON image WHEN old.id >= {_REACHED} BEGIN {_TAKE} END",
    "note_letters_go": f"BEFORE UPDATE OF note ON image WHEN old.note <> new.note AND old.id >= {_REACHED} BEGIN {_TAKE} END",
    "note_letters_come": f"AFTER UPDATE OF note ON image WHEN old.note <> new.note AND new.id >= {_REACHED} BEGIN {_PUT} END",
}


class LettersIndex:
    """Makes the index, or takes it away where it isn't wanted any more."""

    def __init__(self, database: Database, *, wanted: bool) -> None:
        self._database = database
        self._wanted = wanted

    def step(self) -> bool:
        """The next pictures. Returns whether there are more. Raises DataUnusable."""
        with self._database.reading() as connection:
            if connection.dialect.name != "sqlite":
                return False
            reached = _reached(connection)
        if reached == (0 if self._wanted else None):
            return False
        with self._database.writing() as connection:
            if not self._wanted:
                _remove(connection)
                return False
            return _make(connection) if reached is None else _go_on(connection, reached)


def _reached(connection: Connection) -> int | None:
    value = connection.execute(select(remembered.c.value).where(remembered.c.name == LETTERS_DOWN_TO)).scalar()
    return None if value is None else int(value)


def _make(connection: Connection) -> bool:
    last = connection.execute(select(func.max(image.c.id))).scalar() or 0
    remember(connection, LETTERS_DOWN_TO, last + 1)
    connection.exec_driver_sql(_VIEW)
    connection.exec_driver_sql(_INDEX)
    for name, what in _TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {what}")
    return True


def _go_on(connection: Connection, reached: int) -> bool:
    older = select(image.c.id).where(image.c.id < reached).order_by(image.c.id.desc()).limit(_AT_ONCE)
    ids = list(connection.execute(older).scalars())
    if ids:
        connection.exec_driver_sql(
            "INSERT INTO image_letters (rowid, letters) SELECT id, letters FROM image_letter WHERE id BETWEEN ? AND ? AND letters <> ''",
            (ids[-1], ids[0]),
        )
    more = len(ids) == _AT_ONCE
    remember(connection, LETTERS_DOWN_TO, ids[-1] if more else 0)
    return more


def _remove(connection: Connection) -> None:
    for name in _TRIGGERS:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    connection.exec_driver_sql("DROP TABLE image_letters")
    connection.exec_driver_sql("DROP VIEW image_letter")
    connection.execute(delete(remembered).where(remembered.c.name == LETTERS_DOWN_TO))
