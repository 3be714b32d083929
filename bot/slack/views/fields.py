"""
The fields of a form, read out of a JSON schema as pydantic writes it.

References are followed, `anyOf` with null becomes a field that may be left empty, and an object
within an object becomes fields of its own, called `outer.inner`. The schema is our own book's;
what it cannot say in a form is asked for as JSON.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

FormKind = Literal[
    "text", "one", "many", "lines", "whole", "decimal", "yes", "moment", "date", "person",
    "secret", "fixed", "json",
]  # fmt: skip
Schema = Mapping[str, Any]
DEEPEST = 4  #: A model that contains itself ends here.


@dataclass(frozen=True)
class FormField:
    name: str  #: The path in the answer, with dots. Also the block_id.
    title: str
    kind: FormKind
    schema: Schema  #: Without references and without null.
    required: bool
    nullable: bool

    @property
    def default(self) -> Any:
        return self.schema.get("default")

    @property
    def choices(self) -> tuple[Any, ...]:
        source = self.schema.get("items", {}) if self.kind == "many" else self.schema
        return _enum(source)


def form_fields(schema: Schema) -> tuple[FormField, ...]:
    return tuple(_fields(schema, schema.get("$defs", {}), "", DEEPEST))


def secret_fields(schema: Schema) -> tuple[str, ...]:
    """Fields whose value goes into the secret store at once; only its reference travels."""
    return tuple(field.name for field in form_fields(schema) if field.kind == "secret")


def _fields(schema: Schema, defs: Schema, prefix: str, depth: int) -> Iterator[FormField]:
    required = schema.get("required", ())
    for name, stored in schema.get("properties", {}).items():
        part, nullable = _plain(stored, defs)
        kind = _kind(part, defs)
        inner = part.get("type") == "object" and part.get("properties")
        if kind == "json" and inner and depth and not nullable:
            yield from _fields(part, defs, f"{prefix}{name}.", depth - 1)
        else:
            title = str(stored.get("title") or part.get("title") or name.replace("_", " "))
            yield FormField(prefix + name, title, kind, part, name in required, nullable)


def _plain(schema: Schema, defs: Schema) -> tuple[dict[str, Any], bool]:
    """The schema with its reference followed and null taken out; whether null was there."""
    whole: dict[str, Any] = dict(schema)
    nullable = False
    for _ in range(DEEPEST):
        if "$ref" in whole:
            name = str(whole.pop("$ref")).rsplit("/", 1)[-1]
            secret = {"format": "secret"} if name == "Secret" else {}
            whole = {**defs.get(name, {}), **whole, **secret}
        elif "allOf" in whole and len(whole["allOf"]) == 1:
            whole = {**whole.pop("allOf")[0], **whole}
        elif "anyOf" in whole:
            others = [one for one in whole.pop("anyOf") if one.get("type") != "null"]
            nullable = True
            whole = {**(others[0] if len(others) == 1 else {}), **whole}
        else:
            break
    if isinstance(whole.get("items"), dict):
        whole["items"] = _plain(whole["items"], defs)[0]
    return whole, nullable


def _kind(schema: Schema, defs: Schema) -> FormKind:
    properties = set(schema.get("properties", ()))
    if schema.get("format") == "secret" and properties == {"name", "version"}:
        return "secret"
    if properties == {"user_id"} or schema.get("format") == "slack-user":
        return "person"
    if "const" in schema:
        return "fixed"
    if _enum(schema):
        return "one"
    if schema.get("type") == "array":
        return _list_kind(schema.get("items", {}))
    kinds: dict[str, FormKind] = {"integer": "whole", "number": "decimal", "boolean": "yes"}
    formats: dict[str, FormKind] = {"date-time": "moment", "date": "date"}
    if schema.get("type") == "string":
        return formats.get(schema.get("format", ""), "text")
    return kinds.get(schema.get("type", ""), "json")


def _list_kind(items: Schema) -> FormKind:
    if _enum(items):
        return "many"
    return "lines" if items.get("type") in ("string", "integer", "number") else "json"


def _enum(schema: Schema) -> tuple[Any, ...]:
    return tuple(one for one in schema.get("enum", ()) if one is not None)
