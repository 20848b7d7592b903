"""The index of words keeps beginnings of four and five letters, too; and it knows of which pictures a mask was used."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_FROM = "FROM image JOIN generation ON generation.id = image.generation_id"
# As in form 0007, and: Easel keeps its masks as parents; of another program's picture nothing more is known than that it was inpainted.
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
    (
        "with",
        "w",
        "'mask'",
        "(EXISTS (SELECT 1 FROM parent WHERE parent.generation_id = generation.id AND parent.relation = 'mask')"
        " OR (generation.tool IS NOT NULL AND generation.kind = 'inpaint'))",
    ),
)
_TRAIT_VIEW = "CREATE VIEW image_trait (image_id, kind, value) AS " + " UNION ALL ".join(
    [
        *(f"SELECT image.id, '{kind}', {value} {_FROM} WHERE {when}" for kind, _, value, when in _TRAITS),
        "SELECT image.id, 'lora', lora_use.name FROM image JOIN lora_use ON lora_use.generation_id = image.generation_id",
    ]
)
_WORD_VIEW = (
    "CREATE VIEW image_words (id, prompt, negative_prompt, note, traits) AS"
    " SELECT image.id, generation.prompt, generation.negative_prompt, image.note, "
    + " || ".join(f"CASE WHEN {when} THEN 'zzz{letter}' || hex({value}) || ' ' ELSE '' END" for _, letter, value, when in _TRAITS)
    + " || coalesce((SELECT group_concat('zzzl' || hex(name), ' ') FROM lora_use"
    f" WHERE lora_use.generation_id = image.generation_id), '') {_FROM}"
)
_INDEX = (
    "CREATE VIRTUAL TABLE image_fts USING fts5 (prompt, negative_prompt, note, traits,"
    " content='image_words', content_rowid='id', tokenize='unicode61', prefix='2 3 4 5', columnsize=0)"
)
_GUARDS = (
    ("mask_comes_first", "BEFORE INSERT ON parent", "new", "a mask is written before the pictures"),
    ("mask_stays", "BEFORE DELETE ON parent", "old", "a mask stays as long as there are pictures"),
    ("mask_is_the_same", "BEFORE UPDATE OF generation_id, relation ON parent", "old", "a mask stays one"),
)


def upgrade() -> None:
    """The index is made anew, by what is in history: two minutes for a million pictures."""
    for statement in ("DROP TABLE image_fts", "DROP VIEW image_words", "DROP VIEW image_trait", _TRAIT_VIEW, _WORD_VIEW, _INDEX):
        op.execute(statement)
    op.execute("INSERT INTO image_fts (image_fts) VALUES ('rebuild')")
    owned = "owner, " if any(column["name"] == "owner" for column in sa.inspect(op.get_bind()).get_columns("facet_count")) else ""
    op.execute(
        f"INSERT INTO facet_count ({owned}kind, value, n) SELECT {owned}kind, value, count(*) FROM image_trait"
        " JOIN image ON image.id = image_trait.image_id WHERE kind = 'with' AND value = 'mask' AND trashed IS NULL"
        f" GROUP BY {owned}kind, value"
    )
    for name, when, row, words in _GUARDS:
        has_pictures = f"EXISTS (SELECT 1 FROM image WHERE generation_id = {row}.generation_id)"
        op.execute(
            f"CREATE TRIGGER {name} {when} WHEN {row}.relation = 'mask' AND {has_pictures} BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
