"""What a run found of one concern, held against what people had been told of it before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from pydantic import TypeAdapter

from bot.runbook.findings import Verdict
from bot.store.tables import news

Turned = Literal[
    "bad",  # or worse than it was told
    "good",  # again
    "lost",  # it could not be looked at twice in a row, or somebody asked
    "known",  # it is as it was told before
    "unsure",  # it could not be looked at once, and that is not told yet
    "well",
]
#: What a report says that speaks on change.
NEWS: frozenset[Turned] = frozenset({"bad", "good", "lost"})


@dataclass(frozen=True)
class Turn:
    step: str  #: The key of the check.
    concern: str  #: By its name; empty: all that the check looks at.
    verdict: Verdict
    says: str
    turned: Turned
    since: datetime  #: How it is now; of what is good again: since when it was not.
    until: datetime | None = None  #: Of what is good again: when that was seen.
    told_at: datetime | None = None  #: When that it is so was told, if it was told before;
    told_in: str = ""  #: in which channel, by its id,
    told_by: str = ""  #: and by which runbook.


_STORED = TypeAdapter(tuple[Turn, ...])


def keep_news(c: sa.Connection, run_id: str, turns: Sequence[Turn]) -> None:
    """In the transaction that ends the run."""
    stored = _STORED.dump_json(tuple(turns)).decode()
    c.execute(sa.insert(news).values(run=run_id, turns=stored))


def news_of(c: sa.Connection, run_id: str) -> tuple[Turn, ...]:
    stored = c.execute(sa.select(news.c.turns).where(news.c.run == run_id)).scalar()
    return () if stored is None else _STORED.validate_json(stored)
