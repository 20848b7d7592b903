"""Whose each row is: jobs, batches, pictures, imports, searches and counts of each person; until now all was the household's."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_OWNED = ("job", "batch", "generation", "image", "import_source")


def _counted(row: str) -> str:
    return (
        "INSERT INTO facet_count (owner, kind, value, n)"
        f" SELECT {row}.owner, kind, value, 1 FROM image_facet WHERE image_id = {row}.id"
        " ON CONFLICT (owner, kind, value) DO UPDATE SET n = n + 1;"
    )


def _not_counted(row: str) -> str:
    return (
        f"UPDATE facet_count SET n = n - 1 WHERE owner = {row}.owner"
        f" AND (kind, value) IN (SELECT kind, value FROM image_facet WHERE image_id = {row}.id);"
    )


def _one_more(owner: str, kind: str, value: str) -> str:
    return (
        f"INSERT INTO facet_count (owner, kind, value, n) VALUES ({owner}, '{kind}', {value}, 1)"
        " ON CONFLICT (owner, kind, value) DO UPDATE SET n = n + 1;"
    )


def _one_less(owner: str, kind: str, value: str) -> str:
    return f"UPDATE facet_count SET n = n - 1 WHERE owner = {owner} AND kind = '{kind}' AND value = {value};"


_TAG_NAME = "(SELECT name FROM tag WHERE id = {row}.tag_id)"
_TAG_OWNER = "(SELECT owner FROM image WHERE id = {row}.image_id)"
_SHOWN = "EXISTS (SELECT 1 FROM image WHERE id = {row}.image_id AND trashed IS NULL)"
_STAYS_SHOWN = "new.trashed IS NULL AND old.trashed IS NULL"

# Those of form 0007 that count, now for each person; the others stay as they are.
_COUNTING = (
    ("image_is_counted", "AFTER INSERT ON image WHEN new.trashed IS NULL", _counted("new")),
    ("image_is_uncounted", "BEFORE DELETE ON image WHEN old.trashed IS NULL", _not_counted("old")),
    ("image_is_trashed", "AFTER UPDATE OF trashed ON image WHEN old.trashed IS NULL AND new.trashed IS NOT NULL", _not_counted("old")),
    ("image_is_restored", "AFTER UPDATE OF trashed ON image WHEN old.trashed IS NOT NULL AND new.trashed IS NULL", _counted("new")),
    (
        "rating_is_uncounted",
        f"AFTER UPDATE OF rating ON image WHEN old.rating IS NOT NULL AND {_STAYS_SHOWN}",
        _one_less("new.owner", "rating", "CAST(old.rating AS TEXT)"),
    ),
    (
        "rating_is_counted",
        f"AFTER UPDATE OF rating ON image WHEN new.rating IS NOT NULL AND {_STAYS_SHOWN}",
        _one_more("new.owner", "rating", "CAST(new.rating AS TEXT)"),
    ),
    (
        "favourite_is_counted",
        f"AFTER UPDATE OF favourite ON image WHEN new.favourite > old.favourite AND {_STAYS_SHOWN}",
        _one_more("new.owner", "favourite", "''"),
    ),
    (
        "favourite_is_uncounted",
        f"AFTER UPDATE OF favourite ON image WHEN new.favourite < old.favourite AND {_STAYS_SHOWN}",
        _one_less("new.owner", "favourite", "''"),
    ),
    (
        "tag_is_counted",
        f"AFTER INSERT ON image_tag WHEN {_SHOWN.format(row='new')}",
        _one_more(_TAG_OWNER.format(row="new"), "tag", _TAG_NAME.format(row="new")),
    ),
    (
        "tag_is_uncounted",
        f"AFTER DELETE ON image_tag WHEN {_SHOWN.format(row='old')}",
        _one_less(_TAG_OWNER.format(row="old"), "tag", _TAG_NAME.format(row="old")),
    ),
)
# Given to somebody else, a picture is counted there. By an owner alone, its facets stay as they are.
_CHANGES_HANDS = (
    "image_changes_hands",
    "AFTER UPDATE OF owner ON image WHEN old.owner <> new.owner AND new.trashed IS NULL",
    _not_counted("old") + " " + _counted("new"),
)


def upgrade() -> None:
    """All there is so far is the household's: its owner is the empty text."""
    for name in _OWNED:
        op.add_column(name, sa.Column("owner", sa.String(16), nullable=False, server_default=""))
    op.add_column("job", sa.Column("lane", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE job SET lane = priority WHERE priority > 0 OR forever")
    _make_anew()
    _make_indexes()
    for name, when, what in _COUNTING:
        op.execute(f"DROP TRIGGER {name}")
        op.execute(f"CREATE TRIGGER {name} {when} BEGIN {what} END")
    name, when, what = _CHANGES_HANDS
    op.execute(f"CREATE TRIGGER {name} {when} BEGIN {what} END")
    op.create_table(
        "upload",
        sa.Column("owner", sa.String(16), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
        sqlite_with_rowid=False,
    )


def _make_anew() -> None:
    """The small tables whose keys have an owner in them."""
    for name, kept in (
        ("submission", "key, id, body_sha256, jobs"),
        ("saved_search", "id, name, query"),
        ("facet_count", "kind, value, n"),
    ):
        op.execute(f"CREATE TABLE kept_rows AS SELECT {kept} FROM {name}")
        op.drop_table(name)
        _create(name)
        op.execute(f"INSERT INTO {name} (owner, {kept}) SELECT '', {kept} FROM kept_rows")
        op.drop_table("kept_rows")
    op.create_index("ix_submission_id", "submission", ["id"])
    op.create_index("facet_count_pictures", "facet_count", ["owner", "n"], sqlite_where=sa.text("kind = 'picture'"))


def _create(name: str) -> None:
    owner = sa.Column("owner", sa.String(16), primary_key=name != "saved_search", nullable=False, server_default="")
    if name == "submission":
        op.create_table(
            name,
            owner,
            sa.Column("key", sa.String(255), primary_key=True),
            sa.Column("id", sa.BigInteger, nullable=False),
            sa.Column("body_sha256", sa.LargeBinary(32), nullable=False),
            sa.Column("jobs", sa.JSON, nullable=False),
        )
    elif name == "saved_search":
        op.create_table(
            name,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("name", sa.Text, nullable=False),
            sa.Column("query", sa.Text, nullable=False),
            owner,
            sa.UniqueConstraint("owner", "name"),
        )
    else:
        op.create_table(
            name,
            owner,
            sa.Column("kind", sa.String(16), primary_key=True),
            sa.Column("value", sa.Text, primary_key=True),
            sa.Column("n", sa.Integer, nullable=False),
            sqlite_with_rowid=False,
        )


def _make_indexes() -> None:
    for name in ("job_line", "job_work"):
        op.drop_index(name, "job")
    line = ["status", "owner", sa.text("priority DESC"), "position", "id", "checkpoint", "overtaken", "work", "lane"]
    op.create_index("job_line", "job", line)
    op.create_index("job_work", "job", ["status", "owner", "checkpoint", "work"])
    op.create_index("job_owner_ended", "job", ["owner", "ended"])
    op.create_index("batch_owner", "batch", ["owner", "id"])
    op.create_index("generation_owner", "generation", ["owner", "id"])
    op.create_index("image_owner", "image", ["owner", "id"])
    for name, columns, where in (
        ("image_rating", ["owner", "id", "rating"], "rating IS NOT NULL"),
        ("image_favourite", ["owner", "id"], "favourite = 1"),
        ("image_note", ["owner", "id"], "note <> ''"),
        ("image_trashed", ["owner", "id"], "trashed IS NOT NULL"),
    ):
        op.drop_index(name, "image")
        op.create_index(name, "image", columns, sqlite_where=sa.text(where))
