"""Solid ground: places in line, idempotency keys, what is remembered over a restart, grids."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_GAP = 1 << 20


def upgrade() -> None:
    """Give every job its place in line, in the order in which they came."""
    for column in (
        sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("overtaken", sa.Integer, nullable=False, server_default="0"),
        sa.Column("forever", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("work", sa.Float, nullable=False, server_default="0"),
        sa.Column("ended", sa.BigInteger),
    ):
        op.add_column("job", column)
    op.execute(
        f"UPDATE job SET position = {_GAP} * numbered.place "
        "FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM job) AS numbered WHERE job.id = numbered.id"
    )
    op.execute("UPDATE job SET ended = id WHERE status IN ('done', 'cancelled', 'failed')")
    op.drop_index("job_status", "job")
    op.create_index("job_line", "job", ["status", sa.text("priority DESC"), "position", "id", "checkpoint", "overtaken", "work"])
    op.create_index("job_work", "job", ["status", "checkpoint", "work"])
    op.create_index("job_ended", "job", ["ended"])
    op.create_table(
        "submission",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("jobs", sa.JSON, nullable=False),
    )
    op.create_index("ix_submission_id", "submission", ["id"])
    op.create_table("remembered", sa.Column("name", sa.String(64), primary_key=True), sa.Column("value", sa.JSON, nullable=False))
    op.add_column("generation", sa.Column("grid_path", sa.Text))
    op.create_index("generation_checkpoint", "generation", ["checkpoint", "id"])
