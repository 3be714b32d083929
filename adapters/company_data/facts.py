"""What the company's database says. Times are by its clock, and so are ages."""

from collections.abc import Iterable
from datetime import timedelta

from pydantic import AwareDatetime

from bot.runbook import Facts, Plot, Table
from bot.runbook.values import Value

#: Of a plot of lag: how many accounts it shows, and how far back.
MOST_LINES, LONGEST_SHOWN = 5, timedelta(days=1)


class Organization(Facts):
    id: int
    name: str
    meta_business: str
    is_active: bool
    accounts: int  #: Ad accounts that are active.


class Organizations(Facts):
    """Those whose name has the text in it; at most as many as are shown."""

    found: tuple[Organization, ...]
    are_more: bool = False
    as_of: AwareDatetime

    def table(self) -> Table:
        rows = (
            (one.id, one.name, one.meta_business, one.accounts, one.is_active)
            for one in self.found
        )
        return Table(("Id", "Name", "Meta business", "Ad accounts", "Active"), tuple(rows))


class AccountSync(Facts):
    """An ad account, and when its ads were synced last."""

    organization: int
    organization_name: str
    account: str  #: `act_...`
    name: str
    business_account: int | None  #: Whose token may ask Meta for it; None: there is none.
    last_sync: AwareDatetime | None  #: None: never.
    age: timedelta | None


class LastSyncs(Facts):
    """Active accounts of active organizations, those that were never synced first."""

    accounts: tuple[AccountSync, ...]
    organizations_without: tuple[str, ...] = ()  #: That have no active ad account at all.
    as_of: AwareDatetime

    def stale(self, limit: timedelta) -> tuple[AccountSync, ...]:
        return tuple(one for one in self.accounts if one.age is None or one.age > limit)

    def late(self, limit: timedelta) -> tuple[AccountSync, ...]:
        """Synced once, but not within the limit; the worst first."""
        return tuple(one for one in self.accounts if one.age is not None and one.age > limit)

    @property
    def never(self) -> tuple[AccountSync, ...]:
        """Never synced, or without a single ad: the tables do not tell the two apart."""
        return tuple(one for one in self.accounts if one.age is None)

    def stale_organizations(self, limit: timedelta) -> tuple[tuple[int, str], ...]:
        """Id and name, the worst first."""
        return tuple(
            dict.fromkeys((one.organization, one.organization_name) for one in self.stale(limit))
        )

    def table(self) -> Table:
        rows = (
            (
                one.organization_name,
                one.organization,
                one.account,
                one.last_sync or "never",
                one.age,
            )
            for one in self.accounts
        )
        return Table(("Organization", "Id", "Ad account", "Last sync", "Ago"), tuple(rows))

    def plot(self, limit: timedelta) -> Plot:
        """How far the accounts that are furthest behind have fallen back since their last sync."""
        worst = [one for one in self.accounts if one.age is not None][:MOST_LINES]
        lines = {f"{one.organization_name} {one.account}": self._lag(one) for one in worst}
        return Plot("Since the last sync", "min", lines, limit / timedelta(minutes=1))

    def _lag(self, one: AccountSync) -> tuple[tuple[AwareDatetime, float], ...]:
        assert one.age is not None
        begins = min(one.age, LONGEST_SHOWN)
        lags = (one.age - begins, one.age)
        times = (self.as_of - begins, self.as_of)
        return tuple((at, lag / timedelta(minutes=1)) for at, lag in zip(times, lags, strict=True))


class Failure(Facts):
    organization: int
    organization_name: str
    code: str  #: Meta's error code, as the services noted it; "" when they noted none.
    times: int
    last: AwareDatetime


class FailedSyncs(Facts):
    failures: tuple[Failure, ...]
    since: AwareDatetime
    as_of: AwareDatetime

    @property
    def times(self) -> int:
        return sum(one.times for one in self.failures)

    def table(self) -> Table:
        rows = (
            (one.organization_name, one.organization, one.code or "-", one.times, one.last)
            for one in self.failures
        )
        return Table(("Organization", "Id", "Code", "Times", "Last"), tuple(rows))


class Updated(Facts):
    account: str
    name: str
    ads: int  #: All there are.
    updated: int  #: Since the trigger.


