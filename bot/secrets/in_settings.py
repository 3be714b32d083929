"""
Secrets and settings: which settings are about secrets, and that no secret is in them.

Settings say where a secret is kept. A secret that is given itself, as an environment variable, is
kept in that variable. Given anywhere else it is refused at the start.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic_settings import BaseSettings, EnvSettingsSource

from bot.secrets.forms import passwords
from bot.secrets.redaction import REDACTOR
from bot.secrets.reference import A_VALUE, Reference, is_reference

NO_PLACE = "there is a secret in this setting, and many can read it here"

Place = tuple[str, ...]  #: The names that lead to a setting.

#: Where a secret is kept; None: it is not given.
Kept = Annotated[Reference | None, BeforeValidator(lambda given: given or None)]


def _without_password(given: str) -> str:
    if is_reference(given):
        return Reference(given)
    if passwords(given):
        raise ValueError(A_VALUE)
    return given


ADDRESS = AfterValidator(_without_password)
#: An address without a password; one with a password is kept elsewhere, as a secret.
Address = Annotated[str, ADDRESS]


class SecretsInVariables(EnvSettingsSource):
    """Environment variables; where one holds a secret itself, the settings refer to it."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        variables = {name.upper(): name for name in os.environ}
        for place in secret_places(self.settings_cls):
            whole = (self.env_prefix + (self.env_nested_delimiter or "").join(place)).upper()
            value, variable = _at(found, place), variables.get(whole)
            if isinstance(value, str) and variable and _is_secret(value, self.settings_cls, place):
                _at(found, place[:-1])[place[-1]] = f"env:{variable}"
        return found


def without_secrets(settings: type[BaseModel], given: Any) -> Any:
    """What is given, if no secret is where none belongs. Raises ValueError."""
    places = secret_places(settings)
    for place, text in _texts(given):
        if place not in places and REDACTOR.holds(text):
            raise ValueError(f"{'.'.join(place)}: {NO_PLACE}")
    return given


def references(settings: BaseSettings) -> Mapping[str, Reference]:
    """Every secret that is given, by the name of its setting."""
    found = {".".join(one): _at(settings, one) for one in sorted(secret_places(type(settings)))}
    return {name: where for name, where in found.items() if isinstance(where, Reference)}


def secret_places(settings: type[BaseModel]) -> set[Place]:
    return {*_places(settings, Reference), *_places(settings, ADDRESS)}


def _is_secret(value: str, settings: type[BaseModel], place: Place) -> bool:
    if not value or is_reference(value):
        return False
    return place not in _places(settings, ADDRESS) or bool(passwords(value))


def _places(model: type[BaseModel], kind: object, above: Place = ()) -> Iterator[Place]:
    """Of the fields of a type, or with an annotation."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _places(inner, kind, (*above, name))
        elif kind in (*field.metadata, *get_args(inner)):
            yield (*above, name)


def _texts(given: Any, above: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(given, str):
        yield above, given
    elif isinstance(given, Mapping):
        for name, value in given.items():
            yield from _texts(value, (*above, str(name)))
    elif isinstance(given, list | tuple):
        for value in given:
            yield from _texts(value, above)


def _at(given: Any, place: Place) -> Any:
    for name in place:
        given = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
    return given
