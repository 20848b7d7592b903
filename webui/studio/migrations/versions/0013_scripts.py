"""Runs of add-ons' scripts, and the jobs that they asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"


def upgrade() -> None:
    """There were no scripts before."""
    op.create_table(
        "script_run",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("extension", sa.Text, nullable=False),
        sa.Column("script", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("script_values", sa.JSON, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("expected", sa.Integer),
        sa.Column("layout", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("kept", sa.JSON, nullable=False),
        sa.Column("stamp", sa.BigInteger),
    )
    op.create_index("script_run_status", "script_run", ["status", "id"])
    op.create_table(
        "script_part",
        sa.Column("run_id", sa.BigInteger, sa.ForeignKey("script_run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("at", sa.JSON, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_script_part_job_id", "script_part", ["job_id"])
    op.create_table(
        "script_image",
        sa.Column("run_id", sa.BigInteger, sa.ForeignKey("script_run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
    )
