"""
Broken glass in the rows: somebody did it, as it is noted, and somebody else looks at it afterwards
or is still to.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.access.member import Member
from bot.engine.intents import Refusal
from tests.engine.approval_ledger import Click, Deed, Paper, Rows
from tests.engine.approval_town import MAY_REVIEW, is_let_in_at_all, is_same, name


@dataclass
class GlassRules:
    """`clicks` are all so far."""

    papers: Mapping[str, Paper]
    clicks: Sequence[Click]
    _noted: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def wrong(self, rows: Rows) -> Iterator[str]:
        """After the papers have their rows."""
        self._read(rows)
        for paper in self.papers.values():
            if paper.status == "glass broken" and not paper.glass:
                yield f"{paper.says} is {paper.status}, and nobody did it"
            if paper.glass:
                yield from self._broken(paper)
        waits = {json.loads(one.body)["plan"] for one in rows.waits if one.kind == "review"}
        is_open = {one.id for one in self.papers.values() if one.glass and not one.is_reviewed}
        if waits != is_open:
            yield f"{len(is_open)} reviews are open, and {len(waits)} are waited for"

    def _broken(self, paper: Paper) -> Iterator[str]:
        if paper.status not in ("glass broken", "outdated"):
            yield f"the glass is broken for {paper.says}, which is {paper.status}"
        yield from self._done(paper, "broken glass", paper.glass.by, paper.glass.reason)
        if paper.is_reviewed:
            yield from self._done(paper, "review", paper.glass.reviewed_by, paper.glass.review)

    def _done(self, paper: Paper, does: Deed, by: str, says: str) -> Iterator[str]:
        """By somebody's click, and noted once."""
        clicked = any(
            (one.approval, one.does, one.by, one.reason.strip()) == (paper.id, does, by, says)
            and not isinstance(one.answer, Refusal)
            for one in self.clicks
        )
        if not clicked:
            yield f"{does} of {paper.says} is said to be {name(by)}'s, who did not click"
        what = "glass broken" if does == "broken glass" else "glass reviewed"
        if self._noted[paper.id, what, by] != 1:
            yield f"{does} of {paper.says} by {name(by)}: the audit log has it not"

    def _read(self, rows: Rows) -> None:
        for entry in rows.audit:
            if entry.what in ("glass broken", "glass reviewed"):
                self._noted[json.loads(entry.body)["plan"], entry.what, entry.by] += 1


def objects_to_review(member: Member, paper: Paper) -> str:
    """Why this is not reviewed by this person; ''."""
    if paper.glass is None:
        return "no glass was broken"
    if not (is_let_in_at_all(member) and member.roles & MAY_REVIEW):
        return "they may not review"
    its_own = is_same(member, paper.glass.by) or is_same(member, paper.requested_by)
    return "they broke it or had asked for it" if its_own else ""
