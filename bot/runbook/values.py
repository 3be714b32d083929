"""
What travels between steps, all of it frozen and storable as JSON.

Nothing here can hold a secret: a `Secret` is a reference, and a field that looks like it
would hold a secret in the clear is refused when its class is made.
"""

from datetime import datetime
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr

from bot.runbook.errors import BookError

SECRET_SOUNDING = ("token", "password", "secret", "api_key", "private_key")


class Value(BaseModel):
    """The root of everything that is stored with a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        for name, kind in get_type_hints(cls).items():
            in_the_clear = kind in (str, bytes) and name.endswith(SECRET_SOUNDING)
            if in_the_clear or kind in (SecretStr, SecretBytes):
                raise BookError(
                    f"{cls.__name__}.{name} would put a secret into the store. Make it a Secret."
                )


class Secret(Value):
    """Where a secret is kept. The value goes from the modal straight into the secret store."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"secret:{self.name}"


class RunbookInputs(Value):
    """What the operator fills in before the runbook starts. One modal field per field."""


class Thresholds(Value):
    """
    The numbers a book's verdicts rest on, with their defaults. Subclass it at the top of the
    book; settings may override single fields for a book (`[thresholds."RB-INC-001"]`).
    """


class Answer(Value):
    """What a person answered. Subclass it to name the answer."""


class Facts(Value):
    """What an outside system said. Subclass it to name the facts."""


class Person(Answer):
    """A person, by the immutable id of the workspace."""

    user_id: str


class Run(Value):
    """The run itself, for steps that need to know which run this is, since when, and whose."""

    id: str
    started_at: datetime
    started_by: str
