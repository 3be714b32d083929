"""A press is held against the message it came from, so that message is looked up by its place."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("messages_place", "messages", ["channel", "ts"])
