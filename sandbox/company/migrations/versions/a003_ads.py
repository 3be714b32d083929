"""Ads and their scores: what the database has already"""

revision, down_revision = "a003", None


def upgrade() -> None:
    """Long ago."""


def downgrade() -> None:
    """Nothing goes back so far."""
    raise NotImplementedError
