"""
The text of the policy file, read. Whatever is wrong is said at once, each in a sentence that names
the line and the field and what is allowed there.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.access.hours import Hours
from bot.access.inputs import Schema
from bot.access.policy import (
    ROLES,
    ApproveRule,
    FreezeWindow,
    Known,
    May,
    Policy,
    RoleMembers,
    RunRule,
    among,
    meant,
)

Place = tuple[int | str, ...]
TABLES: Mapping[str, type[BaseModel]] = {
    "roles": RoleMembers,
    "may": May,
    "start": RunRule,
    "lead": RunRule,
    "approve": ApproveRule,
    "freeze": FreezeWindow,
}
#: Lists of tables: `[[start]]`.
LISTS = ("start", "lead", "approve", "freeze")
HEADER = re.compile(r"^\s*\[\[?\s*(?P<name>[^\]#]+?)\s*\]\]?\s*(#.*)?$")


class PolicyError(Exception):
    """The policy file is wrong: one sentence on each line of the message."""


def read_policy(text: str, file: str, books: Mapping[str, Schema | None]) -> Policy:
    """`books`: the JSON schema of each runbook's inputs; None: only prose. Raises PolicyError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{file}: this is not TOML: {error}") from None
    named = raw.get("roles")
    known = Known(frozenset(ROLES) | frozenset(named if isinstance(named, dict) else ()), books)
    try:
        return Policy.model_validate(raw, context=known)
    except ValidationError as error:
        lines = text.splitlines()
        wrong = sorted(_sentence(file, lines, one) for one in error.errors(include_url=False))
        raise PolicyError("\n".join(dict.fromkeys(said for _, said in wrong))) from None


def notes(policy: Policy) -> Iterator[str]:
    """What is allowed to be so and is perhaps not meant."""
    for table in ("start", "lead", "approve"):
        if not getattr(policy, table):
            yield f"nobody may {table} anything: there is no [[{table}]]"
    runs = (role for rule in (*policy.start, *policy.lead) for role in rule.roles)
    used = {*runs, *(role for rule in policy.approve for role in rule.roles)}
    had = {name for name, role in policy.roles.items() if role.users or role.groups}
    if unused := sorted(used & set(ROLES) - had):
        yield f"rules name roles that nobody has: {among(unused)}"
    if not policy.may.freeze:
        yield "nobody may stop all changes: [may] has no freeze"
    if policy.may.break_glass and not set(policy.may.review) & had:
        yield "a glass can be broken and nobody has a role to review it: see review of [may]"


def _sentence(file: str, lines: Sequence[str], error: ErrorDetails) -> tuple[int, str]:
    place = tuple(part for part in error["loc"] if part != "[key]")
    line = _line(lines, place)
    where = f"{file}, line {line}" if line else file
    said = _said(place, error)
    end = "" if said.endswith("?") else "."
    return line, f"{where}: {_place(place)} {said}{end}"


def _place(place: Place) -> str:
    """`[[start]] rule 2: hours.days`."""
    if not place:
        return ""
    table, rest = str(place[0]), place[1:]
    if table in LISTS and rest and isinstance(rest[0], int):
        word = "window" if table == "freeze" else "rule"
        head, rest = f"[[{table}]] {word} {rest[0] + 1}", rest[1:]
    elif table == "roles" and rest:
        head, rest = f"[roles.{rest[0]}]", rest[1:]
    elif table == "may" and rest:
        head = "[may]"
    else:
        return ".".join(map(str, place))
    path = ".".join(str(part) for part in rest if not isinstance(part, int))
    return f"{head}: {path}" if path else f"{head}:"


def _said(place: Place, error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        fields = _fields(place)
        return f"does not exist; there are {among(fields)}{meant(str(place[-1]), fields)}"
    if kind == "missing":
        return "is needed"
    if kind in ("too_short", "string_too_short"):
        least = context.get("min_length", 1)
        return "is empty: name at least one" if least == 1 else f"needs at least {least}"
    if kind == "string_pattern_mismatch":
        kind = (
            "a user group's begins with S" if "^S" in context["pattern"] else "a person's with U"
        )
        return f"has {error['input']!r}, which is no id of Slack: {kind}"
    if kind == "timezone_aware":
        return "has no time zone: write it like 2026-11-26T00:00:00Z"
    if kind.startswith("datetime"):
        return "is a date and time such as 2026-11-26T00:00:00Z"
    if kind == "literal_error":
        return f"has {error['input']!r}, and may be {context['expected']}"
    if kind.endswith("_type"):
        return f"has {error['input']!r}, which is of the wrong kind: {error['msg'].lower()}"
    return str(error["msg"]).removeprefix("Value error, ")


def _fields(place: Place) -> list[str]:
    """What may stand where something strange stands."""
    if len(place) == 1:
        return names_of(Policy)
    if "hours" in place[:-1]:
        return names_of(Hours)
    return names_of(TABLES[str(place[0])])


def names_of(model: type[BaseModel]) -> list[str]:
    return [str(field.validation_alias or name) for name, field in model.model_fields.items()]


def _line(lines: Sequence[str], place: Place) -> int:
    """Counted from 1: of the field, else of its table; 0 when neither has a line of its own."""
    table, path, number = str(place[0]) if place else "", list(place[1:]), 0
    if table in LISTS and path and isinstance(path[0], int):
        number = int(str(path.pop(0)))
    elif table == "roles" and path:
        table = f"roles.{path.pop(0)}"
    heads = [n for n, line in enumerate(lines, start=1) if _header(line) == table]
    field = next((str(part) for part in path if isinstance(part, str)), "")
    if number < len(heads):
        head = heads[number]
        return (field and _key_line(lines, head, table, field)) or head
    return _key_line(lines, 0, "", str(place[0])) if place else 0


def _key_line(lines: Sequence[str], start: int, table: str, key: str) -> int:
    """Of a key, or of a table within the table."""
    for number, line in enumerate(lines[start:], start=start + 1):
        header = _header(line)
        if header == f"{table}.{key}":
            return number
        if header and not (table and header.startswith(f"{table}.")):
            return 0
        if re.match(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""", line):
            return number
    return 0


def _header(line: str) -> str:
    found = HEADER.match(line)
    return re.sub(r"""[\s"']""", "", found["name"]) if found else ""
