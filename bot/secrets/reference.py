"""
Where a secret is kept, in the words of the settings: `env:NAME`, `file:/path`, `aws:name` or
`aws:name#field`. A reference may be shown to anybody; what it refers to, to nobody.
"""

import re
from typing import Any, Literal, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Scheme = Literal["env", "file", "aws"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
#: No blanks, quotes or brackets: a reference is shown in texts, where a secret would have been.
FORMS = {
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "file": re.compile(r"/[^\s\"'`<>\[\]\\]+"),
    "aws": re.compile(r"[\w/+=.@!:-]{1,2048}(?:#[\w.-]+)?", re.ASCII),
}
A_VALUE = (
    "this is no reference to a secret. Write where the secret is kept: env:NAME, file:/path or"
    " aws:name; or give the secret itself as the environment variable of this setting"
)
MALFORMED = (
    "this is no place where a secret can be kept. Write env:NAME, file:/an/absolute/path, aws:name"
    " or aws:name#field"
)


class Reference(str):
    """Raises ValueError when it is none; the message never has the text in it."""

    scheme: Scheme
    name: str  #: Of the variable, the file, or the secret.
    field: str  #: Of the JSON object that the secret is; empty: the secret itself.

    def __new__(cls, text: str) -> "Reference":
        made = super().__new__(cls, text)
        scheme, colon, place = text.partition(":")
        if not colon or scheme not in SCHEMES:
            raise ValueError(A_VALUE)
        if not FORMS[scheme].fullmatch(place):
            raise ValueError(MALFORMED)
        made.scheme = scheme
        made.name, _, made.field = place.partition("#") if scheme == "aws" else (place, "", "")
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def is_reference(text: str) -> bool:
    """Whether it is meant as one: a malformed reference is no secret."""
    return text.partition(":")[0] in SCHEMES and ":" in text
