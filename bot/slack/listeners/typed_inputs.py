"""
Inputs typed as key=value, made into what a runbook's inputs expect, and what is allowed for each.
The engine judges them; here lists are split, and answers are made that help.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from bot.engine.intents import Refusal
from bot.runbook.mrkdwn import named
from bot.runbook.outline import Outline
from bot.slack.views.fields import FormField, Schema, form_fields

IN_THE_FORM = ("secret", "json")  #: Never typed behind a command.
STRANGE_NAMED = 3  #: Of the inputs that there are not.


def read_inputs(book: Outline, typed: Mapping[str, str]) -> dict[str, Any] | Refusal:
    fields = {field.name: field for field in form_fields(book.inputs)}
    if strange := [name for name in typed if name not in fields]:
        said = (_no_such_input(book, name, fields) for name in strange[:STRANGE_NAMED])
        return Refusal(" ".join(said))
    if hidden := [name for name in typed if fields[name].kind in IN_THE_FORM]:
        return Refusal(
            f"{', '.join(hidden)} cannot be typed behind a command."
            f" Type `/runbook {book.book}` alone: a form opens for it."
        )
    return {name: _value(fields[name], text) for name, text in typed.items()}


def missing(book: Outline, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Inputs that have no default and were not given."""
    fields = form_fields(book.inputs)
    return tuple(one.name for one in fields if one.required and one.name not in given)


def explained(book: Outline, refusal: Refusal) -> Refusal:
    """The same refusal, saying of each wrong field what is allowed there."""
    fields = {field.name: field for field in form_fields(book.inputs)}
    may_be = {name: allowed(field) for name, field in fields.items()}
    more = {name: may_be.get(name, "") for name in refusal.fields}
    said = {
        name: f"{why} ({more[name]})" if more[name] and more[name] not in why else why
        for name, why in refusal.fields.items()
    }
    return Refusal(refusal.why, said, refusal.nearest)


def allowed(field: FormField) -> str:
    """`one of P1, P2`; `a whole number, at least 1`; `written like ^[a-z]+$`."""
    if field.kind in ("many", "lines"):
        inner = ", ".join(_limits(field, field.schema.get("items", {})))
        return "several, with commas between them" + (f": {inner}" if inner else "")
    return ", ".join(_limits(field, field.schema))


def _limits(field: FormField, schema: Schema) -> Iterator[str]:
    if field.choices:
        yield "one of " + ", ".join(map(str, field.choices))
    elif field.kind in KINDS:
        yield KINDS[field.kind]
    for key, words in LIMITS:
        if key == "pattern" and key in schema and "description" in schema:
            yield str(schema["description"])  # In words, where somebody wrote them.
        elif key in schema:
            yield words.format(schema[key])


def _value(field: FormField, text: str) -> Any:
    if field.kind in ("many", "lines"):
        return [part.strip() for part in text.split(",") if part.strip()]
    if field.kind == "person" and field.schema.get("type") == "object":
        return {"user_id": text}
    return text


def _no_such_input(book: Outline, name: str, fields: Mapping[str, FormField]) -> str:
    if not fields:
        return f'{book.book} takes no inputs, so not "{named(name)}" either.'
    meant = get_close_matches(name, fields, n=1)
    hint = f" Did you mean `{meant[0]}`?" if meant else ""
    return f'{book.book} has no input "{named(name)}".{hint} It takes {", ".join(fields)}.'


KINDS: Mapping[str, str] = {
    "whole": "a whole number",
    "decimal": "a number",
    "yes": "true or false",
    "moment": "a time such as 2026-01-31T14:00:00Z",
    "date": "a day such as 2026-01-31",
    "person": "the id of a person, such as U012AB3CD",
}
LIMITS = (
    ("const", "only {}"),
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "below {}"),
    ("pattern", "written like {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
)
