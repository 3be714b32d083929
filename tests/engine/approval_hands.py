"""What the people of the approval machine press: rightly, wrongly, late, again, or at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tests.engine.approval_ledger import Click, Deed, Paper
from tests.engine.approval_moves import REASONS, Press
from tests.engine.approval_stage import Stage

T = TypeVar("T")


@dataclass
class Hands:
    stage: Stage

    def rightly(self, paper: Paper, on_replica: bool, does: Deed = "yes") -> Click:
        """By somebody who may, as it should be, if there is anybody."""
        return self.stage.click(
            self.stage.who_is("who may", does, paper), paper.id, does=does,
            typed=paper.to_type(does), reason=REASONS[0], on_replica=on_replica,
        )  # fmt: skip

    def clicks(self, how: Press) -> list[Click]:
        """All at once."""
        stage, delivered = self.stage, self.stage.rules.clicks[-6:]
        pending, over = stage.pending(), stage.over()
        if how.what.startswith("again") and delivered:
            click = one_of(delivered, how.which)
            copies = 2 if how.what == "again twice" else 1
            return [stage.deliver_again(click) for _ in range(copies)]
        if how.what == "strange" or not (over or pending):
            return [stage.click("U2", "no-such-request", does=how.does, reason="because")]
        if how.does == "review" and stage.broken():
            return self._of(one_of(stage.broken(), how.which), how)
        if (how.what == "over" and over) or not pending:
            return [self._nearly(one_of(over, how.which), how)]
        return self._of(one_of(pending, how.which), how)

    def _of(self, paper: Paper, how: Press) -> list[Click]:
        if how.what != "two at once":
            return [self._nearly(paper, how)]
        other = how._replace(by=how.other, on_replica=not how.on_replica, does=how.other_does)
        return [self._nearly(paper, how), self._nearly(paper, other)]

    def _nearly(self, paper: Paper, how: Press) -> Click:
        """As it should be but for what is wanted otherwise."""
        click = self.rightly(paper, how.on_replica, how.does)
        typed = {"right": click.typed, "wrong": "the lamp"}.get(how.typed, "")
        by = self.stage.who_is(how.by, how.does, paper)
        others: dict[str, Any] = {"by": by, "typed": typed, "reason": how.reason}
        return replace(click, **{name: others[name] for name in how.but})


def one_of(among: Sequence[T], which: int) -> T:
    return among[which % len(among)]
