"""Block Kit's rich text: sections, lists, quotes and preformatted text, and what is inside."""

from sandbox.slack.shapes import Check, boolean, by_type, integer, listing, one_of, shape, string

STYLE = shape(
    {},
    dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight"), boolean),
)
_STYLED: dict[str, Check] = {"style": STYLE}

TEXT = shape({"text": string()}, _STYLED)
LINK = shape({"url": string(3000)}, {**_STYLED, "text": string(3000, 0), "unsafe": boolean})

INLINE: dict[str, Check] = {
    "text": TEXT,
    "link": LINK,
    "emoji": shape({"name": string()}, {**_STYLED, "unicode": string()}),
    "user": shape({"user_id": string()}, _STYLED),
    "usergroup": shape({"usergroup_id": string()}, _STYLED),
    "channel": shape({"channel_id": string()}, _STYLED),
    "broadcast": shape({"range": one_of("here", "channel", "everyone")}, _STYLED),
    "date": shape(
        {"timestamp": integer(), "format": string()},
        {**_STYLED, "url": string(3000), "fallback": string()},
    ),
    "color": shape({"value": string()}, _STYLED),
}

_MANY = 10_000
SECTION = shape({"elements": listing(by_type(INLINE), _MANY, 0)})
PREFORMATTED = shape(
    {"elements": listing(by_type({"text": TEXT, "link": LINK}), _MANY, 0)},
    {"border": integer(0, 1), "language": string()},
)
QUOTE = shape({"elements": listing(by_type(INLINE), _MANY, 0)}, {"border": integer(0, 1)})
LIST = shape(
    {
        "style": one_of("bullet", "ordered"),
        "elements": listing(by_type({"rich_text_section": SECTION}), _MANY, 0),
    },
    {"indent": integer(0, 8), "offset": integer(0), "border": integer(0, 1)},
)

PARTS: dict[str, Check] = {
    "rich_text_section": SECTION,
    "rich_text_list": LIST,
    "rich_text_preformatted": PREFORMATTED,
    "rich_text_quote": QUOTE,
}
RICH_TEXT = shape({"elements": listing(by_type(PARTS), _MANY)}, {"block_id": string(255)})
