"""Which pictures of the image store each job refers to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """No job of before refers to any."""
    op.create_table(
        "used_image",
        sa.Column("job_id", sa.BigInteger, sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
    )
    op.create_index("ix_used_image_sha256", "used_image", ["sha256"])
