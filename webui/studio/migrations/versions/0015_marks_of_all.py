"""Marked pictures are found as fast where nobody's alone are looked for: of one who needs no account, and of administrators."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_MARKS = (
    ("image_rating_of_all", ["id", "rating"], "rating IS NOT NULL", "rating IS NOT NULL"),
    ("image_favourite_of_all", ["id"], "favourite = 1", "favourite = true"),
    ("image_note_of_all", ["id"], "note <> ''", "note <> ''"),
    ("image_trashed_of_all", ["id"], "trashed IS NOT NULL", "trashed IS NOT NULL"),
)


def upgrade() -> None:
    """Pictures with a mark are few, so their indexes are small."""
    for name, columns, where, in_postgresql in _MARKS:
        op.create_index(name, "image", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(in_postgresql))
