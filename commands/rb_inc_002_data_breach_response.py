"""
RB-INC-002: Data Breach Response.

The prose contains first and preserves second. Here it is the other way round: whatever is revoked
before it is copied is no evidence any more. What goes without an approval alters nothing but our
own channel, pager and evidence bucket; the snapshot, which is made at RDS, needs one of the
security team, and each way of containing two.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from adapters.accounts import (
    Accounts,
    Activities,
    DisableUser,
    RevokeUserSessions,
    Suspects,
    Touched,
)
from adapters.auth0 import (
    Auth0,
    BlockUser,
    RevokeRefreshTokens,
    RevokeSessions,
    SignIns,
    Standing,
    Standings,
)
from adapters.cloudtrail import CloudTrail, Trail
from adapters.ecs import Ecs
from adapters.evidence import CopySessionRows, Evidence, ExportLogs, KeptEvidence
from adapters.iam import Credentials, DeactivateKey, DenyOlderSessions, Iam
from adapters.notices import PostNotice
from adapters.pager import Page, Pager
from adapters.rds import Rds, StartSnapshot
from adapters.slack import CreateChannel, PostTimeline
from adapters.team import Team
from bot.runbook import (
    Answer,
    Company,
    Done,
    Found,
    Nothing,
    Person,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Thresholds,
    Todo,
)
from bot.runbook.durations import days, hours, minutes
from bot.runbook.values import UserId
from bot.runbook.words import nothing, ok, plan, problem, question, todo, warning

SECURITY = "security"
TO_THE_AUTHORITY = hours(72)  #: From awareness: GDPR, article 33.
REMINDERS = (hours(48), hours(24), hours(6))
USUAL = days(30)  #: Addresses of so long before the incident are nothing new.
LONGEST_RUN = days(30)
MOST_NAMED = 5
MOST = 50  #: Users or credentials of one run: what one approval can be read in.


class Limits(Thresholds):
    look_back: timedelta = hours(24)  #: Before awareness, when no time is given.
    #: What "expedient" is held to, from awareness on.
    expedient: timedelta = hours(72)
    #: In the audit table: by these, data leaves us.
    exposing: tuple[str, ...] = ("export_downloaded", "report_viewed", "customers_listed")


SuspectName = Annotated[
    str,
    Field(
        pattern=r"^(\d{1,18}|[\w.+-]{1,64}@[A-Za-z0-9.-]{1,190})$",
        description="an e-mail address, or the id of a user in our database",
    ),
]
KeyId = Annotated[
    str, Field(pattern=r"^(AKIA|ASIA)[A-Z0-9]{12,124}$", description="an id such as AKIA...")
]
RoleName = Annotated[
    str, Field(pattern=r"^[\w+=,.@-]{1,64}$", description="the name of a role in IAM")
]
ServiceName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$", description="letters, digits, - and _")
]


class Inputs(RunbookInputs):
    brief_desc: str = Field(
        title="Brief description",
        description="3 to 40 lowercase letters, digits and dashes: it becomes the channel's name",
        pattern=r"^[a-z0-9-]{3,40}$",
    )
    seen: str = Field(
        title="What was seen",
        default="",
        max_length=500,
        description="by whom and where; no customer's data",
    )
    users: tuple[SuspectName, ...] = Field(
        title="Suspected users",
        default=(),
        max_length=MOST,
        description="e-mail addresses or ids of our database",
    )
    access_keys: tuple[KeyId, ...] = Field(
        title="Suspected access keys", default=(), max_length=MOST, description="ids, AKIA..."
    )
    roles: tuple[RoleName, ...] = Field(
        title="Suspected roles", default=(), max_length=MOST, description="names in IAM"
    )
    services: tuple[ServiceName, ...] = Field(
        title="Systems", default=(), description="whose logs are kept; none chosen: all"
    )
    members: tuple[UserId, ...] = Field(
        title="Who else is let in",
        default=(),
        max_length=MOST,
        description="ids of people, such as U012AB3CD; the security team and leaders always are",
    )
    aware_at: AwareDatetime | None = Field(
        title="Aware since",
        default=None,
        description="when somebody here first knew: the 72 hours begin there; empty: now",
    )
    began: AwareDatetime | None = Field(
        title="Look from", default=None, description="empty: a day before awareness"
    )
    ended: AwareDatetime | None = Field(
        title="Look until", default=None, description="empty: until now"
    )

    @field_validator("ended")
    @classmethod
    def _is_later(cls, ended: AwareDatetime | None, info: ValidationInfo) -> AwareDatetime | None:
        began = info.data.get("began")
        if ended and began and ended <= began:
            raise ValueError("this must be later than what is looked from")
        return ended

    def aware(self, run: Run) -> datetime:
        return self.aware_at or run.started_at

    def since(self, run: Run, limits: Limits) -> datetime:
        return self.began or self.aware(run) - limits.look_back

    def until(self, run: Run) -> datetime:
        """Whatever happens while the run goes on, too."""
        return self.ended or run.started_at + LONGEST_RUN


book = Runbook(
    id="RB-INC-002",
    title="Data Breach Response",
    severity="P1",
    category="Incident",
    when=(
        "Unauthorized access detected",
        "Customer reports data exposure",
        "Security tool alerts",
    ),
    inputs=Inputs,
    thresholds=Limits,
    confidential=True,
)


@book.choices("services")
async def existing_services(ecs: Ecs) -> Sequence[str]:
    return await ecs.names()


room = book.section("Immediate Actions: a private channel")


@room.action(
    "Open a private channel for those who must know",
    unattended="opens a channel of our own and touches nothing else",
)
async def open_room(run: Run, inputs: Inputs, team: Team, pager: Pager) -> Plan[CreateChannel]:
    security = (await team.members(SECURITY)).ids
    leaders = (await pager.leaders()).ids
    return plan(
        CreateChannel(
            name=f"incident-{run.started_at:%Y%m%d}-{inputs.brief_desc}",
            run=run.id,
            since=run.started_at,
            topic="P1. Do NOT communicate externally",
            purpose=f"Data breach: {inputs.brief_desc}",
            invite=tuple(dict.fromkeys((run.started_by, *security, *leaders, *inputs.members))),
            is_private=True,
        )
    )


notify = book.section("Immediate Actions: Notify - Alert leadership immediately", holds=False)


@notify.action(
    "Do NOT communicate externally yet", unattended="is said in our own channel, to those in it"
)
def keep_inside(run: Run) -> Plan[PostNotice]:
    text = (
        "Do NOT communicate externally yet: not to customers, partners, the press or anybody who"
        " is not in this channel. What is told outside is told by Legal, once that is decided."
    )
    return plan(PostNotice(run=run.id, name="keep-inside", text=text))


@notify.action(
    "Page CEO, CTO, Legal", unattended="whoever must know of a breach is never paged wrongly"
)
def page_leaders(run: Run, inputs: Inputs) -> Plan[Page]:
    """What was seen is for the channel: a page goes through others' hands."""
    message = f"P1 Data Breach Response: {inputs.brief_desc}. Do NOT communicate externally"
    return plan(Page(run=run.id, since=run.started_at, message=message, whom="leaders"))


