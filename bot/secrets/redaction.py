"""
Takes secrets out of whatever is about to be written down: a row, a message, a log line, a file.

It knows every value that this process has read (in the forms it turns up in) and what tokens look
like. One redactor serves the whole process, because standard output, the log and the store do:
whoever reads a secret tells it first (`learn`). It must not be the reason that something fails: a
text it cannot judge is withheld whole.
"""

import base64
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bot.secrets.any_of import any_of
from bot.secrets.forms import SHORTEST, Needle, needles, parts, passwords
from bot.secrets.hidden import (
    INVISIBLE,
    LINE_END,
    WRITTEN_OUT,
    Named,
    Without,
    has_invisible,
    squashed,
)
from bot.secrets.shapes import ANCHORS, Span, shaped

SHOWN = "[secret]"
WITHHELD = "[a text that could not be searched for secrets was left out]"
#: Below this a value is looked for nowhere: what is left of a text without it would be unreadable.
SHORTEST_OF_ALL = 4
DEEPEST = 60
#: Texts that are not searched again, and how long they are at most, in characters.
REMEMBERED, REMEMBERED_LENGTH = 10_000, 200
#: Is in every text that has a secret of a known shape, in small letters.
ANCHOR = any_of(ANCHORS)

#: An escape of JSON; cutting one in half would leave no JSON.
ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
LONGEST_ESCAPE = 6


class Redactor:
    """Safe in threads. `learn` is rare, `text` is not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """All values; for tests, whose secrets are of no use to the next one."""
        self._known = _Known()

    def learn(self, value: str, name: str = "") -> None:
        """
        From now on this value is in no text. `name` says which secret it is, such as its
        reference; it is shown instead.
        """
        with self._lock:
            if value not in self._known.values:
                self._known = self._known.and_also(value, name)

    def text(self, text: str) -> str:
        """The text with `[secret]` in the place of each. Doing it again changes nothing."""
        known = self._known
        try:
            if text in known.clean:
                return text
            spans = _spans(text, known)
        except Exception:  # Whatever it was: better no text than one that was not looked at.
            return WITHHELD
        if not spans:
            known.remember(text)
            return text
        return _replaced(text, spans)

    def tree(self, value: Any) -> Any:
        """
        JSON-like data with every text in it redacted, keys too. Each text is judged by itself:
        what a form says of its field `token` is no token.
        """
        return self._tree(value, DEEPEST)

    def content(self, content: bytes) -> bytes:
        """A file. What is no text is left as it is."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        return self.text(text).encode("utf-8", "surrogatepass")

    def base64(self, encoded: str) -> str:
        """A file, encoded."""
        return base64.b64encode(self.content(base64.b64decode(encoded))).decode()

    def holds(self, text: str) -> bool:
        """Whether there is a secret in it."""
        return self.text(text) != text

    def _tree(self, value: Any, deeper: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, Mapping | list | tuple):
            return value
        if deeper == 0:
            return WITHHELD
        if isinstance(value, Mapping):
            return {self._tree(k, 1): self._tree(v, deeper - 1) for k, v in value.items()}
        return [self._tree(one, deeper - 1) for one in value]


def _spans(text: str, known: "_Known") -> list[Named]:
    found = list(_seen_in(text, known))
    unseen = (INVISIBLE, WRITTEN_OUT) if has_invisible(text) else ()
    seen = Without(text, *unseen)
    if unseen:
        found += seen.back(_seen_in(seen.text, known))
    if known.may_be_split_in(seen.text):
        joined = Without(text, *unseen, LINE_END)
        found += joined.back(known.find(joined.text, long=True))
    return _merged(_whole(text, found)) if found else found


def _seen_in(text: str, known: "_Known") -> Iterator[Named]:
    low = text.lower()
    if known.may_be_in(text, low):
        yield from known.find(text)
    if ANCHOR.search(low):
        yield from _unnamed(shaped(text))


