"""
Text from outside within Slack's mrkdwn, as in notifications and in messages without blocks.

Slack escapes &, < and >, and has nothing for its other marks. What would be read as one is written
with a letter that looks like it: it formats, links and draws nothing. Blocks have rich and plain
text for this, in which everything stands as it is.
"""

import re

ESCAPED = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
LOOKS_LIKE = str.maketrans(
    {
        "*": "\N{ASTERISK OPERATOR}",
        "~": "\N{TILDE OPERATOR}",
        "`": "\N{MODIFIER LETTER GRAVE ACCENT}",
    }
)
#: Within a name, as in `max_connections`, it is only a letter.
UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_")
#: `:fire:`, and neither the minutes of a time nor the parts of an ARN or of `ecs:UpdateService:`:
#: the name of an emoji has no capitals, dots or slashes.
EMOJI = re.compile(r":(?!\d{1,2}:)(?=[^\s:/.A-Z]{1,100}:)")
ADDRESS = re.compile(r"://|(?<=\bwww)\.")
QUOTE = re.compile(r"^(\s*)&gt;", re.MULTILINE)


def inert(text: str) -> str:
    """Its length may grow. Newlines stay."""
    for mark, escaped in ESCAPED:
        text = text.replace(mark, escaped)
    text = UNDERSCORE.sub("\N{MODIFIER LETTER LOW MACRON}", text.translate(LOOKS_LIKE))
    text = EMOJI.sub("\N{RATIO}", text)
    text = ADDRESS.sub(_address, text)
    return QUOTE.sub("\\1\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", text)


def named(text: str, longest: int = 60) -> str:
    """
    A name from outside within a sentence of ours: short, on one line, and without backticks, for
    between these stands what can be typed.
    """
    line = " ".join(text[: 10 * longest].replace("`", "'").split())
    return line if len(line) <= longest else f"{line[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


def _address(found: re.Match[str]) -> str:
    return found[0].replace("/", "\N{DIVISION SLASH}").replace(".", "\N{ONE DOT LEADER}")
