"""Events are found by what was done, without stopping those who write them"""

from alembic import op

revision, down_revision = "a005", "a004"
INDEX, TABLE = "activity_events_by_action", "activity_events"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(INDEX, TABLE, ["action"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, TABLE, postgresql_concurrently=True)
