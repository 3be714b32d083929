"""What Auth0 knows of a user, of what they hold, and of how they signed in."""

from typing import Literal

from pydantic import AwareDatetime

from adapters.auth0.changes import BlockUser, RevokeRefreshTokens, RevokeSessions
from bot.runbook import Facts, Table


class User(Facts):
    id: str  #: With its connection, such as `auth0|5f7c8ec7c33c6c004bbafe82`.
    email: str = ""
    name: str = ""
    is_blocked: bool
    last_sign_in: AwareDatetime | None = None
    last_ip: str = ""
    sign_ins: int = 0

    def block(self) -> BlockUser:
        return BlockUser(user_id=self.id, email=self.email)

    def revoke_sessions(self) -> RevokeSessions:
        return RevokeSessions(user_id=self.id, email=self.email)

    def revoke_refresh_tokens(self) -> RevokeRefreshTokens:
        return RevokeRefreshTokens(user_id=self.id, email=self.email)


class Users(Facts):
    """One person may be several: one for each way to sign in."""

    users: tuple[User, ...]

    def table(self) -> Table:
        columns = ("User", "E-mail", "Blocked", "Sign-ins", "Last", "From")
        rows = (
            (one.id, one.email, one.is_blocked, one.sign_ins, one.last_sign_in, one.last_ip)
            for one in self.users
        )
        return Table(columns, tuple(rows))


class Grant(Facts):
    """What lets somebody in without a password."""

    kind: Literal["session", "refresh token"]
    created_at: AwareDatetime | None = None
    last_used_at: AwareDatetime | None = None
    ip: str = ""  #: Where it was last used.
    user_agent: str = ""


class Grants(Facts):
    user_id: str
    grants: tuple[Grant, ...]

    def count(self, kind: Literal["session", "refresh token"]) -> int:
        return sum(one.kind == kind for one in self.grants)

    def table(self) -> Table:
        columns = ("What", "Since", "Last used", "From", "By")
        rows = ((g.kind, g.created_at, g.last_used_at, g.ip, g.user_agent) for g in self.grants)
        return Table(columns, tuple(rows))


class Standing(Facts):
    """What lets one user in."""

    user: User
    sessions: int
    refresh_tokens: int

    @property
    def can_come_in(self) -> bool:
        return not self.user.is_blocked or self.sessions > 0 or self.refresh_tokens > 0


class Standings(Facts):
    standings: tuple[Standing, ...]
    missing: tuple[str, ...] = ()  #: Addresses that Auth0 has nobody of.

    def table(self) -> Table:
        columns = ("User", "E-mail", "Blocked", "Sessions", "Refresh tokens", "Last", "From")
        rows = (
            (one.user.id, one.user.email, one.user.is_blocked, one.sessions, one.refresh_tokens,
             one.user.last_sign_in, one.user.last_ip)
            for one in self.standings
        )  # fmt: skip
        return Table(columns, tuple(rows))


class SignIn(Facts):
    """One entry of Auth0's log."""

    at: AwareDatetime
    what: str
    succeeded: bool
    user_id: str = ""
    user_name: str = ""
    ip: str = ""
    country: str = ""  #: Two letters; by the address.
    user_agent: str = ""


class SignIns(Facts):
    """The newest first."""

    entries: tuple[SignIn, ...]
    is_cut: bool = False  #: There are more, which Auth0 does not give out by search.

    @property
    def ips(self) -> tuple[str, ...]:
        """Of those that succeeded."""
        return tuple(dict.fromkeys(one.ip for one in self.entries if one.ip and one.succeeded))

    def table(self) -> Table:
        columns = ("At", "What", "User", "Name", "From", "Country", "By")
        rows = (
            (one.at, one.what, one.user_id, one.user_name, one.ip, one.country, one.user_agent)
            for one in self.entries
        )
        return Table(columns, tuple(rows))
