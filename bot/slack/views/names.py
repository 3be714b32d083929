"""
What buttons, menus and modals are called, and what travels in them.

The names are stable: a card that was posted by an older version still works. A value is routing
and never authority; everything that comes back is validated here, at the edge. An approval's
button carries the approval's opaque id and nothing else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bot.engine.scheduled import Way
from bot.runbook.values import USER_ID, all_storable, storable

# Buttons and menus of a run's card; their value is `<run> <step or section>`.
PICK = "rb.pick"  # Review the plan of an action.
UNDO = "rb.undo"
AGAIN = "rb.again"  # Do a step again, or plan anew what was not applied. A button or a menu.
GO_ON = "rb.go_on"
CLOSE = "rb.close"  # Finish: nothing more of this section. The key is the section's.
PAUSE = "rb.pause"  # What is being applied in parts: waits after this one,
RESUME = "rb.resume"  # goes on,
HALT = "rb.halt"  # or ends there.
CANCEL = "rb.cancel"  # The value is the run's id alone.
TIMELINE = "rb.timeline"  # The value is the run's id alone.

# Approvals; their value is the approval's id.
APPROVE = "rb.approve"  # A CHANGE: the confirm dialog was accepted already.
APPROVE_DESTROY = "rb.approve_destroy"  # Opens approve_modal.
DENY = "rb.deny"  # Opens deny_modal.
BREAK_GLASS = "rb.break_glass"  # Opens glass_modal.
REVIEW = "rb.review"  # Of a glass that was broken. Opens review_modal.
WHOLE_PLAN = "rb.whole_plan"

# Questions; their value is the question's id, or `<question> <number of the choice>`.
CHOOSE = "rb.choose"  # A menu; Pressed.key is the number of the choice, from 0.
CLAIM = "rb.claim"  # A Person is asked for: whoever presses.
CLAIM_OTHER = "rb.claim_other"  # The same, somebody else: Pressed.user.
ANSWER = "rb.answer"  # Opens answer_modal.
PROPOSED = "rb.proposed"  # Take what is proposed.
DONE = "rb.done"  # A confirm is ticked off.
HAPPENED = "rb.happened"  # resolve "done"
NOT_HAPPENED = "rb.not_happened"  # resolve "not done"
STOP_HERE = "rb.stop_here"  # resolve "stop"

# Runbooks; their value is the book's id, of a next hop `<run> <step>#<number of the hop>`.
RUN_BOOK = "rb.run_book"  # Opens start_modal.
NEXT_HOP = "rb.next_hop"  # Opens start_modal with the hop's `filled`.
CATALOGUE = "rb.catalogue"  # Opens the catalogue.
SEARCH = "rb.search"  # The search field of the catalogue: Pressed.typed.
SHOW_BOOK = "rb.show_book"  # Shows one runbook in the catalogue; "" goes back to the list.
PAGE = "rb.page"  # The value is the page to show.
SHOW_RUN = "rb.show_run"  # The value is the run's id alone.

# Schedules; their value is the schedule's id.
PAUSE_SCHEDULE = "rb.pause_schedule"
RESUME_SCHEDULE = "rb.resume_schedule"
REMOVE_SCHEDULE = "rb.remove_schedule"

# callback_ids of modals. Their private_metadata is a Metadata.
CATALOGUE_MODAL = "rb.catalogue_modal"  # Submitted: start what is chosen.
START_MODAL = "rb.start_modal"
APPROVE_MODAL = "rb.approve_modal"
DENY_MODAL = "rb.deny_modal"
GLASS_MODAL = "rb.glass_modal"
REVIEW_MODAL = "rb.review_modal"
ANSWER_MODAL = "rb.answer_modal"

# block_ids of the fields of the modals about an approval. Elsewhere a block_id is a field's name.
TYPED = "typed"
REASON = "reason"
VALUE = "value"  #: The action_id of every input of a modal.

RESOLVES: Mapping[str, str] = {HAPPENED: "done", NOT_HAPPENED: "not done", STOP_HERE: "stop"}
#: What is done to a schedule.
WAYS: Mapping[str, Way] = {
    PAUSE_SCHEDULE: "pause",
    RESUME_SCHEDULE: "resume",
    REMOVE_SCHEDULE: "remove",
}
KEYED = re.compile(r"[\w.#>:-]{1,200}")  #: Run ids, step and section keys, opaque ids.
LONGEST_SEARCH, LONGEST_CHANNEL, MOST_PAGES = 200, 80, 1000


class Strange(ValueError):
    """A payload that none of our own messages can have sent."""


@dataclass(frozen=True)
class Pressed:
    """
    One button pressed, one choice made, or one field typed into.

    `id` is the run's, the approval's, the question's or the book's, as the name says.
    """

    name: str
    id: str = ""
    key: str = ""
    user: str = ""  #: Chosen from a menu of people.
    typed: str = ""

    @property
    def number(self) -> int:
        """Of a choice or of a next hop, from 0. Raises Strange."""
        tail = self.key.rsplit("#", 1)[-1]
        if not (tail.isascii() and tail.isdigit() and len(tail) < 6):
            raise Strange(f"{self.name} came without a number")
        return int(tail)

    @property
    def step(self) -> str:
        return self.key.rsplit("#", 1)[0]


@dataclass(frozen=True)
class Metadata:
    """What a modal must remember from its opening to its submission."""

    book: str = ""
    about: str = ""  #: The approval's or the question's id.
    channel: str = ""  #: Where it was opened from.
    message: str = ""  #: The ts of the message there.
    channel_name: str = ""
    search: str = ""
    page: int = 0
    dry: bool = False

    def pack(self) -> str:
        """Only what differs from the default; far below Slack's 3,000 characters."""
        empty = asdict(Metadata())
        name = self.channel_name[:LONGEST_CHANNEL]
        short = replace(self, search=self.search[:LONGEST_SEARCH], channel_name=name)
        return json.dumps({k: v for k, v in asdict(short).items() if v != empty[k]})