class Duty(Answer):
    """Whose it is to notify, and whether it is due at all."""

    owner: Person = Field(title="Who does it")
    concerned: Literal["yes", "no", "not known yet"] = Field(
        title="Is such data concerned", default="not known yet"
    )


clocks = book.section("Notification Requirements")


@clocks.ask("EU user data: who notifies the supervisory authority", meanwhile=True)
def eu_duty(run: Run, inputs: Inputs) -> Question[Duty]:
    due = inputs.aware(run) + TO_THE_AUTHORITY
    text = f"The supervisory authority must be told within 72 hours: by {due:%Y-%m-%d %H:%M} UTC"
    return _who(run, text, by=due, remind=REMINDERS)


@clocks.confirm("EU user data: notify supervisory authority, within 72 hours", meanwhile=True)
def tell_authority(run: Run, inputs: Inputs, eu_duty: Duty) -> Todo | Nothing:
    due = inputs.aware(run) + TO_THE_AUTHORITY
    text = "Tell what is known by then; the rest may follow (GDPR, article 33). Legal signs it"
    return _duty(eu_duty, text, by=due, remind=REMINDERS)


@clocks.ask("CA resident data: who prepares the notification", meanwhile=True)
def ca_duty(run: Run, inputs: Inputs, limits: Limits) -> Question[Duty]:
    due = inputs.aware(run) + limits.expedient
    return _who(run, "Residents of California are told without delay", by=due, remind=(hours(24),))


@clocks.confirm('CA resident data: prepare notification, "expedient"', meanwhile=True)
def prepare_california(run: Run, inputs: Inputs, limits: Limits, ca_duty: Duty) -> Todo | Nothing:
    due = inputs.aware(run) + limits.expedient
    text = "Prepare it in the form of California's Civil Code 1798.82, for Legal to send"
    return _duty(ca_duty, text, by=due, remind=(hours(24),))


