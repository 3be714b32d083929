"""What can be changed at Slack."""

import shlex
from datetime import datetime

from adapters.plain import plain
from bot.runbook import CHANGE, Change
from bot.runbook.values import UserId

#: Slack's limit of a topic and of a purpose.
LONGEST_TOPIC = 250
#: The first name that is free of `name`, `name-2` ... is taken.
LAST_SUFFIX = 9


class CreateChannel(Change):
    """Opens a channel for a run. When the name is taken, `name-2` to `name-9` are tried."""

    effect = CHANGE
    ours = True
    opens_room = True
    repeatable = True

    name: str  #: Without #.
    run: str
    since: datetime  #: When the run was started: an older channel cannot be its own.
    topic: str = ""
    purpose: str = ""  #: The run's id is added.
    invite: tuple[UserId, ...] = ()  #: Whoever cannot be invited is left out.
    is_private: bool = False

    def target(self) -> str:
        return f"slack/{self.name}"

    def command(self) -> str:
        people = f", invite {shlex.join(self.invite)}" if self.invite else ""
        return f"create {'private ' if self.is_private else ''}#{shlex.quote(self.name)}{people}"

    @property
    def mark(self) -> str:
        """What only this run's channel has in its purpose."""
        return f"(run {self.run})"

    def is_marked(self, purpose: str) -> bool:
        """Before the mark stands what others wrote, and that may name any run."""
        return purpose.endswith(self.mark)

    @property
    def whole_purpose(self) -> str:
        about = plain(self.purpose, LONGEST_TOPIC - len(self.mark) - 1)
        return f"{about} {self.mark}".strip()

    @property
    def whole_topic(self) -> str:
        """Never empty: it is set last, and so tells that everything before it is done."""
        return plain(self.topic, LONGEST_TOPIC) or f"Run {self.run}"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *(f"{self.name}-{n}" for n in range(2, LAST_SUFFIX + 1)))


class PostTimeline(Change):
    """What happened, step by step, in the run's channel."""

    effect = CHANGE
    ours = True
    repeatable = True

    run: str

    def target(self) -> str:
        return f"run/{self.run}"

    def command(self) -> str:
        return "post the timeline"
