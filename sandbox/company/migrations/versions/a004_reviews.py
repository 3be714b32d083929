"""Ads have a risk band, and reviews"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "a004", "a003"


def upgrade() -> None:
    op.add_column("org_ads", sa.Column("risk_band", sa.Text(), nullable=True))
    op.create_table(
        "ad_reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("org_ad_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ad_reviews TO complyai")


def downgrade() -> None:
    op.drop_table("ad_reviews")
    op.drop_column("org_ads", "risk_band")