@clocks.ask("Any PII: who notifies affected users", meanwhile=True)
def users_duty(run: Run) -> Question[Duty]:
    return _who(run, "Whoever is affected is told after the investigation")


def _who(
    run: Run, text: str, by: datetime | None = None, remind: Sequence[timedelta] = ()
) -> Question[Duty]:
    proposed = Duty(owner=Person(user_id=run.started_by))
    return question(Duty, text, proposed=proposed, by=by, remind=remind)


def _duty(
    duty: Duty, text: str, by: datetime | None = None, remind: Sequence[timedelta] = ()
) -> Todo | Nothing:
    if duty.concerned == "no":
        return nothing("No such data is concerned, it was said")
    return todo(text, by=by, remind=remind, owner=duty.owner)


suspicion = book.section("Immediate Actions: what the suspects can still do", holds=False)


@suspicion.check("Check suspected users: our database")
async def suspected_users(inputs: Inputs, accounts: Accounts) -> Found[Suspects] | Nothing:
    if not inputs.users:
        return nothing("No user is suspected")
    found = await accounts.find(inputs.users)
    free = [one for one in found.accounts if one.can_come_in]
    says = [
        f"user {one.id} ({one.email}) is {'active' if one.is_active else 'disabled'}"
        f" and has {one.live_sessions} live sessions"
        for one in free
    ]
    says += [f"nobody is {one}" for one in found.missing]
    if says:
        return problem(_listed(says), found, table=found.table())
    return ok(
        f"All {len(found.accounts)} are disabled and have no live session",
        found,
        table=found.table(),
    )


@suspicion.check("Check suspected users: Auth0", limit=minutes(2))
async def suspected_logins(suspected_users: Suspects, auth0: Auth0) -> Found[Standings]:
    found = await auth0.standings([one.email for one in suspected_users.accounts])
    says = [
        f"{one.user.id} ({one.user.email}) is {'' if one.user.is_blocked else 'not '}blocked, with"
        f" {one.sessions} sessions and {one.refresh_tokens} refresh tokens"
        for one in found.standings
        if one.can_come_in
    ]
    if says:
        return problem(_listed(says), found, table=found.table())
    if found.missing:
        return warning(f"Auth0 has nobody with {_listed(found.missing)}", found)
    return ok("All are blocked, without sessions and refresh tokens", found, table=found.table())


@suspicion.check("Check what keys were made with suspected credentials", limit=minutes(2))
async def keys_made(
    run: Run, inputs: Inputs, limits: Limits, trail: CloudTrail
) -> Found[Trail] | Nothing:
    """CloudTrail tells some minutes late. What was made with those that were made as well, too."""
    if not inputs.access_keys:
        return nothing("No access key is suspected")
    since, until = inputs.since(run, limits), inputs.until(run)
    found = (await trail.of("AccessKeyId", inputs.access_keys, since, until)).made_keys
    if not found.events:
        return ok("None were, by CloudTrail", found)
    says = [f"{one.made} for {one.about or one.user}" for one in found.events]
    return problem(f"Made with them: {_listed(says)}", found, table=found.table())


@suspicion.check("Check suspected credentials: IAM", limit=minutes(2))
async def suspected_keys(
    run: Run, inputs: Inputs, keys_made: Trail | None, iam: Iam
) -> Found[Credentials] | Nothing:
    if not inputs.access_keys and not inputs.roles:
        return nothing("No access key and no role is suspected")
    suspected = _suspected(inputs, keys_made)
    found = await iam.credentials(suspected, inputs.roles)
    says = [
        f"{one.id} of {one.user} is active"
        for one in found.keys
        if one.id in suspected and one.is_active
    ]
    says += [
        f"sessions of role {one.name} are not denied"
        for one in found.roles
        if one.denies_before is None or one.denies_before < run.started_at
    ]
    says += [f"{one} is not in this account" for one in found.missing]
    if says:
        return problem(_listed(says), found, table=found.table())
    return ok("None of them can be used any more", found, table=found.table())


preserve = book.section("Immediate Actions: Preserve - Capture evidence before changes")


