"""RB-SYNC-002: Token Refresh."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from adapters.company_data import CompanyData, NotifyOwners, StoreToken
from adapters.company_data.facts import TokenRow
from adapters.meta import Meta, StoredToken, TokenState, TokenTry
from bot.runbook import (
    Answer,
    Concern,
    Done,
    Facts,
    Found,
    Nothing,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Secret,
    Table,
    Thresholds,
)
from bot.runbook.durations import days, minutes
from bot.runbook.showing import duration_text
from bot.runbook.words import choose, nothing, ok, plan, problem, question, unknown, warning

MOST_CHOICES = 100  #: Slack's menus have no more.
MOST_NAMED = 5  #: Tokens in a sentence; the table has all.


class Limits(Thresholds):
    soon: timedelta = days(7)  #: A token that ends earlier is to be refreshed.
    organizations_in_a_plan: int = 50  #: Whose owners are told with one approval.


class Inputs(RunbookInputs):
    organization: str = Field(
        title="Only organizations called so",
        description="a part of their name; nothing given: all whose token expires",
        default="",
        max_length=120,
    )
    kind: Literal["any", "user", "system_user"] = Field(title="Kind of token", default="any")

    def is_about(self, row: TokenRow) -> bool:
        is_kind = self.kind in ("any", row.kind)
        return is_kind and self.organization.casefold() in row.organization_name.casefold()


class AffectedToken(Facts):
    row: TokenRow
    why: str  #: It is to be refreshed.


class Affected(Facts):
    """Those that cannot be used, or not for long."""

    tokens: tuple[AffectedToken, ...]
    unread: tuple[int, ...]  #: Business accounts of whose token Meta could not be asked.
    as_of: AwareDatetime

    def of(self, kind: str) -> tuple[AffectedToken, ...]:
        return tuple(one for one in self.tokens if one.row.kind == kind)

    def table(self) -> Table:
        rows = (
            (one.row.organization_name, one.row.business_account, one.row.kind, one.why)
            for one in self.tokens
        )
        return Table(("Organization", "Business account", "Token", "Why"), tuple(rows))


class NewToken(Answer):
    token: Secret = Field(title="New system-user token")


book = Runbook(
    id="RB-SYNC-002",
    title="Token Refresh",
    severity="P2",
    category="Data Sync",
    when=("Meta API returning 401/expired token errors",),
    inputs=Inputs,
    thresholds=Limits,
)
sync = book.next_hop("RB-SYNC-001", "Its ads are not up to date yet", fills=("organization",))

find = book.section("Identify")


@find.check("Identify affected accounts", about="meta-token", limit=minutes(3))
async def affected(
    inputs: Inputs, company_data: CompanyData, meta: Meta, limits: Limits
) -> Found[Affected]:
    """By the database, and by Meta: a token that was revoked looks well in the database."""
    tokens = await company_data.tokens()
    rows = [one for one in tokens.tokens if inputs.is_about(one)]
    if not rows:
        return unknown("There is no such organization with a token of this kind")
    asked = await meta.tokens([one.business_account for one in rows if one.fingerprint])
    states = {one.business_account: one.state for one in asked if one.state}
    unread = tuple(one.business_account for one in asked if not one.state)
    bad = tuple(
        AffectedToken(row=one, why=why)
        for one in rows
        if (why := _why(one, states.get(one.business_account), limits.soon))
    )
    found = Affected(tokens=bad, unread=unread, as_of=tokens.as_of)
    why_not = next((one.says for one in asked if not one.state), "")
    blind = f"Meta could not be asked about {len(unread)} of {len(rows)}: {why_not}"
    concerns = tuple(
        Concern(f"business account {one.row.business_account}", _named(one)) for one in bad
    )
    if bad:
        says = f"{len(bad)} of {len(rows)} tokens are to be refreshed: {'; '.join(_some(bad))}"
        says = f"{says}. {blind}" if unread else says
        return warning(says, found, table=found.table(), concerns=concerns)
    if unread:
        return unknown(blind)
    return ok(f"All {len(rows)} tokens are valid for {duration_text(limits.soon)} or more", found)


users = book.section("User access tokens (60-day)")


@users.action("Send notification to organization admin: they must re-authenticate via OAuth flow")
def notify(affected: Affected, run: Run, limits: Limits) -> Plan[NotifyOwners] | Nothing:
    organizations = dict.fromkeys(
        (one.row.organization, one.row.organization_name) for one in affected.of("user")
    )
    most = limits.organizations_in_a_plan
    more = f"; the first {most} of them in this run" if len(organizations) > most else ""
    changes = [
        NotifyOwners(run=run.id, organization=number, organization_name=name)
        for number, name in list(organizations)[:most]
    ]
    return plan(
        *changes,
        because=f"Only users can renew the tokens of {len(organizations)} organizations{more}",
        beware="Each owner gets a message, which cannot be taken back",
        if_none="No user's token is affected",
    )


system = book.section("System user tokens (long-lived)")


@system.ask("Choose the business account that gets a new token")
def account(affected: Affected) -> Question[TokenRow] | Nothing:
    rows = [one.row for one in affected.of("system_user")]
    return choose(
        rows[:MOST_CHOICES],
        lambda one: f"{one.organization_name}: business account {one.business_account}",
        f"{len(rows)} system-user tokens are to be refreshed, one in each run. Which one now?",
        if_none="No system-user token is affected",
    )


@system.ask("Generate new token in Meta Business Settings")
def new_token(account: TokenRow) -> Question[NewToken]:
    return question(
        NewToken,
        f"Generate a token of a system user of {account.organization_name} there, and paste it"
        " into the form. It goes into the secret store at once, and is shown nowhere",
    )


@system.check("Check the new token, before anything is stored")
async def new_state(new_token: NewToken, meta: Meta, limits: Limits) -> Found[TokenState]:
    state = await meta.token(new_token.token)
    if trouble := _unfit(state, limits.soon):
        return problem(f"{trouble}. Nothing was stored", state)
    until = f"until {state.expires_at:%Y-%m-%d} UTC" if state.expires_at else "for ever"
    return ok(
        f"It is a system user's token for our app, may do enough, and is valid {until}", state
    )


@system.action("Encrypt and update in database")
def store(
    account: TokenRow, new_token: NewToken, new_state: TokenState, limits: Limits
) -> Plan[StoreToken] | Nothing:
    if trouble := _unfit(new_state, limits.soon):
        return nothing(f"{trouble}. It is not stored")
    return plan(
        StoreToken(
            business_account=account.business_account,
            organization_name=account.organization_name,
            new=new_token.token,
            expires_at=new_state.expires_at,
            replacing=account.fingerprint,
        ),
        because=f"The token of {account.organization_name} is to be refreshed",
        beware="Every sync of this organization uses it from now on; the one of before is kept",
    )


@system.check("Verify token works")
async def works(
    store: Done[StoreToken], account: TokenRow, company_data: CompanyData, meta: Meta
) -> Found[TokenTry]:
    """As it is stored now, with /me and an ads call."""
    syncs = await company_data.last_syncs(account.organization)
    ads = [one.account for one in syncs.accounts]
    if not ads:
        return unknown(f"{account.organization_name} has no active ad account to try it with")
    place = StoredToken(business_account=store.only.business_account)
    tried = await meta.try_token(place, ads[0])
    if not tried.works:
        return problem(f"{tried.says}. Undo puts the token of before back", tried)
    return ok(tried.says, tried, next_hops=(sync(organization=account.organization_name),))


def _why(row: TokenRow, state: TokenState | None, soon: timedelta) -> str:
    """Why it is to be refreshed; empty: it need not be."""
    if not row.fingerprint:
        return "there is none"
    if state and state.trouble:
        return state.trouble
    ends = (row.left, state.left if state else None)
    left = min((one for one in ends if one is not None), default=None)
    if left is None or left > soon:
        return ""
    if left <= timedelta(0):
        return f"it has expired {duration_text(-left)} ago"
    return f"it expires in {duration_text(left)}"


def _unfit(state: TokenState, soon: timedelta) -> str:
    """Why a new token is not taken; empty: it is."""
    if state.trouble:
        return state.trouble
    if state.kind != "SYSTEM_USER":
        return f"It is no system user's token, but one of kind {state.kind or 'unknown'}"
    if state.left is not None and state.left <= soon:
        return f"It expires in {duration_text(state.left)}"
    return ""


def _named(one: AffectedToken) -> str:
    return f"{one.row.organization_name} ({one.row.kind}): {one.why}"


def _some(bad: tuple[AffectedToken, ...]) -> Iterator[str]:
    yield from map(_named, bad[:MOST_NAMED])
    if len(bad) > MOST_NAMED:
        yield f"and {len(bad) - MOST_NAMED} more"
