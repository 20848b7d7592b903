"""Folders of other programs that are taken into history."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing was imported before."""
    op.create_table(
        "import_source",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("folder", sa.Text, nullable=False, unique=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("watched", sa.Boolean, nullable=False),
        sa.Column("walked", sa.Boolean, nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("ended", sa.BigInteger),
    )
    op.create_table(
        "import_file",
        sa.Column("source_id", sa.BigInteger, sa.ForeignKey("import_source.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("image_id", sa.BigInteger),
        sa.Column("error", sa.JSON),
    )
    op.create_index("import_file_state", "import_file", ["source_id", "state", "path"])
