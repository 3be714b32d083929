"""
The forms in which one secret value turns up: as it is, and as JSON, Python, addresses, HTML,
base64 and hexadecimal digits write it.
"""

import base64
import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote, urlsplit

#: A shorter value is too likely to be a word of a text that has nothing to do with it.
SHORTEST = 8
#: So many characters at its beginning tell a longer value: texts are cut, and then the rest is not
#: there. Also what a value must have to be looked for over the ends of lines.
TELLING = 16
CUT_FROM = 24
SHORTEST_LINE = 16


@dataclass(frozen=True)
class Needle:
    """`key` is what is searched for; from there on, as much of `form` as there is."""

    key: str
    form: str
    name: str

    @property
    def is_long(self) -> bool:
        return len(self.form) >= TELLING


def needles(value: str, name: str) -> Iterator[Needle]:
    """For a value of at least SHORTEST characters."""
    for part in parts(value):
        for form in forms(part):
            whole = len(form) < CUT_FROM or "://" in part or not part.isprintable()
            yield Needle(form if whole else form[:TELLING], form, name)


def parts(value: str) -> list[str]:
    """The value, the password in it when it is an address, and its lines when it has several."""
    found = [value.strip("\\")]
    if "://" in value:
        found += passwords(value)
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        found += [one for one in lines if len(one) >= SHORTEST_LINE and "-----" not in one]
    return [one for one in dict.fromkeys(found) if len(one) >= SHORTEST]


def passwords(address: str) -> list[str]:
    """As it is written in the address, and as it is meant."""
    try:
        password = urlsplit(address).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


def forms(value: str) -> list[str]:
    raw = value.encode("utf-8", "surrogatepass")
    found = [
        value,
        *_escaped(value),
        *_in_addresses(value),
        html.escape(value, quote=False),
        html.escape(value),
        *_in_base64(raw),
        raw.hex(),
    ]
    return [one for one in dict.fromkeys(found) if len(one) >= SHORTEST]


def _escaped(value: str) -> Iterator[str]:
    once = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from once
    yield json.dumps(once[0])[1:-1]  # JSON within JSON.
    yield repr(value)[1:-1]


def _in_addresses(value: str) -> Iterator[str]:
    try:
        for quoted in (quote(value), quote(value, safe=""), quote_plus(value)):
            yield quoted
            yield "".join(_small_escapes(quoted))
    except UnicodeEncodeError:
        return  # Half a character has no place in an address.


def _small_escapes(quoted: str) -> Iterator[str]:
    first, *others = quoted.split("%")
    yield first
    for other in others:
        yield f"%{other[:2].lower()}{other[2:]}"


def _in_base64(raw: bytes) -> Iterator[str]:
    """Wherever it begins in what was encoded: only what depends on nothing but the value."""
    for before in range(3):
        first = (0, 2, 3)[before]
        last = (before + len(raw)) * 8 // 6
        encoded = base64.b64encode(bytes(before) + raw)[first:last].decode()
        yield encoded
        yield encoded.translate({ord("+"): "-", ord("/"): "_"})
