"""What went through without its quorum, and whether somebody else has looked at it since."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "broken_glass",
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("despite", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("reminded", sa.Integer(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("review", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("plan"),
    )
