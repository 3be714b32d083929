"""What is frozen: the stop switch, and the windows of the policy that are on."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    freezes = op.create_table(
        "freezes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stands", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("lasts", sa.Text(), nullable=False),
        sa.Column("targets", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    switch = {"name": "", "stands": 0, "told": 1, "targets": '["*"]', "since": 0.0}
    op.bulk_insert(freezes, [switch | dict.fromkeys(("why", "lasts", "by", "by_name"), "")])
