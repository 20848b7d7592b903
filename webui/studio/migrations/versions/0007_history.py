"""History that is searched: marks, tags, LoRAs, parents, saved searches, an index of words and traits, counts by triggers."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# What a picture is found by and never changes. letter: tells its terms apart in the index of words.
_TRAITS = (
    ("checkpoint", "m", "generation.checkpoint", "generation.kind <> 'upscale' AND generation.checkpoint <> ''"),
    ("sampler", "s", "generation.sampler", "generation.sampler <> ''"),
    ("kind", "k", "generation.kind", "1"),
    ("tool", "t", "coalesce(generation.tool, 'Easel')", "1"),
    ("steps", "n", "CAST(generation.steps AS TEXT)", "generation.steps > 0"),
    ("cfg", "c", "CAST(generation.cfg_scale AS TEXT)", "generation.cfg_scale > 0"),
    ("size", "d", "image.width || 'x' || image.height", "1"),
    (
        "shape",
        "r",
        "CASE WHEN image.width > image.height THEN 'landscape' WHEN image.width < image.height THEN 'portrait' ELSE 'square' END",
        "1",
    ),
    ("with", "w", "'lora'", "EXISTS (SELECT 1 FROM lora_use WHERE lora_use.generation_id = generation.id)"),
)
_LORA = "SELECT image.id, 'lora', lora_use.name FROM image JOIN lora_use ON lora_use.generation_id = image.generation_id"
_TRAIT_VIEW = "CREATE VIEW image_trait (image_id, kind, value) AS " + " UNION ALL ".join(
    [
        *(
            f"SELECT image.id, '{kind}', {value} FROM image JOIN generation ON generation.id = image.generation_id WHERE {when}"
            for kind, _, value, when in _TRAITS
        ),
        _LORA,
    ]
)
# All that is counted: traits, and what people say of a picture.
_FACET_VIEW = (
    "CREATE VIEW image_facet (image_id, kind, value) AS SELECT image_id, kind, value FROM image_trait"
    " UNION ALL SELECT id, 'picture', '' FROM image"
    " UNION ALL SELECT id, 'favourite', '' FROM image WHERE favourite"
    " UNION ALL SELECT id, 'rating', CAST(rating AS TEXT) FROM image WHERE rating IS NOT NULL"
    " UNION ALL SELECT image_tag.image_id, 'tag', tag.name FROM image_tag JOIN tag ON tag.id = image_tag.tag_id"
)
# A trait is one word of the index: "zzz", its letter, and the value as hexadecimal digits. Nobody types that.
_WORD_VIEW = (
    "CREATE VIEW image_words (id, prompt, negative_prompt, note, traits) AS"
    " SELECT image.id, generation.prompt, generation.negative_prompt, image.note, "
    + " || ".join(f"CASE WHEN {when} THEN 'zzz{letter}' || hex({value}) || ' ' ELSE '' END" for _, letter, value, when in _TRAITS)
    + " || coalesce((SELECT group_concat('zzzl' || hex(name), ' ') FROM lora_use"
    " WHERE lora_use.generation_id = image.generation_id), '')"
    " FROM image JOIN generation ON generation.id = image.generation_id"
)
# Nothing is ranked, so the number of words of each text (columnsize) isn't kept.
_INDEX = (
    "CREATE VIRTUAL TABLE image_fts USING fts5 (prompt, negative_prompt, note, traits,"
    " content='image_words', content_rowid='id', tokenize='unicode61', prefix='2 3', columnsize=0)"
)
_ALL_WORDS = "id, prompt, negative_prompt, note, traits FROM image_words"


def _indexed(image: str) -> str:
    return f"INSERT INTO image_fts (rowid, prompt, negative_prompt, note, traits) SELECT {_ALL_WORDS} WHERE id = {image};"


def _not_indexed(image: str) -> str:
    return (
        f"INSERT INTO image_fts (image_fts, rowid, prompt, negative_prompt, note, traits) SELECT 'delete', {_ALL_WORDS} WHERE id = {image};"
    )


def _counted(image: str) -> str:
    return (
        f"INSERT INTO facet_count (kind, value, n) SELECT kind, value, 1 FROM image_facet WHERE image_id = {image}"
        " ON CONFLICT (kind, value) DO UPDATE SET n = n + 1;"
    )


def _not_counted(image: str) -> str:
    return f"UPDATE facet_count SET n = n - 1 WHERE (kind, value) IN (SELECT kind, value FROM image_facet WHERE image_id = {image});"


def _one_more(kind: str, value: str) -> str:
    return f"INSERT INTO facet_count (kind, value, n) VALUES ('{kind}', {value}, 1) ON CONFLICT (kind, value) DO UPDATE SET n = n + 1;"


def _one_less(kind: str, value: str) -> str:
    return f"UPDATE facet_count SET n = n - 1 WHERE kind = '{kind}' AND value = {value};"


_TAG_NAME = "(SELECT name FROM tag WHERE id = {row}.tag_id)"
_SHOWN = "EXISTS (SELECT 1 FROM image WHERE id = {row}.image_id AND trashed IS NULL)"
_HAS_PICTURES = "EXISTS (SELECT 1 FROM image WHERE generation_id = {row})"


def _refused(words: str) -> str:
    return f"SELECT RAISE(ABORT, '{words}');"


_TRIGGERS = (
    ("image_is_indexed", "AFTER INSERT ON image", _indexed("new.id")),
    ("image_is_counted", "AFTER INSERT ON image WHEN new.trashed IS NULL", _counted("new.id")),
    ("image_is_unindexed", "BEFORE DELETE ON image", _not_indexed("old.id")),
    ("image_is_uncounted", "BEFORE DELETE ON image WHEN old.trashed IS NULL", _not_counted("old.id")),
    ("image_is_trashed", "AFTER UPDATE OF trashed ON image WHEN old.trashed IS NULL AND new.trashed IS NOT NULL", _not_counted("new.id")),
    ("image_is_restored", "AFTER UPDATE OF trashed ON image WHEN old.trashed IS NOT NULL AND new.trashed IS NULL", _counted("new.id")),
    ("note_is_unindexed", "BEFORE UPDATE OF note ON image WHEN old.note <> new.note", _not_indexed("old.id")),
    ("note_is_indexed", "AFTER UPDATE OF note ON image WHEN old.note <> new.note", _indexed("new.id")),
    (
        "rating_is_uncounted",
        "AFTER UPDATE OF rating ON image WHEN old.rating IS NOT NULL AND new.trashed IS NULL AND old.trashed IS NULL",
        _one_less("rating", "CAST(old.rating AS TEXT)"),
    ),
    (
        "rating_is_counted",
        "AFTER UPDATE OF rating ON image WHEN new.rating IS NOT NULL AND new.trashed IS NULL AND old.trashed IS NULL",
        _one_more("rating", "CAST(new.rating AS TEXT)"),
    ),
    (
        "favourite_is_counted",
        "AFTER UPDATE OF favourite ON image WHEN new.favourite > old.favourite AND new.trashed IS NULL AND old.trashed IS NULL",
        _one_more("favourite", "''"),
    ),
    (
        "favourite_is_uncounted",
        "AFTER UPDATE OF favourite ON image WHEN new.favourite < old.favourite AND new.trashed IS NULL AND old.trashed IS NULL",
        _one_less("favourite", "''"),
    ),
    ("tag_is_counted", f"AFTER INSERT ON image_tag WHEN {_SHOWN.format(row='new')}", _one_more("tag", _TAG_NAME.format(row="new"))),
    # With the picture itself gone, its tags were counted off already.
    ("tag_is_uncounted", f"AFTER DELETE ON image_tag WHEN {_SHOWN.format(row='old')}", _one_less("tag", _TAG_NAME.format(row="old"))),
    # Its words are needed to take its pictures out of the index, and a cascade would come too late.
    ("generation_goes", "BEFORE DELETE ON generation", "DELETE FROM image WHERE generation_id = old.id;"),
    # The index is taken back by the words as they are: what it was made of stays as it was.
    (
        "generation_stays",
        "BEFORE UPDATE OF kind, prompt, negative_prompt, checkpoint, sampler, steps, cfg_scale, tool ON generation"
        f" WHEN {_HAS_PICTURES.format(row='old.id')}",
        _refused("a generation with pictures does not change"),
    ),
    (
        "image_stays",
        "BEFORE UPDATE OF id, generation_id, width, height ON image",
        _refused("a picture stays as it was made"),
    ),
    (
        "lora_comes_first",
        f"BEFORE INSERT ON lora_use WHEN {_HAS_PICTURES.format(row='new.generation_id')}",
        _refused("lora_use is written before the pictures"),
    ),
    (
        "lora_stays",
        f"BEFORE DELETE ON lora_use WHEN {_HAS_PICTURES.format(row='old.generation_id')}",
        _refused("lora_use stays as long as there are pictures"),
    ),
    ("lora_is_the_same", "BEFORE UPDATE ON lora_use", _refused("lora_use does not change")),
    ("tag_is_the_same", "BEFORE UPDATE OF id, name ON tag", _refused("a tag is not renamed: give another one")),
)

_LORA_TAG = re.compile(r"<(?:lora|lyco):([^:<>]+)([^<>]*)>")
_WEIGHT = re.compile(r":(?:unet=|te=)?([-+]?\d*\.?\d+)")


def upgrade() -> None:
    """Make what is new, then fill it from what is there."""
    _make_anew()
    _make_tables()
    _fill_parents()
    _fill_loras()
    for statement in (_TRAIT_VIEW, _FACET_VIEW, _WORD_VIEW, _INDEX):
        op.execute(statement)
    op.execute("INSERT INTO image_fts (image_fts) VALUES ('rebuild')")
    op.execute("INSERT INTO facet_count (kind, value, n) SELECT kind, value, count(*) FROM image_facet GROUP BY kind, value")
    for name, when, what in _TRIGGERS:
        op.execute(f"CREATE TRIGGER {name} {when} BEGIN {what} END")


def _make_anew() -> None:
    """Both tables again, with what is new.

    Their ids are the numbers of their rows now, so that a row is found by one look instead of two; and long texts stand last, since
    what stands behind them is slow to read.
    """
    op.execute("CREATE TABLE kept_image AS SELECT * FROM image")
    op.create_table(
        "new_generation",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("negative_prompt", sa.Text, nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("checkpoint_hash", sa.String(16), nullable=False),
        sa.Column("sampler", sa.String(64), nullable=False),
        sa.Column("schedule_type", sa.String(64), nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("cfg_scale", sa.Float, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("grid_path", sa.Text),
        sa.Column("tool", sa.String(32)),
        sa.Column("signature", sa.LargeBinary(32)),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("resolved", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.JSON),
    )
    kept = (
        "id, job_id, kind, prompt, negative_prompt, checkpoint, checkpoint_hash, sampler, schedule_type, steps, cfg_scale,"
        " width, height, seed, grid_path, asked, resolved"
    )
    op.execute(f"INSERT INTO new_generation ({kept}) SELECT {kept} FROM generation ORDER BY id")
    # In this order: with a table go the rows that refer to it.
    op.drop_table("image")
    op.drop_table("generation")
    op.rename_table("new_generation", "generation")
    op.create_table(
        "image",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation_id", sa.BigInteger, sa.ForeignKey("generation.id", ondelete="CASCADE"), nullable=False),
        sa.Column("idx", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False, unique=True),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("mean_colour", sa.String(7), nullable=False),
        sa.Column("rating", sa.Integer),
        sa.Column("favourite", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("trashed", sa.BigInteger),
        sa.Column("look", sa.BigInteger),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    kept = "id, generation_id, idx, path, sha256, width, height, bytes, seed, seconds, mean_colour, facts"
    op.execute(f"INSERT INTO image ({kept}) SELECT {kept} FROM kept_image ORDER BY id")
    op.drop_table("kept_image")
    op.create_index("ix_generation_job_id", "generation", ["job_id"])
    op.create_index("generation_checkpoint", "generation", ["checkpoint", "id"])
    op.create_index("generation_signature", "generation", ["signature"], sqlite_where=sa.text("signature IS NOT NULL"))
    op.create_index("ix_image_sha256", "image", ["sha256"])
    op.create_index("image_generation", "image", ["generation_id", "idx"], unique=True)
    op.create_index("image_seed", "image", ["seed"])
    op.create_index("image_look", "image", ["id", "look"], sqlite_where=sa.text("look IS NOT NULL"))
    op.create_index("image_rating", "image", ["id", "rating"], sqlite_where=sa.text("rating IS NOT NULL"))
    op.create_index("image_favourite", "image", ["id"], sqlite_where=sa.text("favourite = 1"))
    op.create_index("image_note", "image", ["id"], sqlite_where=sa.text("note <> ''"))
    op.create_index("image_trashed", "image", ["id"], sqlite_where=sa.text("trashed IS NOT NULL"))


def _make_tables() -> None:
    op.create_table(
        "parent",
        sa.Column("generation_id", sa.BigInteger, sa.ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("relation", sa.String(16), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32)),
        sa.Column("image_id", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("parent_sha256", "parent", ["sha256"], sqlite_where=sa.text("sha256 IS NOT NULL"))
    op.create_index("parent_image", "parent", ["image_id"], sqlite_where=sa.text("image_id IS NOT NULL"))
    op.create_table(
        "lora_use",
        sa.Column("generation_id", sa.BigInteger, sa.ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("weight", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("lora_use_name", "lora_use", ["name", "generation_id"])
    op.create_table("tag", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text, nullable=False, unique=True))
    op.create_table(
        "image_tag",
        sa.Column("image_id", sa.BigInteger, sa.ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tag_id", sa.Integer, sa.ForeignKey("tag.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("image_tag_tag", "image_tag", ["tag_id", "image_id"])
    op.create_table(
        "saved_search",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("query", sa.Text, nullable=False),
    )
    op.create_table(
        "facet_count",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _fill_parents() -> None:
    connection = op.get_bind()
    stored = "CASE WHEN json_valid(resolved) THEN resolved ELSE '{}' END"
    made = connection.exec_driver_sql(
        f"SELECT id, kind, json_extract({stored}, '$.init_image'), json_extract({stored}, '$.mask')"
        " FROM generation WHERE kind IN ('img2img', 'inpaint', 'upscale')"
    ).fetchall()
    rows = []
    for generation, kind, *digests in made:
        for relation, digest in zip(("upscale" if kind == "upscale" else "init", "mask"), digests, strict=True):
            if isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest):
                number = sum(row[0] == generation for row in rows[-1:])
                content = bytes.fromhex(digest)
                rows.append((generation, number, relation, content, content, generation))
    if rows:
        connection.exec_driver_sql(
            "INSERT INTO parent (generation_id, number, relation, sha256, image_id)"
            " VALUES (?, ?, ?, ?, (SELECT max(id) FROM image WHERE sha256 = ? AND id < ?))",
            rows,
        )


def _fill_loras() -> None:
    connection = op.get_bind()
    for field in ("loras", "hires_loras"):
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO lora_use (generation_id, name, weight)"
            " SELECT generation.id, json_extract(used.value, '$.name'), coalesce(json_extract(used.value, '$.unet_weight'), 1.0)"
            f" FROM generation, json_each(CASE WHEN json_valid(resolved) THEN resolved ELSE '{{}}' END, '$.{field}') AS used"
        )
    # What was only finished anew knows those that its source was made with by its words alone.
    finished = connection.exec_driver_sql("SELECT id, prompt FROM generation WHERE kind = 'upscale' AND prompt LIKE '%<l%'").fetchall()
    rows = []
    for generation, prompt in finished:
        for name, rest in _LORA_TAG.findall(prompt):
            weights = _WEIGHT.findall(rest)
            rows.append((generation, name, float(weights[-1]) if weights else 1.0))
    if rows:
        connection.exec_driver_sql("INSERT OR IGNORE INTO lora_use (generation_id, name, weight) VALUES (?, ?, ?)", rows)
