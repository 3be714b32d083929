"""What was typed after `/runbook schedule`, understood or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from bot.engine.intents import Refusal
from bot.engine.scheduled import Way
from bot.runbook.mrkdwn import named
from bot.slack.listeners.typed import ID, NO_ID, with_inputs

Wanted = Literal["list", "add", "pause", "resume", "remove"]
ADD = '`/runbook schedule add "0 8 * * mon-fri" RB-INC-001 key=value zone=Europe/Berlin`'
HOW = (
    f"Type `/runbook schedule` for the list, {ADD}, or pause, resume or remove with the id of one:"
    " `/runbook schedule pause 7F3K`."
)
CRON_FIRST = (
    "After add comes when, five fields in quotes, and then the runbook, its inputs, and the zone"
    f" unless it is the company's: {ADD}."
)
ZONE = "zone"  #: The one key that is no input.


@dataclass(frozen=True)
class ScheduleOrder:
    """`id` of a schedule, or of the runbook that is to be started."""

    wanted: Wanted
    id: str = ""
    cron: str = ""
    zone: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def way(self) -> Way | None:
        return next((way for way in get_args(Way) if way == self.wanted), None)


def read_schedule(words: Sequence[str]) -> ScheduleOrder | Refusal:
    wanted, rest = (words[0].lower(), words[1:]) if words else ("list", [])
    if wanted == "list" and not rest:
        return ScheduleOrder("list")
    if wanted == "add":
        return _add(rest)
    if wanted not in get_args(Way):
        return Refusal(f'I do not understand "{named(" ".join(words))}". {HOW}')
    if len(rest) != 1:
        return Refusal(f"Say which schedule: `/runbook schedule {wanted} 7F3K`. {HOW}")
    if not ID.fullmatch(rest[0]):
        return Refusal(NO_ID)
    return ScheduleOrder(wanted, rest[0].upper())  # type: ignore[arg-type]  # one of the ways


def _add(words: Sequence[str]) -> ScheduleOrder | Refusal:
    if len(words) < 2 or " " not in words[0].strip():
        return Refusal(CRON_FIRST)
    order = with_inputs("run", words[1:])
    if isinstance(order, Refusal):
        return order
    inputs = dict(order.inputs)
    zone = inputs.pop(ZONE, "")
    return ScheduleOrder("add", order.subject, words[0], zone, inputs)