class AdsUpdated(Facts):
    organization: int
    accounts: tuple[Updated, ...]
    since: AwareDatetime
    as_of: AwareDatetime

    @property
    def updated(self) -> int:
        return sum(one.updated for one in self.accounts)

    @property
    def untouched(self) -> tuple[str, ...]:
        """Accounts of which no ad was updated."""
        return tuple(one.account for one in self.accounts if not one.updated)

    def table(self) -> Table:
        rows = ((one.account, one.name, one.updated, one.ads) for one in self.accounts)
        return Table(("Ad account", "Name", "Updated", "Ads"), tuple(rows))


class SyncOfRun(Facts):
    """A sync of an organization that was asked for with a key of ours."""

    organization: int
    status: str  #: queued, running, succeeded or failed.
    requested_at: AwareDatetime
    finished_at: AwareDatetime | None
    ads_synced: int
    error: str = ""

    @property
    def is_over(self) -> bool:
        return self.status in ("succeeded", "failed")


class TokenRow(Facts):
    """A business account's token, told apart by a fingerprint that says nothing of it."""

    business_account: int
    organization: int
    organization_name: str
    kind: str  #: user or system_user.
    expires_at: AwareDatetime | None  #: None: never, as far as the database knows.
    left: timedelta | None  #: Negative once it has expired.
    fingerprint: str | None  #: None: there is no token.

    @property
    def is_expired(self) -> bool:
        return self.left is not None and self.left <= timedelta(0)


class Tokens(Facts):
    """The one that ends first stands first."""

    tokens: tuple[TokenRow, ...]
    as_of: AwareDatetime

    @property
    def expired(self) -> tuple[TokenRow, ...]:
        return tuple(one for one in self.tokens if one.is_expired)

    def of(self, kind: str) -> tuple[TokenRow, ...]:
        return tuple(one for one in self.tokens if one.kind == kind)

    def table(self) -> Table:
        rows = (
            (one.organization_name, one.business_account, one.kind, one.expires_at, one.left)
            for one in self.tokens
        )
        columns = ("Organization", "Business account", "Token", "Expires", "In")
        return Table(columns, tuple(rows))


class WebhookEvent(Facts):
    at: AwareDatetime
    account: str
    field: str


class WebhookEvents(Facts):
    """The newest first; at most as many as are shown."""

    events: tuple[WebhookEvent, ...]
    count: int
    since: AwareDatetime
    as_of: AwareDatetime

    def table(self) -> Table:
        rows = ((one.at, one.account, one.field) for one in self.events)
        return Table(("At", "Ad account", "Field"), tuple(rows))


class Hour(Value):
    """`begins` is a full hour, UTC."""

    begins: AwareDatetime
    requests: int
    limited: int  #: Answered with HTTP 429.
    failed: int  #: With any other error.


class Caller(Value):
    organization: int | None
    organization_name: str
    endpoint: str
    requests: int


class Requests(Facts):
    """Our own calls of a vendor, as the services noted them. Hours without any are there as 0."""

    vendor: str
    hours: tuple[Hour, ...]
    callers: tuple[Caller, ...]  #: Those that made the most.
    as_of: AwareDatetime

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.hours)

    @property
    def limited(self) -> int:
        return sum(one.limited for one in self.hours)

    def plot(self) -> Plot:
        def line(values: Iterable[int]) -> tuple[tuple[AwareDatetime, float], ...]:
            return tuple(
                (hour.begins, float(value)) for hour, value in zip(self.hours, values, strict=True)
            )

        lines = {
            "requests": line(one.requests for one in self.hours),
            "limited": line(one.limited for one in self.hours),
        }
        return Plot(f"Calls of {self.vendor} per hour", "calls", lines)

    def table(self) -> Table:
        rows = (
            (one.organization_name, one.organization, one.endpoint, one.requests)
            for one in self.callers
        )
        return Table(("Organization", "Id", "Endpoint", "Requests"), tuple(rows))


class Job(Facts):
    name: str
    last_success: AwareDatetime | None  #: When it ended; None: never.
    age: timedelta | None
    last_error: str = ""  #: Of a run after that.


class Jobs(Facts):
    jobs: tuple[Job, ...]
    as_of: AwareDatetime

    def table(self) -> Table:
        rows = (
            (one.name, one.last_success or "never", one.age, one.last_error) for one in self.jobs
        )
        return Table(("Job", "Last success", "Ago", "Since then"), tuple(rows))
