"""What the company's database knows of its users and of what they did."""

from pydantic import AwareDatetime

from adapters.accounts.changes import DisableUser, RevokeUserSessions
from bot.runbook import Facts, Table


class Account(Facts):
    id: int
    email: str
    name: str
    auth0_id: str
    is_active: bool
    live_sessions: int
    ips: tuple[str, ...] = ()  #: Of the live sessions.

    @property
    def can_come_in(self) -> bool:
        return self.is_active or self.live_sessions > 0

    def disable(self) -> DisableUser:
        return DisableUser(user=self.id)

    def revoke_sessions(self) -> RevokeUserSessions:
        return RevokeUserSessions(user=self.id)


class Suspects(Facts):
    """Whoever was looked for, by e-mail or id."""

    accounts: tuple[Account, ...]
    missing: tuple[str, ...] = ()  #: What was given and is nobody.

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(one.id for one in self.accounts)

    def table(self) -> Table:
        columns = ("User", "E-mail", "Name", "Active", "Live sessions", "From")
        rows = (
            (one.id, one.email, one.name, one.is_active, one.live_sessions, ", ".join(one.ips))
            for one in self.accounts
        )
        return Table(columns, tuple(rows))


class Activity(Facts):
    """One kind of thing that one user did to one organization."""

    user: int
    organization: int | None = None
    organization_name: str = ""
    action: str
    times: int
    first: AwareDatetime
    last: AwareDatetime
    ips: tuple[str, ...] = ()


class Activities(Facts):
    """By the audit table, the most first."""

    entries: tuple[Activity, ...]
    since: AwareDatetime
    until: AwareDatetime | None = None  #: None: when it was read.
    is_cut: bool = False  #: There are more.

    @property
    def organizations(self) -> tuple[int, ...]:
        found = {one.organization for one in self.entries if one.organization is not None}
        return tuple(sorted(found))

    @property
    def times(self) -> int:
        return sum(one.times for one in self.entries)

    def table(self) -> Table:
        columns = ("User", "Did", "Times", "To", "Organization", "First", "Last", "From")
        rows = (
            (one.user, one.action, one.times, one.organization, one.organization_name,
             one.first, one.last, ", ".join(one.ips))
            for one in self.entries
        )  # fmt: skip
        return Table(columns, tuple(rows))


class Touched(Facts):
    """Whose data it was: the users of organizations."""

    organizations: tuple[int, ...]
    users: int  #: Of them all, each once.
    owners: tuple[str, ...] = ()  #: E-mails, for those to be told first; the first hundred.
    is_cut: bool = False  #: There are more owners.

    def table(self) -> Table:
        return Table(("Owner",), tuple((one,) for one in self.owners))
