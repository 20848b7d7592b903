"""Replays: what a job makes again, and what came of comparing its picture with the original."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing was made again before."""
    op.add_column("job", sa.Column("origin", sa.JSON))
    op.create_index("job_origin", "job", ["id"], sqlite_where=sa.text("origin IS NOT NULL"))
    op.create_table(
        "replay",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("image_id", sa.BigInteger, sa.ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column("made", sa.BigInteger),
    )
    op.create_index("replay_image", "replay", ["image_id", "id"])
    op.create_index("replay_job", "replay", ["job_id"], unique=True)
