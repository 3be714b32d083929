"""How a revision is migrated to, in the words of the tool that the company's images have."""

from collections.abc import Sequence
from typing import Literal

Kind = Literal["alembic", "django"]
Way = Literal["upgrade", "downgrade"]


def argv(kind: Kind, command: Sequence[str], way: Way, revision: str) -> tuple[str, ...]:
    """Django has one word for both ways, and wants the app and the name apart."""
    if kind == "alembic":
        return (*command, way, revision)
    app, _, name = revision.partition(".")
    return (*command, "migrate", app, name, "--no-input")
