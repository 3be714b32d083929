"""Who is on call, and who must know of a breach."""

from bot.runbook import Facts, Person
from bot.runbook.values import UserId


class OnCall(Facts):
    person: Person | None = None  #: In the workspace; None: not known, or has no account there.
    name: str = ""  #: As PagerDuty names them.
    is_engaged: bool = False  #: Is at it already: acknowledged it, or started the run.
    says: str = ""  #: How that is known.
    unread: str = ""  #: Why it could not be found out, if so. Page then: it is never wrong.


class Leader(Facts):
    role: str  #: Such as CEO.
    user_id: UserId


class Leaders(Facts):
    """Who must know of a breach."""

    leaders: tuple[Leader, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(one.user_id for one in self.leaders)