@preserve.action(
    "Copy the suspects' sessions to the evidence bucket",
    unattended="copies into our own locked bucket, and alters nothing that is copied",
)
def copy_sessions(run: Run, suspected_users: Suspects | None) -> Plan[CopySessionRows] | Nothing:
    if suspected_users is None or not suspected_users.ids:
        return nothing("No suspect is known in our database")
    return plan(
        CopySessionRows(run=run.id, since=run.started_at, users=suspected_users.ids),
        because="What is revoked before it is copied is no evidence any more",
    )


@preserve.action("Snapshot affected database", role=SECURITY)
async def snapshot(run: Run, company: Company, rds: Rds) -> Plan[StartSnapshot]:
    database = await rds.database(company.database)
    name = f"incident-{run.started_at:%Y%m%d-%H%M%S}-{run.id.lower()}"
    return plan(
        database.start_snapshot(name, run.id),
        because="It holds what was there before anything is contained; nothing waits for its end",
        beware="Reads and writes go on. It is kept until somebody deletes it, and costs so long",
    )


contain = book.section(
    "Immediate Actions: Contain - Revoke compromised credentials immediately", pick=True
)


@contain.action(
    "Disable affected user: UPDATE users SET is_active = false",
    suggested_by=suspected_users,
    role=SECURITY,
)
def disable_users(suspected_users: Suspects | None) -> Plan[DisableUser] | Nothing:
    accounts = suspected_users.accounts if suspected_users else ()
    return plan(
        *(one.disable() for one in accounts),
        because=f"Suspected: {_listed([one.email for one in accounts])}",
        beware="They cannot work any more. Their live sessions go on until they are revoked",
        if_none="No suspect is known in our database",
    )


@contain.action(
    "Invalidate sessions: mark them revoked, once they are copied",
    suggested_by=suspected_users,
    role=SECURITY,
)
def revoke_sessions(
    suspected_users: Suspects | None, copy_sessions: Done[CopySessionRows]
) -> Plan[RevokeUserSessions] | Nothing:
    """Marked and not deleted, and only those of users whose rows are in the bucket."""
    copied = copy_sessions.only.users
    accounts = suspected_users.accounts if suspected_users else ()
    return plan(
        *(one.revoke_sessions() for one in accounts if one.id in copied),
        because=f"Their rows are in the evidence bucket: {copy_sessions.only.name}",
        beware="They are signed out everywhere, and so is whoever uses their sessions",
        if_none="No session of a suspect was copied",
    )


@contain.action("Block the user in Auth0", suggested_by=suspected_logins, role=SECURITY)
def block_logins(suspected_logins: Standings | None) -> Plan[BlockUser] | Nothing:
    return plan(
        *(one.user.block() for one in _standing(suspected_logins)),
        because="A user that is disabled in our database can still sign in at Auth0",
        if_none="Auth0 knows none of the suspects",
    )


@contain.action(
    "End sessions and revoke refresh tokens in Auth0",
    suggested_by=suspected_logins,
    role=SECURITY,
)
def end_logins(
    suspected_logins: Standings | None,
) -> Plan[RevokeSessions | RevokeRefreshTokens] | Nothing:
    users = [one.user for one in _standing(suspected_logins)]
    sessions = [user.revoke_sessions() for user in users]
    tokens = [user.revoke_refresh_tokens() for user in users]
    return plan(
        *sessions,
        *tokens,
        because="Blocking ends no session and revokes no refresh token",
        beware="Access tokens that are out stay good until they expire. Block first",
        if_none="Auth0 knows none of the suspects",
    )


@contain.action("Make access keys inactive", suggested_by=suspected_keys, role=SECURITY)
def deactivate_keys(
    inputs: Inputs, keys_made: Trail | None, suspected_keys: Credentials | None
) -> Plan[DeactivateKey] | Nothing:
    """Those that were made with them too: they are why the first one was stolen."""
    suspected = _suspected(inputs, keys_made)
    found = suspected_keys.keys if suspected_keys else ()
    keys = [one for one in found if one.id in suspected]
    users = _listed(sorted({one.user for one in keys}))
    return plan(
        *(one.deactivate() for one in keys),
        because=f"Suspected keys of {users}",
        beware="Whatever runs with them is refused from now on. They are not deleted",
        if_none="None of the suspected keys is a user's of this account",
    )


@contain.action("Deny a role's older sessions", suggested_by=suspected_keys, role=SECURITY)
def deny_sessions(
    run: Run, suspected_keys: Credentials | None
) -> Plan[DenyOlderSessions] | Nothing:
    roles = suspected_keys.roles if suspected_keys else ()
    return plan(
        *(one.deny_older_sessions(run.id) for one in roles),
        because=f"Suspected roles: {_listed([one.name for one in roles])}",
        beware="Services with these roles are refused until they take new credentials, which ECS"
        " tasks do by themselves within hours, or when they are restarted",
        if_none="No role is suspected",
    )


