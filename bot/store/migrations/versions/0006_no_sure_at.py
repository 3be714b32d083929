"""When it is sure that nothing can arrive any more is counted by the process, not by the clock."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.drop_column("outbox", "sure_at")
