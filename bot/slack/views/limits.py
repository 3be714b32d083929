"""
Slack's limits, and how what is too long is made to fit: visibly, and never silently.

Sources: Slack's Block Kit reference (docs.slack.dev/reference/block-kit) and slack_sdk 3.47,
except where a line says otherwise.
"""

from collections.abc import Sequence
from typing import Any

from bot.slack.views.escape import clean, cut_mrkdwn

Block = dict[str, Any]

BLOCKS_IN_A_MESSAGE = 50
BLOCKS_IN_A_VIEW = 100
SECTION_TEXT = 3000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
ACTIONS_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
OPTIONS = 100
OPTION_TEXT = 75
OPTION_VALUE = 150  #: 75 in older references; ours are shorter than both.
ID = 255
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
MODAL_TITLE = 24
MODAL_BUTTON = 24
INPUT_LABEL = 2000
INPUT_HINT = 2000
INPUT_PLACEHOLDER = 150
INPUT_VALUE = 3000
PRIVATE_METADATA = 3000
TABLE_ROWS = 100
TABLE_COLUMNS = 20
TOPIC = 250
MESSAGE_TEXT = 4000  #: chat.update refuses more; chat.postMessage only recommends it.

#: All cells of a message together; docs.slack.dev/reference/block-kit/blocks/table-block says
#: `invalid_attachments` beyond it. Kept below, for the header's and the structure's sake.
TABLE_TEXT = 9000
#: Not documented; long task titles are unreadable well before.
TASK_TITLE = 250
#: Of one rich_text; Slack documents none, and 3,000 is what every other text has.
RICH_TEXT = 3000


def fit_message(text: str) -> str:
    return cut_mrkdwn(text, MESSAGE_TEXT)


def fit_blocks(
    blocks: Sequence[Block], limit: int = BLOCKS_IN_A_MESSAGE, tail: Sequence[Block] = ()
) -> list[Block]:
    """All of `tail` is kept; what is left out before it is counted where it is missing."""
    room = limit - len(tail)
    if len(blocks) <= room:
        return [*blocks, *tail]
    missing = len(blocks) - room + 1
    note = f"{missing} more blocks do not fit into one message; the timeline has all of it."
    return [*blocks[: room - 1], _left_out(note), *tail]


def table_fits(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    if not rows or len(rows) + 1 > TABLE_ROWS or not 0 < len(columns) <= TABLE_COLUMNS:
        return False
    if any(len(row) != len(columns) for row in rows):
        return False
    cells = sum(len(clean(str(cell))) for row in (columns, *rows) for cell in row)
    return cells <= TABLE_TEXT


def _left_out(note: str) -> Block:
    return {"type": "context", "elements": [{"type": "plain_text", "text": note, "emoji": False}]}