logs = book.section("Immediate Actions: Preserve - Export relevant logs")


@logs.action(
    "Export relevant logs",
    unattended="copies into our own locked bucket, and alters nothing that is copied",
)
async def export_logs(
    run: Run, inputs: Inputs, limits: Limits, company: Company, evidence: Evidence
) -> Plan[ExportLogs] | Nothing:
    found = await evidence.log_groups(inputs.services or company.service_names)
    begins, ends = inputs.since(run, limits), inputs.ended or found.as_of
    missing = f". There is no {_listed(found.missing)}" if found.missing else ""
    return plan(
        *(
            ExportLogs(run=run.id, since=run.started_at, group=group, begins=begins, ends=ends)
            for group in found.groups
        ),
        because=f"All that they said from {_minute(begins)} to {_minute(ends)}{missing}",
        if_none=f"There is no log group {_listed(found.missing)}",
    )


scope = book.section("Investigation: Determine scope", holds=False)


@scope.check("Which records accessed?", limit=minutes(2))
async def records_accessed(
    run: Run, inputs: Inputs, limits: Limits, suspected_users: Suspects | None, accounts: Accounts
) -> Found[Activities] | Nothing:
    if suspected_users is None or not suspected_users.ids:
        return nothing(
            "By the audit table only what a user did can be told, and none is suspected"
        )
    since = inputs.since(run, limits)
    found = await accounts.activities(suspected_users.ids, since, inputs.ended)
    if not found.entries:
        return ok(f"The audit table has nothing of them since {_minute(since)}", found)
    cut = ", and more than can be shown" if found.is_cut else ""
    return warning(
        f"They did {found.times} things{cut}, to {len(found.organizations)} organizations",
        found,
        table=found.table(),
    )


@scope.check("Which users affected?")
async def users_affected(records_accessed: Activities, accounts: Accounts) -> Found[Touched]:
    found = await accounts.touched(records_accessed.organizations)
    says = f"{found.users} users of {len(found.organizations)} organizations"
    if not found.users:
        return ok("None, by the audit table", found)
    cut = "; not all owners are listed" if found.is_cut else ""
    return warning(f"{says} may be affected{cut}", found, table=found.table())


@scope.check("What data was exposed?")
def data_exposed(records_accessed: Activities, limits: Limits) -> Found[Activities]:
    left = [one for one in records_accessed.entries if one.action in limits.exposing]
    found = records_accessed.model_copy(update={"entries": tuple(left)})
    if not left:
        return ok(f"Nothing that gives data out: none of {_listed(limits.exposing)}", found)
    counts = {
        name: sum(one.times for one in left if one.action == name) for name in limits.exposing
    }
    told = [f"{count} times {name}" for name, count in counts.items() if count]
    return problem(
        f"{_listed(told)}, of {len(found.organizations)} organizations",
        found,
        table=found.table(),
    )


vector = book.section("Investigation: Determine vector", holds=False)


@vector.check("How did attacker gain access? Sign-ins by address and agent", limit=minutes(5))
async def sign_ins(
    run: Run, inputs: Inputs, limits: Limits, suspected_logins: Standings | None, auth0: Auth0
) -> Found[SignIns] | Nothing:
    """From addresses that the user had not been at before; and whoever else came from there."""
    if suspected_logins is None or not suspected_logins.standings:
        return nothing("Auth0 knows none of the suspects")
    since, until = inputs.since(run, limits), inputs.until(run)
    strange: dict[str, None] = {}
    entries = []
    for one in suspected_logins.standings:
        now = await auth0.sign_ins(since, until, user_id=one.user.id)
        before = await auth0.sign_ins(since - USUAL, since, user_id=one.user.id)
        strange |= dict.fromkeys(ip for ip in now.ips if ip not in before.ips)
        entries += [entry for entry in now.entries if entry not in entries]
    for ip in list(strange)[:MOST_NAMED]:
        others = await auth0.sign_ins(since, until, ip=ip)
        entries += [entry for entry in others.entries if entry not in entries]
    newest = sorted(entries, key=lambda entry: entry.at, reverse=True)
    found = SignIns(entries=tuple(newest))
    if not strange:
        return ok(f"{len(newest)} sign-ins, none from a new address", found, table=found.table())
    users = {entry.user_name or entry.user_id for entry in newest if entry.ip in strange}
    return problem(
        f"Signed in from new addresses: {_listed(list(strange))}. From there came"
        f" {_listed(sorted(users))}",
        found,
        table=found.table(),
    )


