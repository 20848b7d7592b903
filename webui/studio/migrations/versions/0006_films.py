"""Which jobs keep a view of each step."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """No job of before was filmed."""
    op.add_column("job", sa.Column("film", sa.Boolean, nullable=False, server_default=sa.false()))