@dataclass(frozen=True)
class _Known:
    """The values that were learnt."""

    values: frozenset[str] = frozenset()
    needles: tuple[Needle, ...] = ()
    short: tuple[tuple[str, re.Pattern[str], str], ...] = ()
    #: Short texts that none of them is in. Most of what is written is the same again and again.
    clean: set[str] = field(default_factory=set, compare=False)

    def remember(self, text: str) -> None:
        if len(text) <= REMEMBERED_LENGTH:
            if len(self.clean) >= REMEMBERED:
                self.clean.clear()
            self.clean.add(text)

    def and_also(self, value: str, name: str) -> "_Known":
        known = {one.form for one in self.needles}
        more = [one for one in needles(value, name) if one.form not in known]
        short = (*self.short, *_short(value, name))
        return _Known(self.values | {value}, (*self.needles, *more), short)

    def may_be_in(self, text: str, low: str) -> bool:
        """`low`: the text in small letters. Quick, and never wrong when it says no."""
        if self._gate.search(low):
            return True
        return any(key in text for key in self._keys if not key.isascii())

    def may_be_split_in(self, text: str) -> bool:
        """Over the ends of lines. As quick."""
        return self._split_gate.search(squashed(text)) is not None

    @cached_property
    def _keys(self) -> Sequence[str]:
        return [one.key for one in self.needles] + [one[0] for one in self.short]

    @cached_property
    def _gate(self) -> re.Pattern[str]:
        return any_of(key.lower() for key in self._keys if key.isascii())

    @cached_property
    def _split_gate(self) -> re.Pattern[str]:
        keys = {squashed(one.key) for one in self.needles if one.is_long}
        return any_of(key for key in keys if len(key) >= SHORTEST)

    def find(self, text: str, long: bool = False) -> Iterator[Named]:
        for needle in self.needles:
            if needle.is_long or not long:
                yield from _needle_in(text, needle)
        for value, pattern, name in () if long else self.short:
            if value in text:
                yield from ((*one.span(), name) for one in pattern.finditer(text))


def _needle_in(text: str, needle: Needle) -> Iterator[Named]:
    at = text.find(needle.key)
    while at >= 0:
        end = at + _alike(text, at, needle.form)
        yield at, end, needle.name
        at = text.find(needle.key, end)


def _short(value: str, name: str) -> Iterator[tuple[str, re.Pattern[str], str]]:
    """
    A value of few characters is a secret only where one stands: behind `=`, `:`, `@` or a quote.
    """
    for one in {value, *passwords(value)} - set(parts(value)):
        if len(one) >= SHORTEST_OF_ALL:
            yield one, re.compile(rf"""(?<=[=:"'@])\s?{re.escape(one)}(?![\w-])"""), name


def _alike(text: str, at: int, form: str) -> int:
    """How many characters of the form stand there."""
    if text.startswith(form, at):
        return len(form)
    pairs = zip(text[at : at + len(form)], form, strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), len(text) - at)


def _unnamed(spans: Iterable[Span]) -> Iterator[Named]:
    return ((start, end, "") for start, end in spans)


def _whole(text: str, spans: Iterable[Named]) -> Iterator[Named]:
    """Widened so that no escape of JSON is cut in half."""
    for start, end, name in spans:
        yield _first(text, start), _last(text, end), name


def _first(text: str, start: int) -> int:
    return next((one for one, end in _escapes(text, start) if one < start < end), start)


def _last(text: str, end: int) -> int:
    return next((last for one, last in _escapes(text, end) if one < end < last), end)


def _escapes(text: str, around: int) -> Iterator[Span]:
    """Escapes near a place. Read from the beginning of a row of backslashes, or two are one."""
    at = max(0, around - LONGEST_ESCAPE)
    while at > 0 and text[at - 1] == "\\":
        at -= 1
    for found in ESCAPE.finditer(text, at, around + LONGEST_ESCAPE):
        yield found.span()


def _merged(spans: Iterable[Named]) -> list[Named]:
    found: list[Named] = []
    for start, end, name in sorted(spans, key=lambda one: (one[0], -one[1])):
        if found and start < found[-1][1]:
            first, last, known = found[-1]
            found[-1] = (first, max(last, end), known or name)
        else:
            found.append((start, end, name))
    return found


def _replaced(text: str, spans: Iterable[Named]) -> str:
    pieces, at = [], 0
    for start, end, name in spans:
        pieces += [text[at:start], f"[secret {name}]" if name else SHOWN]
        at = end
    return "".join([*pieces, text[at:]])


#: The one of this process.
REDACTOR = Redactor()