@vector.check("Credential compromise? Use of the keys", limit=minutes(5))
async def key_use(
    run: Run, inputs: Inputs, limits: Limits, trail: CloudTrail
) -> Found[Trail] | Nothing:
    if not inputs.access_keys:
        return nothing("No access key is suspected")
    since, until = inputs.since(run, limits), inputs.until(run)
    found = await trail.of("AccessKeyId", inputs.access_keys, since, until)
    if not found.events:
        return ok(f"CloudTrail has nothing of them since {_minute(since)}", found)
    calls = sorted({one.name for one in found.events})
    cut = " at least" if found.is_cut else ""
    return warning(
        f"Used{cut} {len(found.events)} times, from {_listed(found.ips)}: {_listed(calls)}",
        found,
        table=found.table(),
    )


@vector.check("Credential compromise? New keys, role and policy changes", limit=minutes(5))
async def footholds(run: Run, inputs: Inputs, limits: Limits, trail: CloudTrail) -> Found[Trail]:
    """By anybody: what was made with a stolen credential is another one that nobody suspects."""
    since, until = inputs.since(run, limits), inputs.until(run)
    found = (await trail.footholds(since, until)).footholds
    if not found.events:
        return ok(f"Nobody was given a new way in since {_minute(since)}", found)
    says = [f"{one.name} {one.made or one.about} by {one.user}" for one in found.events]
    return problem(_listed(says), found, table=found.table())


@vector.check("Credential compromise? Sign-ins to the console", limit=minutes(5))
async def console_sign_ins(
    run: Run, inputs: Inputs, limits: Limits, trail: CloudTrail
) -> Found[Trail]:
    since, until = inputs.since(run, limits), inputs.until(run)
    found = await trail.sign_ins(since, until)
    failed = [one for one in found.events if one.failure]
    if not failed:
        return ok(f"{len(found.events)} since {_minute(since)}, none failed", found)
    ips = sorted({one.ip for one in failed})
    return warning(
        f"{len(failed)} of {len(found.events)} failed, from {_listed(ips)}",
        found,
        table=found.table(),
    )


@vector.confirm("Application vulnerability?")
def vulnerability(inputs: Inputs) -> Todo:
    return todo(
        "Read the exported logs for requests that should have been refused, and the changes that"
        " were deployed before it began. Say in this channel what you found"
    )


document = book.section("Investigation: Document everything")


@document.check("Evidence collected", limit=minutes(2))
async def evidence_kept(
    run: Run, snapshot: Done[StartSnapshot] | None, evidence: Evidence, rds: Rds
) -> Found[KeptEvidence]:
    found = await evidence.kept(run)
    says = [f"{one} is not as it was sent, or not locked" for one in found.unsound]
    if snapshot is None:
        says.append("there is no snapshot of the database")
    else:
        taken = await rds.snapshot(snapshot.only)
        if taken.status not in ("available", "creating"):
            says.append(f"the snapshot {taken.name} is {taken.status}")
    if not found.objects:
        says.append("there is nothing in the bucket")
    if says:
        return problem(_listed(says), found, table=found.table())
    return ok(
        f"{len(found.objects)} objects in s3://{found.bucket}/{found.folder}, each with its hash"
        " and locked, and the snapshot of the database",
        found,
        table=found.table(),
    )


@document.action(
    "Timeline of events, actions taken", unattended="posts in our own private channel"
)
def document_timeline(run: Run) -> Plan[PostTimeline]:
    return plan(PostTimeline(run=run.id))


afterwards = book.section("Notification Requirements: after the investigation")


@afterwards.confirm("Any PII: notify affected users, after investigation")
def tell_users(users_duty: Duty, users_affected: Touched | None) -> Todo | Nothing:
    who = f"{users_affected.users} users, by the audit table" if users_affected else "not known"
    return _duty(users_duty, f"Affected: {who}. Legal decides what they are told")


def _suspected(inputs: Inputs, made: Trail | None) -> Sequence[str]:
    ids = (one.made for one in made.events) if made else ()
    return tuple(dict.fromkeys((*inputs.access_keys, *ids)))


def _standing(found: Standings | None) -> Sequence[Standing]:
    return found.standings if found else ()


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
