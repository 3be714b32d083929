"""
Filter patterns of CloudWatch Logs: words, quoted phrases, ?either ?or, -without, %regular
expressions%, and conditions on JSON such as { $.level = "error" && $.status >= 500 }.

As AWS has it: words are compared with their case, all must occur, and a line of another shape
than JSON never meets a condition on JSON.
"""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from sandbox.aws.wire import AwsError

Matches = Callable[[str], bool]
Condition = Callable[[Any], bool]
WORD = re.compile(r'\s*([?-]?)("(?:[^"\\]|\\.)*"|%[^%]+%|[^\s"%]+)')
TOKEN = re.compile(
    r'\s*(\(|\)|&&|\|\||!=|>=|<=|=|>|<|"(?:[^"\\]|\\.)*"|%[^%]+%|\$[\w.\[\]-]+|[^\s()=!<>&|]+)'
)
MISSING = object()


def compiled(pattern: str) -> Matches:
    """Raises AwsError for one that AWS would not take."""
    text = pattern.strip()
    if not text:
        return lambda line: True
    if text.startswith("{"):
        if not text.endswith("}"):
            raise _invalid()
        return _json(_Conditions(text[1:-1]).whole())
    return _words(text)


def _words(text: str) -> Matches:
    required: list[Matches] = []
    either: list[Matches] = []
    place = 0
    while place < len(text):
        found = WORD.match(text, place)
        if not found:
            raise _invalid()
        sign, occurs = found[1], _occurs(found[2])
        if sign == "?":
            either.append(occurs)
        elif sign == "-":
            required.append(_not(occurs))
        else:
            required.append(occurs)
        place = found.end()
    if required:  # Beside words that must occur, those that may are ignored.
        return lambda line: all(one(line) for one in required)
    return lambda line: any(one(line) for one in either)


def _occurs(word: str) -> Matches:
    if word.startswith("%"):
        expression = _expression(word)
        return lambda line: expression.search(line) is not None
    phrase = _unquoted(word)
    return lambda line: phrase in line


def _not(matches: Matches) -> Matches:
    return lambda line: not matches(line)


def _json(condition: Condition) -> Matches:
    def matches(line: str) -> bool:
        try:
            return condition(json.loads(line))
        except ValueError:
            return False

    return matches


class _Conditions:
    """Reads what stands in the braces: && binds closer than ||."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        place = 0
        while text[place:].strip():
            found = TOKEN.match(text, place)
            if not found:
                raise _invalid()
            self._tokens.append(found[1])
            place = found.end()

    def whole(self) -> Condition:
        condition = self._any()
        if self._tokens:
            raise _invalid()
        return condition

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._take_if("||"):
            conditions.append(self._all())
        return lambda line: any(one(line) for one in conditions)

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self._take_if("&&"):
            conditions.append(self._one())
        return lambda line: all(one(line) for one in conditions)

    def _one(self) -> Condition:
        if self._take_if("("):
            inner = self._any()
            if not self._take_if(")"):
                raise _invalid()
            return inner
        path = self._take()
        if not path.startswith("$."):
            raise _invalid()
        keys = path[2:].split(".")
        return self._compared(keys, self._take())

    def _compared(self, keys: list[str], operator: str) -> Condition:
        if operator == "IS":
            wanted = {"NULL": None, "TRUE": True, "FALSE": False}
            word = self._take()
            if word not in wanted:
                raise _invalid()
            return lambda line: _value(line, keys) is wanted[word]
        if operator == "NOT":
            if self._take() != "EXISTS":
                raise _invalid()
            return lambda line: _value(line, keys) is MISSING
        value = self._take()
        if operator in ("=", "!="):
            equals = _equals(value)
            is_wanted = operator == "="
            return lambda line: equals(_value(line, keys)) == is_wanted
        return _ordered(keys, operator, value)

    def _take(self) -> str:
        if not self._tokens:
            raise _invalid()
        return self._tokens.pop(0)

    def _take_if(self, token: str) -> bool:
        if self._tokens[:1] != [token]:
            return False
        self._tokens.pop(0)
        return True


def _value(line: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(line, dict) or key not in line:
            return MISSING
        line = line[key]
    return line


def _equals(wanted: str) -> Condition:
    if wanted.startswith("%"):
        expression = _expression(wanted)
        return lambda value: isinstance(value, str) and bool(expression.search(value))
    number = _number(wanted)
    if number is not None:
        return lambda value: _is_number(value) and value == number
    text = _unquoted(wanted)
    return lambda value: isinstance(value, str) and fnmatchcase(value, text.replace("[", "[[]"))


def _ordered(keys: list[str], operator: str, wanted: str) -> Condition:
    number = _number(wanted)
    if number is None:
        raise _invalid()
    compare: dict[str, Callable[[float], bool]] = {
        ">": lambda value: value > number,
        "<": lambda value: value < number,
        ">=": lambda value: value >= number,
        "<=": lambda value: value <= number,
    }
    if operator not in compare:
        raise _invalid()
    holds = compare[operator]
    return lambda line: _is_number(found := _value(line, keys)) and holds(found)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _expression(word: str) -> re.Pattern[str]:
    try:
        return re.compile(word.strip("%"))
    except re.error:
        raise _invalid() from None


def _unquoted(word: str) -> str:
    if word.startswith('"'):
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def _invalid() -> AwsError:
    return AwsError("InvalidParameterException", "Invalid filter pattern")
