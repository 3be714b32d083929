"""Every organization has a plan of its own: which the rows do not bear out"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "f006", "a005"


def upgrade() -> None:
    op.add_column("organizations", sa.Column("plan_tier", sa.Text(), nullable=True))
    op.create_unique_constraint("one_plan_each", "organizations", ["plan"])


def downgrade() -> None:
    op.drop_constraint("one_plan_each", "organizations")
    op.drop_column("organizations", "plan_tier")