def unpack(private_metadata: str) -> Metadata:
    """Raises Strange."""
    try:
        stored = json.loads(private_metadata or "{}")
        kinds = {name: type(default) for name, default in asdict(Metadata()).items()}
        if not all(type(value) is kinds[name] for name, value in stored.items()):
            raise Strange("a modal came back with metadata of the wrong kind")
        kept = Metadata(**all_storable(stored))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Strange("a modal came back with metadata that is not ours") from error
    ids = (kept.book, kept.about, kept.channel, kept.message)
    ids_fit = all(KEYED.fullmatch(one) for one in ids if one)
    short = len(kept.search) <= LONGEST_SEARCH and len(kept.channel_name) <= LONGEST_CHANNEL
    if not (ids_fit and short and 0 <= kept.page < MOST_PAGES):
        raise Strange("a modal came back with metadata that no modal of ours has")
    return kept


def value(id: str, key: str | int = "") -> str:
    return f"{id} {key}" if key != "" else id


def action_id(name: str, suffix: str | int = "") -> str:
    """Unique within a message: a name and, where several are alike, what each is about."""
    return f"{name}:{suffix}"[:255] if suffix != "" else name


def pattern(name: str) -> re.Pattern[str]:
    """Matches every action_id of that name, for Bolt's `app.action(...)`."""
    return re.compile(rf"^{re.escape(name)}(:|$)")


def pressed(action: Mapping[str, Any]) -> Pressed:
    """One of `payload["actions"]`, of whatever element. Raises Strange."""
    name, _, suffix = str(action.get("action_id", "")).partition(":")
    if not name.startswith("rb."):
        raise Strange("an action that is none of ours")
    if action.get("type") == "plain_text_input":
        typed = storable(str(action.get("value") or ""))
        return Pressed(name, typed=typed[:LONGEST_SEARCH])
    if action.get("type") == "users_select":
        user = str(action.get("selected_user") or "")
        if not re.fullmatch(USER_ID, user):
            raise Strange("a person who is none")
        return Pressed(name, _checked(suffix), user=user)
    chosen = action.get("selected_option")
    option = chosen if isinstance(chosen, Mapping) else {}
    id, _, key = str(action.get("value") or option.get("value") or "").partition(" ")
    may_be_empty = name in (SHOW_BOOK, PAGE, SEARCH)
    return Pressed(
        name, "" if may_be_empty and not id else _checked(id), _checked(key) if key else ""
    )


def _checked(text: str) -> str:
    if not KEYED.fullmatch(text):
        raise Strange("a value that none of our messages carries")
    return text
