"""Reviews have no notes any more: what was noted does not come back"""

from alembic import op

revision, down_revision = "f007", "a005"


def upgrade() -> None:
    op.drop_column("ad_reviews", "note")


def downgrade() -> None:
    raise NotImplementedError("What was noted is gone.")
