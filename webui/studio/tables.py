"""The tables, as SQLAlchemy Core. Migrations in `migrations/` bring a database to this shape."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    column,
    table,
    true,
)

metadata = MetaData()

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""An id that is the number of its row: SQLite takes a column for that only where it is called INTEGER."""


def _owner() -> Column[str]:
    """Whose row it is: a person's id, "" for the household. Queries that somebody asks for say so by `webui.studio.whose`."""
    return Column("owner", String(16), nullable=False, default="", server_default="")


job = Table(
    "job",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("live", Boolean, nullable=False, default=False),
    Column("client", String(64)),
    # What it works with: a checkpoint, or of what isn't drawn a word that no checkpoint has as its name (ResolvedUpscale.works_with).
    Column("checkpoint", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    Column("planned_paths", JSON, nullable=False, default=dict),
    Column("attempt", Integer, nullable=False, default=0),
    Column("worker_deaths", Integer, nullable=False, default=0),
    Column("notes", JSON, nullable=False, default=list),
    Column("error", JSON),
    # Place in line: smaller is earlier. Gaps are wide, so that a job can be put between two others.
    Column("position", BigInteger, nullable=False),
    Column("overtaken", Integer, nullable=False, default=0),
    Column("forever", Boolean, nullable=False, default=False),
    # Whether a view of each step is kept.
    Column("film", Boolean, nullable=False, default=False),
    # What `webui.planning.estimate` multiplies with seconds: kept here so that 10,000 jobs are summed by an index alone.
    Column("work", Float, nullable=False, default=0.0),
    # An id of the time when it ended; jobs that were cancelled together share it.
    Column("ended", BigInteger),
    # Where its pictures go, relative to the pictures folder and without an ending; none: where the settings say.
    Column("wanted_path", Text),
    # `webui.studio.origin.Origin`: the picture that it makes again, and what follows it.
    Column("origin", JSON(none_as_null=True)),
    _owner(),
    # Higher ones go before those of other people (`webui.studio.line.lane_of`); priority orders one's own alone.
    Column("lane", Integer, nullable=False, default=0, server_default="0"),
)
Index("job_origin", job.c.id, sqlite_where=job.c.origin.is_not(None))
# Both hold all that the line and its estimate need, so that 10,000 waiting jobs are looked through without reading their rows.
Index(
    "job_line",
    job.c.status,
    job.c.owner,
    job.c.priority.desc(),
    job.c.position,
    job.c.id,
    job.c.checkpoint,
    job.c.overtaken,
    job.c.work,
    job.c.lane,
)
Index("job_work", job.c.status, job.c.owner, job.c.checkpoint, job.c.work)
Index("job_ended", job.c.ended)
Index("job_owner_ended", job.c.owner, job.c.ended)

submission = Table(
    "submission",
    metadata,
    Column("owner", String(16), primary_key=True, default=""),
    Column("key", String(255), primary_key=True),
    Column("id", BigInteger, nullable=False, index=True),
    Column("body_sha256", LargeBinary(32), nullable=False),
    Column("jobs", JSON, nullable=False),
)
"""Idempotency keys of people's clients, the body each came with, and the jobs it made."""

used_image = Table(
    "used_image",
    metadata,
    Column("job_id", BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True, index=True),
)
"""Pictures of the image store that a job's request refers to: they stay as long as the job's row."""

batch = Table(
    "batch",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("asked", Text, nullable=False),
    # Of each of its files, with a picture and mask that are yet to be put in.
    Column("request", Text, nullable=False),
    Column("error", JSON(none_as_null=True)),
    # An id of the time when it was halted or ended. Jobs that were halted with it share it.
    Column("stamp", BigInteger),
    _owner(),
    Index("batch_status", "status", "id"),
    Index("batch_owner", "owner", "id"),
)
"""Many files that are drawn on one after the other."""

batch_file = Table(
    "batch_file",
    metadata,
    Column("batch_id", BigInteger, ForeignKey("batch.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    # Known from the start where it was uploaded, else once it was read.
    Column("picture", LargeBinary(32)),
    Column("mask_name", Text),
    Column("mask", LargeBinary(32)),
    # Written together with the job itself: what has one is never handed to the queue again.
    Column("job_id", BigInteger, index=True),
    Column("error", JSON(none_as_null=True)),
)
Index(
    "batch_file_open",
    batch_file.c.batch_id,
    batch_file.c.number,
    sqlite_where=batch_file.c.job_id.is_(None) & batch_file.c.error.is_(None),
)
"""The files of a batch. One without job and error is yet to be handed to the queue; how the others are, their jobs say."""

batch_image = Table(
    "batch_image",
    metadata,
    Column("batch_id", BigInteger, ForeignKey("batch.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
)
"""Pictures of the image store that a batch needs until its jobs refer to them."""

upload = Table(
    "upload",
    metadata,
    Column("owner", String(16), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
    sqlite_with_rowid=False,
)
"""Who put which picture into the image store, where there are accounts: each is there only for those who had it."""

remembered = Table("remembered", metadata, Column("name", String(64), primary_key=True), Column("value", JSON, nullable=False))
"""What the studio itself keeps over a restart, by name ("paused")."""

generation = Table(
    "generation",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=False),
    Column("job_id", BigInteger, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    # Of what isn't drawn (an upscale): those that its source was made from, as far as its file told.
    Column("prompt", Text, nullable=False),
    Column("negative_prompt", Text, nullable=False),
    # As in a job. What isn't drawn has no seed (-1), and nothing in the columns of sampler, steps and the like.
    Column("checkpoint", Text, nullable=False),
    Column("checkpoint_hash", String(16), nullable=False),
    Column("sampler", String(64), nullable=False),
    Column("schedule_type", String(64), nullable=False),
    Column("steps", Integer, nullable=False),
    Column("cfg_scale", Float, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("grid_path", Text),
    # The program that made it; none: Easel.
    Column("tool", String(32)),
    # SHA-256 of what makes the same pictures.
    Column("signature", LargeBinary(32)),
    # Long texts stand last: what stands behind them is slow to read.
    Column("asked", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    # What a replay compares: devices, versions and the like, as far as they are known.
    Column("fingerprint", JSON(none_as_null=True)),
    _owner(),
    Index("generation_checkpoint", "checkpoint", "id"),
    Index("generation_owner", "owner", "id"),
)
Index("generation_signature", generation.c.signature, sqlite_where=generation.c.signature.is_not(None))

image = Table(
    "image",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=False),
    Column("generation_id", BigInteger, ForeignKey("generation.id", ondelete="CASCADE"), nullable=False),
    Column("idx", Integer, nullable=False),
    # Relative to the pictures folder; of what was taken in from elsewhere, where it lies.
    Column("path", Text, nullable=False, unique=True),
    Column("sha256", LargeBinary(32), nullable=False, index=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("mean_colour", String(7), nullable=False),
    # 1 to 5.
    Column("rating", Integer),
    Column("favourite", Boolean, nullable=False, default=False),
    Column("note", Text, nullable=False, default=""),
    # An id of the time when it was put into the trash; pictures that were put there together share it.
    Column("trashed", BigInteger),
    # `webui.pictures.looks.look_of`, by which similar pictures are found; none where it isn't known.
    Column("look", BigInteger),
    Column("facts", JSON, nullable=False),
    _owner(),
    Index("image_generation", "generation_id", "idx", unique=True),
    Index("image_seed", "seed"),
    Index("image_owner", "owner", "id"),
)
# Each in the order of somebody's pages, newest first, so that what few pictures have is found without looking at all.
Index("image_look", image.c.id, image.c.look, sqlite_where=image.c.look.is_not(None))
Index("image_rating", image.c.owner, image.c.id, image.c.rating, sqlite_where=image.c.rating.is_not(None))
Index("image_favourite", image.c.owner, image.c.id, sqlite_where=image.c.favourite == true())
Index("image_note", image.c.owner, image.c.id, sqlite_where=image.c.note != "")
Index("image_trashed", image.c.owner, image.c.id, sqlite_where=image.c.trashed.is_not(None))
# The same for whoever sees all: without them each search for a mark would have to put all marked pictures in order first.
for _name, _columns, _marked in (
    ("image_rating_of_all", (image.c.id, image.c.rating), image.c.rating.is_not(None)),
    ("image_favourite_of_all", (image.c.id,), image.c.favourite == true()),
    ("image_note_of_all", (image.c.id,), image.c.note != ""),
    ("image_trashed_of_all", (image.c.id,), image.c.trashed.is_not(None)),
):
    Index(_name, *_columns, sqlite_where=_marked, postgresql_where=_marked)

image_fts = table("image_fts", column("rowid"), column("image_fts"))
"""The index of words (FTS5), one row for each picture under its id: prompt, negative prompt, note, and traits.

Traits are what never changes: checkpoint, sampler, LoRAs and the like, each as one word (`trait_word`). Triggers keep it, so what it is
made of has to be there before the picture: first the generation, then its rows of `lora_use`, then its pictures.
"""

image_facet = table("image_facet", column("image_id"), column("kind"), column("value"))
"""A view: what is counted of each picture, traits and marks."""

facet_count = Table(
    "facet_count",
    metadata,
    Column("owner", String(16), primary_key=True, default=""),
    Column("kind", String(16), primary_key=True),
    Column("value", Text, primary_key=True),
    Column("n", Integer, nullable=False),
    sqlite_with_rowid=False,
)
# One row for each of the people, so that it is known at once who has pictures.
Index("facet_count_pictures", facet_count.c.owner, facet_count.c.n, sqlite_where=facet_count.c.kind == "picture")
"""How many of somebody's pictures that are not in the trash have it, kept by triggers: checkpoint, lora, sampler, kind, tool, steps, cfg,
size, shape; rating, tag, favourite; and "picture", which all have. What is no longer there stays, with 0.
"""

# What a generation was made from.
parent = Table(
    "parent",
    metadata,
    Column("generation_id", BigInteger, ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    # init, mask, upscale, hires, control, variation, replay or script.
    Column("relation", String(16), nullable=False),
    # Of the bytes it was made from.
    Column("sha256", LargeBinary(32)),
    # The picture of history that those were. It may be gone by now.
    Column("image_id", BigInteger),
    sqlite_with_rowid=False,
)
Index("parent_sha256", parent.c.sha256, sqlite_where=parent.c.sha256.is_not(None))
Index("parent_image", parent.c.image_id, sqlite_where=parent.c.image_id.is_not(None))

lora_use = Table(
    "lora_use",
    metadata,
    Column("generation_id", BigInteger, ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("weight", Float, nullable=False),
    Index("lora_use_name", "name", "generation_id"),
    sqlite_with_rowid=False,
)
"""LoRAs of a generation. They are written before its pictures and stay as they are."""

tag = Table("tag", metadata, Column("id", Integer, primary_key=True), Column("name", Text, nullable=False, unique=True))

image_tag = Table(
    "image_tag",
    metadata,
    Column("image_id", BigInteger, ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("tag.id"), primary_key=True),
    Index("image_tag_tag", "tag_id", "image_id"),
    sqlite_with_rowid=False,
)

saved_search = Table(
    "saved_search",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),
    _owner(),
    UniqueConstraint("owner", "name"),
)

replay = Table(
    "replay",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    # The original.
    Column("image_id", BigInteger, ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", BigInteger, nullable=False),
    # identical, close or different.
    Column("verdict", String(16), nullable=False),
    # The rest of `webui.studio.replays.Proof`.
    Column("told", JSON, nullable=False),
    # The picture that was kept, where it is another one.
    Column("made", BigInteger),
    Index("replay_image", "image_id", "id"),
    Index("replay_job", "job_id", unique=True),
)
"""What came of making pictures again: each was compared with its original."""

workshop_order = Table(
    "workshop_order",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("asked", Text, nullable=False),
    # What a download needs to go on where it stopped: name, length and ETag of the file.
    Column("state", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("result", JSON),
    Column("error", JSON),
    Column("ended", BigInteger),
    Index("workshop_order_status", "status", "id"),
)
"""Long work that makes no picture: downloads, merges, conversions."""

import_source = Table(
    "import_source",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("folder", Text, nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("watched", Boolean, nullable=False),
    # Whether the folder was looked through to its end since it was last asked for.
    Column("walked", Boolean, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("ended", BigInteger),
    _owner(),
)
"""Folders of other programs whose pictures are taken into history."""

import_file = Table(
    "import_file",
    metadata,
    Column("source_id", BigInteger, ForeignKey("import_source.id", ondelete="CASCADE"), primary_key=True),
    # Below the folder, with "/".
    Column("path", Text, primary_key=True),
    # Bytes, and nanoseconds since 1970: a file that differs is read again.
    Column("size", BigInteger, nullable=False),
    Column("mtime", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    # Its picture, or the one with the same content. That may be gone by now.
    Column("image_id", BigInteger),
    Column("error", JSON(none_as_null=True)),
    Index("import_file_state", "source_id", "state", "path"),
)
"""Files of imports, and what became of each: written together with the picture's own rows."""

person = Table(
    "person",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    # The name as it is compared: no two people have the same one.
    Column("name_key", Text, nullable=False),
    # admin or user.
    Column("role", String(8), nullable=False),
    # Argon2id, as its own text says; none: only tokens open the door for them.
    Column("password", Text),
    # These times, and those below, are seconds since 1970.
    Column("created", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Index("person_name_key", "name_key", unique=True),
)
"""Who may come in. Without any, Easel is open to whoever is at its machine."""

login = Table(
    "login",
    metadata,
    # SHA-256 of the secret that the browser's cookie holds.
    Column("hash", LargeBinary(32), primary_key=True),
    Column("person_id", String(16), ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("login_person", "person_id"),
)

token = Table(
    "token",
    metadata,
    Column("id", String(16), primary_key=True),
    # SHA-256 of the token, which is shown once, when it is made.
    Column("hash", LargeBinary(32), nullable=False),
    Column("person_id", String(16), ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger),
    Index("token_hash", "hash", unique=True),
    Index("token_person", "person_id"),
)
"""Keys of programs: each may do what its scopes say, as far as its person may."""

script_run = Table(
    "script_run",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", String(16), nullable=False, default=""),
    Column("extension", Text, nullable=False),
    # `webui.studio.add_ons.script_id`.
    Column("script", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("asked", Text, nullable=False),
    Column("script_values", JSON, nullable=False),
    # Of what the script draws by chance.
    Column("seed", BigInteger, nullable=False),
    # How many parts it said that there would be.
    Column("expected", Integer),
    # Names of columns, rows and sheets.
    Column("layout", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    # Pictures that the script itself made: ids of history.
    Column("kept", JSON, nullable=False),
    # An id of the time when it was halted or ended. Jobs that were halted with it share it.
    Column("stamp", BigInteger),
    Index("script_run_status", "status", "id"),
)
"""Runs of add-ons' scripts."""

script_part = Table(
    "script_part",
    metadata,
    Column("run_id", BigInteger, ForeignKey("script_run.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("label", Text, nullable=False),
    Column("at", JSON, nullable=False),
    # Of what was asked for: when the script is run again it has to ask for the same.
    Column("digest", LargeBinary(32), nullable=False),
    Column("job_id", BigInteger, nullable=False, index=True),
)
"""Requests that a script had drawn, each written together with its job."""

script_image = Table(
    "script_image",
    metadata,
    Column("run_id", BigInteger, ForeignKey("script_run.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
)
"""Pictures of the image store that a run needs."""
