"""
Text that a person or a system supplied, made safe to show.

Everything of that kind goes through here. It can mention nobody, link nowhere and format nothing,
and what cannot be seen is shown: a right-to-left mark in a command would make an approver read
another command than the one that runs.
"""

import re
import unicodedata

from bot.runbook import values
from bot.runbook.mrkdwn import inert

ELLIPSIS = "…"
#: Of an entity or a mention.
HALF = re.compile(r"(?:&[a-z]{0,3}|<[^<>]*)$")
USER_ID = re.compile(values.USER_ID)
CHANNEL_ID = re.compile(r"[CG][A-Z0-9]{2,30}")
GROUP_ID = re.compile(r"S[A-Z0-9]{2,30}")

#: Printable by Unicode's book, and yet nothing is to be seen.
BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for code in (*range(0x180B, 0x1810), *range(0xFE00, 0xFE0F))
}
LONGEST_LINE = 12_000  #: No place in Slack shows as much; what is not shown need not be read.
NOT_IN_A_NAME = re.compile(r"[^\w.-]+", re.ASCII)
LONGEST_NAME = 100
#: What Windows does not take for a file, whatever its ending.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
MARKS_IN_A_ROW = 3  #: More combining marks than this on one letter paint over other lines.


def clean(text: str) -> str:
    """Whatever cannot be seen is written out as `⟨U+202E⟩`. Newlines stay, tabs are spaces."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    if text.replace("\n", "").isprintable() and _is_plain(text):
        return text
    return _without_towers(text.translate(_Seen()))


def command_line(text: str) -> str:
    """What will be run: a tab is seen too, for it is not the blanks that it looks like."""
    return clean(text.translate({ord(one): _written(one) for one in "\t\r"}))


def one_line(text: str) -> str:
    """For places where a line of its own could pass for one of ours."""
    text = cut(text, LONGEST_LINE)
    return " ".join(filter(None, (part.strip() for part in clean(text).split("\n"))))


def set_in(text: str, spaces: int) -> str:
    """For a line of a file: whatever follows is set in, so that none passes for a line of ours."""
    return clean(text).replace("\n", "\n" + " " * spaces)


def file_name(name: str) -> str:
    """Letters, digits, `_`, `.` and `-`, that lead nowhere, hide nothing and name no device."""
    plain = NOT_IN_A_NAME.sub("_", name)[-LONGEST_NAME:].strip(".-") or "file.txt"
    return f"_{plain}" if DEVICE.match(plain) else plain


def cut(text: str, limit: int) -> str:
    """At most `limit` code points, an ellipsis among them."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def cut_mrkdwn(text: str, limit: int) -> str:
    """As `cut`, and never in the middle of an entity or a mention."""
    return text if len(text) <= limit else HALF.sub("", text[: limit - 1]).rstrip() + ELLIPSIS


def mrkdwn(text: str, limit: int = 3000) -> str:
    """One line for a mrkdwn text."""
    return cut_mrkdwn(inert(one_line(text)), limit)


def spoken(words: str, limit: int = 3000) -> str:
    """A sentence of ours as mrkdwn: what can be typed stands between backticks, and stays so."""
    return cut_mrkdwn("`".join(map(inert, one_line(words).split("`"))), limit)


def mention(id: str) -> str:
    """A person or a user group in mrkdwn; anything else than an id is only text."""
    if USER_ID.fullmatch(id):
        return f"<@{id}>"
    if GROUP_ID.fullmatch(id):
        return f"<!subteam^{id}>"
    return mrkdwn(id, 80)


def place(channel_id: str) -> str:
    """A channel in mrkdwn; anything else than the id of one is only told to be somewhere."""
    return f"<#{channel_id}>" if CHANNEL_ID.fullmatch(channel_id) else "a private conversation"


def _is_plain(text: str) -> bool:
    return text.isascii() or (BLANKS.isdisjoint(text) and not _combines(text))


def _combines(text: str) -> bool:
    return any(map(unicodedata.combining, set(text)))


class _Seen(dict[int, str]):
    """By code point. Each that a text has is looked at once, however often it is there."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        is_seen = char == "\n" or (char.isprintable() and char not in BLANKS)
        self[code] = char if is_seen else _written(char)
        return self[code]


def _written(char: str) -> str:
    return f"⟨U+{ord(char):04X}⟩"


def _without_towers(text: str) -> str:
    if not _combines(text):
        return text
    kept: list[str] = []
    height = 0
    for char in text:
        height = height + 1 if unicodedata.combining(char) else 0
        if height <= MARKS_IN_A_ROW:
            kept.append(char)
    return "".join(kept)
