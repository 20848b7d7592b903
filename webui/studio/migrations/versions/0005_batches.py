"""Batches: many files through img2img or inpainting, and where a job's pictures are wanted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """No job of before belongs to a batch."""
    op.add_column("job", sa.Column("wanted_path", sa.Text))
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("stamp", sa.BigInteger),
    )
    op.create_index("batch_status", "batch", ["status", "id"])
    op.create_table(
        "batch_file",
        sa.Column("batch_id", sa.BigInteger, sa.ForeignKey("batch.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("picture", sa.LargeBinary(32)),
        sa.Column("mask_name", sa.Text),
        sa.Column("mask", sa.LargeBinary(32)),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("error", sa.JSON),
    )
    op.create_index("ix_batch_file_job_id", "batch_file", ["job_id"])
    op.create_index("batch_file_open", "batch_file", ["batch_id", "number"], sqlite_where=sa.text("job_id IS NULL AND error IS NULL"))
    op.create_table(
        "batch_image",
        sa.Column("batch_id", sa.BigInteger, sa.ForeignKey("batch.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
    )
