"""
A runbook's inputs as rules see them: single values, or lists of them, compared as text.

What is left empty is the text "". So a rule for `services = ["complyai-api"]` does not allow an
empty list, which to many runbooks means all of them; `*` does, and so does "".
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from bot.access.patterns import any_matches

Schema = Mapping[str, Any]
SINGLE = frozenset({"string", "integer", "number", "boolean"})


def allows(allowed: Sequence[object], given: Any) -> bool:
    """Whether every value that was given is among those allowed."""
    values = given if isinstance(given, list | tuple) else (given,)
    texts = [text_of(value) for value in values] or [""]
    patterns = [str(text_of(one)) for one in allowed]
    return all(text is not None and any_matches(patterns, text) for text in texts)


def text_of(value: Any) -> str | None:
    """None: it is no single value, and no rule allows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def wrong_input(book: str, schema: Schema, field: str, allowed: Sequence[object]) -> str:
    """Why a rule cannot say this of a runbook's input; or ''."""
    fields = schema.get("properties", {})
    if field not in fields:
        nearest = get_close_matches(field, fields, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        takes = ", ".join(fields) or "no inputs"
        return f"{book} has no input {field}, it takes {takes}{hint}"
    parts = _parts(fields[field], schema.get("$defs", {}))
    if not all(part.get("type") in SINGLE or "enum" in part or "const" in part for part in parts):
        return f"{book}: {field} is no single value or list of them, so no rule can be about it"
    choices = [text for part in parts for text in _choices(part)]
    open_ended = any("enum" not in part and "const" not in part for part in parts)
    strange = [str(one) for one in allowed if not _possible(str(text_of(one)), choices)]
    if choices and not open_ended and strange:
        return f"{book}: {field} is never {', '.join(strange)}, it is one of {', '.join(choices)}"
    return ""


def _possible(pattern: str, choices: Sequence[str]) -> bool:
    return pattern == "" or any(any_matches([pattern], choice) for choice in choices)


def _parts(schema: Schema, defs: Schema) -> Sequence[Schema]:
    """What its single values may be like, references followed, lists opened, null left out."""
    if "$ref" in schema:
        return _parts(defs.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}), defs)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            parts = [part for one in schema[several] for part in _parts(one, defs)]
            return [part for part in parts if part.get("type") != "null"]
    if schema.get("type") == "array":
        return _parts(schema.get("items", {}), defs)
    return [schema]


def _choices(part: Schema) -> Sequence[str]:
    listed = part["enum"] if "enum" in part else [part["const"]] if "const" in part else ()
    return [text for one in listed if (text := text_of(one))]
