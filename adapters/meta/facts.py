"""What Meta says of tokens and subscriptions, and our own callback of itself."""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import AwareDatetime

from adapters.meta.changes import OBJECT, Subscribe, SubscribeApp
from bot.runbook import Facts, Table
from bot.runbook.values import Secret, Value


class StoredToken(Value):
    """The token of a business account, in the company's database."""

    business_account: int


#: Where a token is; its value goes from there to Meta and nowhere else.
TokenPlace = Secret | StoredToken


class AdAccount(Value):
    account: str  #: `act_...`
    business_account: int  #: Of ours, whose token may ask for it.


class TokenState(Facts):
    """What Meta says of a token (`debug_token`)."""

    is_valid: bool
    app: str = ""  #: Whose token it is.
    is_ours: bool = False
    kind: str = ""  #: USER, SYSTEM_USER, PAGE or APP.
    missing_scopes: tuple[str, ...] = ()
    expires_at: AwareDatetime | None = None  #: None: never.
    data_access_until: AwareDatetime | None = None  #: None: not limited.
    why: str = ""  #: It is not valid, in Meta's words.
    as_of: AwareDatetime

    @property
    def left(self) -> timedelta | None:
        """Until it expires or its data may be read no more; None: never."""
        ends = [end for end in (self.expires_at, self.data_access_until) if end]
        return min(ends) - self.as_of if ends else None

    @property
    def trouble(self) -> str:
        """Why it cannot be used now; empty: it can."""
        if not self.is_valid:
            return f"Meta says that the token is not valid{f': {self.why}' if self.why else ''}"
        if not self.is_ours:
            return f"The token belongs to another app ({self.app})"
        if self.missing_scopes:
            return f"The token may not do enough: it lacks {', '.join(self.missing_scopes)}"
        return ""


class AskedToken(Facts):
    business_account: int
    state: TokenState | None  #: None: not known; then `says` why.
    says: str = ""


class TokenTry(Facts):
    """One call of /me and one for an ad account, made with the token itself."""

    works: bool
    says: str


class Subscription(Facts):
    about: str  #: The object, such as `ad_account`.
    callback: str
    fields: tuple[str, ...]
    is_active: bool


class Subscriptions(Facts):
    app: str
    listed: tuple[Subscription, ...]
    #: What settings say it should be.
    wanted_callback: str
    wanted_fields: tuple[str, ...]

    @property
    def of_accounts(self) -> Subscription | None:
        return next((one for one in self.listed if one.about == OBJECT), None)

    @property
    def trouble(self) -> str:
        """Why Meta does not tell us what it should; empty: it does."""
        there = self.of_accounts
        if there is None:
            return f"Our app is not subscribed to {OBJECT}"
        wrong = []
        if not there.is_active:
            wrong.append("it is not active")
        if there.callback != self.wanted_callback:
            wrong.append(f"it goes to {there.callback}, not to {self.wanted_callback}")
        if set(there.fields) != set(self.wanted_fields):
            told, wanted = ", ".join(there.fields), ", ".join(self.wanted_fields)
            wrong.append(f"it is about {told or 'nothing'}, not about {wanted}")
        return f"Of our app's subscription: {'; '.join(wrong)}" if wrong else ""

    def needed(self) -> Subscribe | None:
        """None when it is so already."""
        return self.moved_to(self.wanted_callback, self.wanted_fields)

    def moved_to(self, callback: str, fields: Sequence[str]) -> Subscribe | None:
        """None when it is so already."""
        there = self.of_accounts
        wanted = tuple(fields)
        if there and is_same(there, callback, wanted) and there.is_active:
            return None
        return Subscribe(
            app=self.app,
            callback=callback,
            fields=wanted,
            replacing=there.callback if there else None,
            replacing_fields=there.fields if there else (),
        )

    def table(self) -> Table:
        rows = (
            (one.about, one.callback, ", ".join(one.fields), one.is_active) for one in self.listed
        )
        return Table(("Object", "Callback", "Fields", "Active"), tuple(rows))


class Hearing(Facts):
    """Whether our app hears of an ad account."""

    account: str
    business_account: int
    is_subscribed: bool | None  #: None: not known; then `says` why.
    says: str = ""


class Hearings(Facts):
    app: str
    accounts: tuple[Hearing, ...]

    @property
    def lacking(self) -> tuple[str, ...]:
        return tuple(one.account for one in self.accounts if one.is_subscribed is False)

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(one.account for one in self.accounts if one.is_subscribed is None)

    def subscribe(self) -> tuple[SubscribeApp, ...]:
        """For all that lack it."""
        return tuple(
            SubscribeApp(app=self.app, account=one.account, business_account=one.business_account)
            for one in self.accounts
            if one.is_subscribed is False
        )

    def table(self) -> Table:
        words = {True: "yes", False: "no", None: "not known"}
        rows = ((one.account, words[one.is_subscribed], one.says) for one in self.accounts)
        return Table(("Account", "Subscribed", "Says"), tuple(rows))


class Endpoint(Facts):
    """Our own callback, asked as Meta asks it."""

    callback: str
    echoes: bool  #: It answered our challenge, exactly.
    keeps_strangers_out: bool  #: It answered 403 to a wrong verify token.
    says: str

    @property
    def is_well(self) -> bool:
        return self.echoes and self.keeps_strangers_out


def is_same(there: Subscription, callback: str, fields: Sequence[str]) -> bool:
    return there.callback == callback and set(there.fields) == set(fields)
