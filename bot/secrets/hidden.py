"""
Texts with something invisible, or the end of a line, in the middle of a secret: what is left of
them without it, and where each character of that was.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from bot.secrets.shapes import Span

Named = tuple[int, int, str]  #: From, to, and the name of the secret, if it has one.

#: What is not to be seen and so may stand in the middle of a secret: format and control
#: characters, halves of characters, and the same as JSON and bot/slack/views/escape.py write them.
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
WRITTEN_OUT = re.compile(
    r"\\+u(?:00[018][0-9a-f]|00ad|034f|061c|115f|1160|180[b-f]|200[b-f]|202[8-9a-e]|206[0-9a-f]"
    r"|3164|fe0[0-9a-f]|feff|ffa0|d[89a-f][0-9a-f]{2})"
    r"|⟨U\+(?:00[018][0-9A-F]|00AD|034F|061C|115F|1160|180[B-F]|200[B-F]|202[89A-E]|206[0-9A-F]"
    r"|3164|FE0[0-9A-F]|FEFF|FFA0|D[89A-F][0-9A-F]{2}|E0[0-9A-F]{3})⟩",
    re.IGNORECASE,
)
#: The end of a line, as it is or escaped, with what stands at the beginning of the next.
LINE_END = re.compile(r"(?:\r?\n|(?:\\+r)?\\+n)[ \t>|+]*")
AROUND_LINE_ENDS = " \t\r\n>|+\\"
SQUASHED = str.maketrans("", "", AROUND_LINE_ENDS)
BLANKS = str.maketrans("", "", " \t\r\n")


def squashed(text: str) -> str:
    """Without all that LINE_END may match, and more. Quickly made."""
    text = text.replace("\\n", "").replace("\\r", "")
    if text.isascii():
        return text.translate(SQUASHED)
    for char in AROUND_LINE_ENDS:  # Beyond ASCII `translate` is a hundred times slower than this.
        text = text.replace(char, "")
    return text


def has_invisible(text: str) -> bool:
    if not (text.isascii() and text.translate(BLANKS).isprintable()) and INVISIBLE.search(text):
        return True
    return ("\\u" in text or "⟨U+" in text) and WRITTEN_OUT.search(text) is not None


class Without:
    """A text without what some patterns match, that knows where each character was."""

    def __init__(self, text: str, *patterns: re.Pattern[str]) -> None:
        kept, at, length = [], 0, 0
        self._cuts: list[int] = [0]  #: Where a kept piece begins, in the text that is left ...
        self._gaps: list[int] = [0]  #: ... and how much was left out before it.
        for start, end in _apart(one.span() for p in patterns for one in p.finditer(text)):
            kept.append(text[at:start])
            length += start - at
            at = end
            self._cuts.append(length)
            self._gaps.append(at - length)
        self.text = "".join([*kept, text[at:]])

    def back(self, spans: Iterable[Named]) -> Iterator[Named]:
        """The spans, where they are in the whole text."""
        for start, end, name in spans:
            yield self._at(start), self._at(end - 1) + 1, name

    def _at(self, index: int) -> int:
        return index + self._gaps[bisect_right(self._cuts, index) - 1]


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """In their order; what overlaps becomes one."""
    last: Span | None = None
    for start, end in sorted(spans):
        if last and start <= last[1]:
            last = (last[0], max(last[1], end))
        else:
            if last:
                yield last
            last = (start, end)
    if last:
        yield last
