"""What can be changed at Slack."""

from datetime import datetime

from bot.runbook import CHANGE, Change

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
    invite: tuple[str, ...] = ()  #: User ids. Whoever cannot be invited is left out.
    is_private: bool = False

    def target(self) -> str:
        return f"slack/{self.name}"

    def command(self) -> str:
        people = f", invite {' '.join(self.invite)}" if self.invite else ""
        return f"create {'private ' if self.is_private else ''}#{self.name}{people}"

    @property
    def mark(self) -> str:
        """What only this run's channel has in its purpose."""
        return f"(run {self.run})"

    @property
    def whole_purpose(self) -> str:
        return f"{self.purpose[: LONGEST_TOPIC - len(self.mark) - 1]} {self.mark}".strip()

    @property
    def whole_topic(self) -> str:
        """Never empty: it is set last, and so tells that everything before it is done."""
        return (self.topic or f"Run {self.run}")[:LONGEST_TOPIC]

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
