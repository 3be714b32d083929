"""
The versions of Meta's API and until when each is served, as Meta's tables said in November 2026:
developers.facebook.com/docs/graph-api/changelog/versions (Graph) and
developers.facebook.com/documentation/ads-commerce/marketing-api/marketing-api-changelog/versions
(ads, which end about a year after they came, long before Graph's).

An ads call of a version that is gone fails with code 2635, or is answered as by a later version.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from bot.runbook import Facts

#: The last day of Graph calls, and of ads calls; None: Meta has not said.
VERSIONS: Mapping[str, tuple[date | None, date | None]] = {
    "v27.0": (None, None),
    "v26.0": (None, None),
    "v25.0": (date(2028, 7, 29), date(2027, 2, 23)),
    "v24.0": (date(2028, 2, 18), date(2026, 11, 10)),
    "v23.0": (date(2027, 10, 8), date(2026, 6, 9)),
    "v22.0": (date(2027, 5, 20), date(2026, 2, 19)),
    "v21.0": (date(2027, 1, 21), date(2025, 9, 9)),
    "v20.0": (date(2026, 9, 24), date(2025, 5, 6)),
    "v19.0": (date(2026, 5, 21), date(2025, 2, 4)),
}
NEWEST = next(iter(VERSIONS))


class GraphVersion(Facts):
    """What is known of the version that settings name."""

    name: str
    is_known: bool  #: False: it is not in our table; too old, or newer than this bot.
    newest: str = NEWEST  #: That this bot knows of.
    graph_until: date | None = None
    ads_until: date | None = None  #: None: Meta has not said.
    left: timedelta | None = None  #: Until the first of the two, negative once it is over.

    def says(self) -> str:
        if not self.is_known:
            return f"Nobody here knows until when {self.name} is served: it is not in our table"
        if self.left is None:
            return f"{self.name} is served, and Meta has not said until when"
        parts = [
            f"{what} until {until}"
            for what, until in (("ads calls", self.ads_until), ("Graph calls", self.graph_until))
            if until
        ]
        days = self.left.days
        when = f"{days} days left" if days >= 0 else f"over for {-days} days"
        return f"{self.name} is served for {' and '.join(parts)} ({when}); newest is {self.newest}"


def version(name: str, now: datetime) -> GraphVersion:
    if name not in VERSIONS:
        return GraphVersion(name=name, is_known=False)
    graph, ads = VERSIONS[name]
    ends = [until for until in (graph, ads) if until]
    left = datetime.combine(min(ends), time(), UTC) - now if ends else None
    return GraphVersion(name=name, is_known=True, graph_until=graph, ads_until=ads, left=left)
