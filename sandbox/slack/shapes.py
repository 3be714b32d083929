"""
What Block Kit's rules are written with: small checks that put their problems into a report.

Every problem has a JSON pointer to what is wrong and the words Slack uses for it, because that is
what a developer reads when Slack refuses a message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.wire import Json


@dataclass(frozen=True)
class Problem:
    pointer: str
    message: str
    constraint: Json = field(default_factory=dict)

    def line(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"

    def shape(self) -> Json:
        shown: Json = {"code": "failed_constraint", "message": self.message}
        shown["pointer"] = self.pointer
        return shown | ({"constraint": self.constraint} if self.constraint else {})


@dataclass
class Report:
    problems: list[Problem] = field(default_factory=list)

    def add(self, pointer: str, message: str, **constraint: object) -> None:
        self.problems.append(Problem(pointer, message, dict(constraint)))


Check = Callable[[Any, str, Report], None]


def string(longest: int = 1_000_000, shortest: int = 1) -> Check:
    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, str):
            report.add(at, "must be a string", type="type", expected="string")
        elif len(value) > longest:
            message = f"must be less than {longest + 1} characters"
            report.add(at, message, type="max_length", expected=longest)
        elif len(value) < shortest:
            message = f"must be more than {shortest - 1} characters"
            report.add(at, message, type="min_length", expected=shortest)

    return check


def integer(least: int = -(2**53), most: int = 2**53) -> Check:
    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            report.add(at, "must be an integer", type="type", expected="integer")
        elif not least <= value <= most:
            report.add(at, f"must be between {least} and {most}", type="range")

    return check


def boolean(value: Any, at: str, report: Report) -> None:
    if not isinstance(value, bool):
        report.add(at, "must be a boolean", type="type", expected="boolean")


def anything(value: Any, at: str, report: Report) -> None:
    """Slack does not look at it."""


def one_of(*allowed: object) -> Check:
    def check(value: Any, at: str, report: Report) -> None:
        if value not in allowed:
            report.add(at, f"unsupported value: {value}", type="enum", expected=list(allowed))

    return check


def listing(item: Check, most: int, least: int = 1) -> Check:
    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, list):
            report.add(at, "must be an array", type="type", expected="array")
            return
        if len(value) > most:
            report.add(at, f"no more than {most} items allowed", type="max_items", expected=most)
        if len(value) < least:
            report.add(at, f"must have at least {least} items", type="min_items", expected=least)
        for index, each in enumerate(value):
            item(each, f"{at}/{index}", report)

    return check


def shape(
    required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *also: Check
) -> Check:
    """An object with these fields and no others; `also` look at it as a whole."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add(at, "must be an object", type="type", expected="object")
            return
        for name in required:
            if value.get(name) is None:
                report.add(at, f"missing required field: {name}", type="required", expected=name)
        for name, part in value.items():
            if name != "type" and name not in known:
                report.add(at, f"invalid additional property: {name}", type="additional")
            elif name != "type" and part is not None:
                known[name](part, f"{at}/{name}", report)
        for each in also:
            each(value, at, report)

    return check


def by_type(table: Mapping[str, Check]) -> Check:
    """An object whose `type` decides which rules hold."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add(at, "must be an object", type="type", expected="object")
            return
        kind = value.get("type")
        if kind is None:
            report.add(at, "missing required field: type", type="required", expected="type")
        elif not isinstance(kind, str) or kind not in table:
            message = f"unsupported type: {kind}"
            report.add(f"{at}/type", message, type="enum", expected=sorted(table))
        else:
            table[kind](value, at, report)

    return check
