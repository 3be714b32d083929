"""
What travels between steps, all of it frozen and storable as JSON.

Nothing here can hold a secret: a `Secret` is a reference, and a field that looks like it
would hold a secret in the clear is refused when its class is made.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr, model_validator

from bot.runbook.errors import BookError

SECRET_SOUNDING = ("token", "password", "secret", "api_key", "private_key")
#: A person's id in Slack; whatever else stands where one is expected could mention everybody.
USER_ID = r"[UW][A-Z0-9]{1,30}"
UserId = Annotated[
    str, Field(pattern=f"^{USER_ID}$", description="the id of a person, such as U012AB3CD")
]
#: Letters by Unicode's book, of which nothing is to be seen.
BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")


def letters(text: str) -> int:
    """Letters and digits that somebody can read: how much a reason says."""
    return sum(one.isalnum() and one not in BLANK_LETTERS for one in text)


def storable(text: str) -> str:
    """Half a character pair and NUL, which no database takes, are shown as what they are: odd."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{SYMBOL FOR NULL}")


def all_storable(value: Any) -> Any:
    """Every text in it, keys included."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(map(all_storable, value))
    if isinstance(value, Mapping):
        return {all_storable(name): all_storable(one) for name, one in value.items()}
    return value


class Value(BaseModel):
    """
    The root of everything that is stored with a run. One text that cannot be read back would make
    the whole run unreadable, so no value has one, nor a number that is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _is_storable(cls, fields: Any) -> Any:
        return all_storable(fields)

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

    user_id: UserId


class Run(Value):
    """The run itself, for steps that need to know which run this is, since when, and whose."""

    id: str
    started_at: datetime
    started_by: str
