"""RB-INC-002 without Slack, AWS, Auth0 or a database: facts in, verdicts and commands out."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.accounts import Account, Accounts, Activities, Activity, Suspects, Touched
from adapters.auth0 import Auth0, SignIn, SignIns, Standing, Standings, User
from adapters.cloudtrail import CloudTrail, Trail, TrailEvent
from adapters.evidence import Evidence, Kept, KeptEvidence, LogGroups
from adapters.iam import AccessKey, Credentials, Iam, Role
from adapters.pager import Leader, Leaders, Pager
from adapters.rds import Database, Instance, Rds, Snapshot
from adapters.team import Members, Team
from bot.engine.rehearsal import RUN, Rehearsal, canned, rehearse
from bot.runbook import Nothing, Person, Question, Todo
from bot.runbook.errors import Refused, Unreachable
from commands.rb_inc_002_data_breach_response import (
    REMINDERS,
    Duty,
    Inputs,
    Limits,
    book,
    eu_duty,
    sign_ins,
    tell_authority,
)
from tests.hostile import MALICE

NOW = RUN.started_at
HOUR = timedelta(hours=1)
KEY, STRANGE = "AKIAIOSFODNN7EXAMPLE", "203.0.113.66"
MALLORY = Account(
    id=7, email="mallory@example.com", name="Mallory", auth0_id="auth0|7", is_active=True,
    live_sessions=2, ips=(STRANGE,),
)  # fmt: skip
OUT = MALLORY.model_copy(update={"is_active": False, "live_sessions": 0, "ips": ()})
LOGIN = Standing(
    user=User(id="auth0|7", email="mallory@example.com", is_blocked=False),
    sessions=1,
    refresh_tokens=1,
)
BLOCKED = Standing(
    user=User(id="auth0|7", email="mallory@example.com", is_blocked=True),
    sessions=0,
    refresh_tokens=0,
)
ACTIVE = AccessKey(id=KEY, user="deployer", is_active=True, made_at=NOW - timedelta(days=90))
INACTIVE = ACTIVE.model_copy(update={"is_active": False})
ROLE = Role(name="complyai-core", as_of=NOW + HOUR)
DENIED = ROLE.model_copy(update={"denies_before": NOW + HOUR})
DATABASE = Database(
    name="complyai-prod", resource_id="cluster-1", kind="aurora", engine="aurora", as_of=NOW,
    status="available", instance_class="db.r6g.xlarge", writer="w", zone="a", readers=("r",),
    instances=(Instance(name="w", role="writer", status="available", instance_class="x"),),
)  # fmt: skip
EXPORTED = Activity(
    user=7, organization=3, organization_name="Cedar Dental", action="export_downloaded", times=4,
    first=NOW - HOUR, last=NOW, ips=(STRANGE,),
)  # fmt: skip
KEPT = Kept(
    name="sessions/users-7.json", lines=3, size=900, sha256="ab" * 32, kept_at=NOW,
    locked_until=NOW + timedelta(days=365),
)  # fmt: skip
ALL = Inputs(
    brief_desc="export-abuse",
    users=("mallory@example.com",),
    access_keys=(KEY,),
    roles=("complyai-core",),
    members=("U0LEGAL",),
)
NOT_YET = Duty(owner=Person(user_id="U0LEGAL"), concerned="not known yet")
CONTAIN = [
    "disable_users",
    "revoke_sessions",
    "block_logins",
    "end_logins",
    "deactivate_keys",
    "deny_sessions",
]


def activities(*entries: Activity) -> Activities:
    return Activities(entries=entries, since=NOW - 24 * HOUR)


def trail(*events: TrailEvent) -> Trail:
    return Trail(events=events, since=NOW - 24 * HOUR, until=NOW)


def signed_in(ip: str = STRANGE, agent: str = "curl/8", user: str = "mallory") -> SignIn:
    return SignIn(
        at=NOW - HOUR, what="signed in", succeeded=True, user_name=user, ip=ip, user_agent=agent
    )


@dataclass
class World:
    """What each system says, the first time and afterwards."""

    accounts: Any = field(default_factory=lambda: [suspects(MALLORY), suspects(OUT)])
    logins: Any = field(default_factory=lambda: [standings(LOGIN), standings(BLOCKED)])
    keys: Any = field(default_factory=lambda: [credentials(ACTIVE, ROLE)])
    done: Activities = field(default_factory=lambda: activities(EXPORTED))
    sign_ins: Any = field(default_factory=lambda: [SignIns(entries=(signed_in(),))])
    kept: tuple[Kept, ...] = (KEPT,)
    snapshot: str = "creating"
    leaders: tuple[Leader, ...] = (Leader(role="CEO", user_id="U0CEO"),)

    def systems(self) -> list[Any]:
        folder = "incidents/7F3K-20261123T090000Z"
        return [
            canned(Team, members=Members(role="security", ids=("U0OMAR", "U0NINA"))),
            canned(Pager, leaders=Leaders(leaders=self.leaders)),
            canned(
                Accounts,
                find=self.accounts,
                activities=self.done,
                touched=Touched(organizations=(3,), users=4, owners=("o@example.com",)),
            ),
            canned(Auth0, standings=self.logins, sign_ins=self.sign_ins),
            canned(Iam, credentials=self.keys),
            canned(
                Rds,
                database=DATABASE,
                snapshot=Snapshot(name="incident-1", status=self.snapshot, percent=20),
            ),
            canned(
                Evidence,
                kept=KeptEvidence(bucket="evidence", folder=folder, objects=self.kept),
                log_groups=LogGroups(groups=("/ecs/complyai-core",), as_of=NOW + HOUR),
            ),
            canned(
                CloudTrail,
                of=trail(used()),
                footholds=trail(used("CreateAccessKey", made="AKIAI44QH8DHBEXAMPLE")),
                sign_ins=trail(),
            ),
        ]


def used(name: str = "ListBuckets", **more: Any) -> TrailEvent:
    return TrailEvent(
        at=NOW - HOUR, name=name, source="s3.amazonaws.com", user="deployer", ip=STRANGE, **more
    )


def suspects(*accounts: Account, missing: tuple[str, ...] = ()) -> Suspects:
    return Suspects(accounts=accounts, missing=missing)


def standings(*found: Standing) -> Standings:
    return Standings(standings=found)


def credentials(key: AccessKey, role: Role) -> Credentials:
    return Credentials(keys=(key,), roles=(role,))


async def rehearsed(
    world: World | None = None, *picks: str, inputs: Inputs = ALL, **more: Any
) -> Rehearsal:
    answers = {"eu_duty": NOT_YET, "ca_duty": NOT_YET, "users_duty": NOT_YET}
    told = {"picks": picks, "answers": answers} | more
    return await rehearse(book, inputs, (world or World()).systems(), **told)


async def test_evidence_stands_before_anything_is_contained() -> None:
    seen = await rehearsed(None, *CONTAIN)
    order = [key for key in seen.order if key in {"copy_sessions", "snapshot", *CONTAIN}]
    assert order == ["copy_sessions", "snapshot", *CONTAIN]
    assert seen.order[:3] == ["open_room", "keep_inside", "page_leaders"]
    assert seen.is_over


async def test_the_room_is_private_and_its_members_are_the_team_leaders_and_whoever_is_named() -> (
    None
):
    seen = await rehearsed()
    assert seen.commands["open_room"] == [
        "create private #incident-20261123-export-abuse, invite U1 U0OMAR U0NINA U0CEO U0LEGAL"
    ]
    assert "open_room" not in seen.people and "copy_sessions" not in seen.people
    assert "Do NOT communicate externally" in seen.commands["keep_inside"][0]


async def test_each_way_of_containing_is_suggested_and_needs_two_of_the_security_team() -> None:
    seen = await rehearsed(None, *CONTAIN)
    assert seen.suggested == CONTAIN
    assert {seen.people[key] for key in CONTAIN} == {2} and seen.people["snapshot"] == 1
    assert {book.steps[key].gate.role for key in (*CONTAIN, "snapshot")} == {"security"}  # type: ignore[union-attr]


async def test_what_is_contained_is_said_line_for_line() -> None:
    seen = await rehearsed(None, *CONTAIN)
    said = seen.commands
    assert said["disable_users"] == [
        "UPDATE users SET is_active = false WHERE id = 7 AND is_active"
    ]
    assert said["revoke_sessions"] == [
        "UPDATE user_sessions SET revoked_at = now() WHERE user_id = 7"
        " AND revoked_at IS NULL AND expires_at > now()"
    ]
    assert said["block_logins"] == ["auth0 users update 'auth0|7' --blocked=true"]
    assert len(said["end_logins"]) == 2
    assert said["deactivate_keys"] == [
        f"aws iam update-access-key --user-name deployer --access-key-id {KEY} --status Inactive"
    ]
    assert "2026-11-23T10:00:00Z" in said["deny_sessions"][0]
    assert said["snapshot"] == [
        "aws rds create-db-cluster-snapshot --db-cluster-identifier complyai-prod"
        " --db-cluster-snapshot-identifier incident-20261123-090000-7f3k"
    ]


async def test_what_was_contained_is_looked_at_again_and_well() -> None:
    keys = [credentials(ACTIVE, ROLE), credentials(INACTIVE, DENIED)]
    seen = await rehearsed(World(keys=keys), *CONTAIN)
    proofs = ("suspected_users", "suspected_logins", "suspected_keys")
    assert [seen.statuses[key] for key in proofs] == ["ok"] * 3


async def test_sessions_are_not_revoked_when_they_could_not_be_copied() -> None:
    seen = await rehearsed(
        None, "revoke_sessions", denied=["snapshot"], go_on=["snapshot"],
        inputs=ALL.model_copy(update={"users": ()}),
    )  # fmt: skip
    assert seen.statuses["copy_sessions"] == "nothing"
    assert "revoke_sessions" not in seen.commands


async def test_without_a_snapshot_the_run_is_held_until_somebody_goes_on() -> None:
    seen = await rehearsed(None, denied=["snapshot"])
    assert seen.held_at == ["snapshot"] and not seen.is_over
    assert not set(CONTAIN) & set(seen.order)


async def test_somebody_who_is_nobody_is_said() -> None:
    nobody = World(accounts=suspects(missing=("who@example.com",)))
    seen = await rehearsed(nobody)
    assert seen.statuses["suspected_users"] == "problem"
    assert seen.says["suspected_users"] == "nobody is who@example.com"


async def test_systems_that_cannot_be_asked_are_unknown_and_keep_nobody_from_containing() -> None:
    silent = World(
        logins=Unreachable("Auth0 did not answer"), keys=Refused("AWS refused iam:ListAccessKeys")
    )
    seen = await rehearsed(silent, "disable_users")
    assert seen.statuses["suspected_logins"] == seen.statuses["suspected_keys"] == "unknown"
    assert seen.statuses["disable_users"] == "given" and seen.statuses["sign_ins"] == "nothing"


async def test_scope_is_told_by_what_they_did_to_whom() -> None:
    seen = await rehearsed()
    assert seen.says["records_accessed"] == "They did 4 things, to 1 organizations"
    assert seen.says["users_affected"] == "4 users of 1 organizations may be affected"
    assert seen.says["data_exposed"] == "4 times export_downloaded, of 1 organizations"
    quiet = await rehearsed(World(done=activities()))
    assert quiet.statuses["records_accessed"] == quiet.statuses["data_exposed"] == "ok"


async def test_the_vector_is_told_by_addresses_keys_and_new_ways_in() -> None:
    usual = [SignIns(entries=(signed_in(),)), SignIns(entries=(signed_in("198.51.100.1"),))]
    others = SignIns(entries=(signed_in(), signed_in(user="second@example.com")))
    seen = await rehearsed(World(sign_ins=[*usual, others]))
    assert seen.statuses["sign_ins"] == "problem"
    assert seen.says["sign_ins"] == (
        f"Signed in from new addresses: {STRANGE}. From there came mallory, second@example.com"
    )
    assert seen.says["key_use"] == f"Used 1 times, from {STRANGE}: ListBuckets"
    assert seen.says["footholds"] == "CreateAccessKey AKIAI44QH8DHBEXAMPLE by deployer"
    assert seen.statuses["console_sign_ins"] == "ok"


async def test_an_address_that_was_usual_before_is_nothing_new() -> None:
    seen = await rehearsed(World(sign_ins=SignIns(entries=(signed_in(),))))
    assert seen.statuses["sign_ins"] == "ok"


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (World(kept=()), "there is nothing in the bucket"),
        (World(snapshot="failed"), "the snapshot incident-1 is failed"),
        (
            World(kept=(KEPT.model_copy(update={"sha256": ""}),)),
            "sessions/users-7.json is not as it was sent, or not locked",
        ),
    ],
)
async def test_evidence_that_is_not_sound_is_a_problem(world: World, says: str) -> None:
    seen = await rehearsed(replace(world))
    assert seen.statuses["evidence_kept"] == "problem" and says in seen.says["evidence_kept"]


async def test_the_clock_of_72_hours_begins_at_awareness() -> None:
    aware = NOW - 5 * HOUR
    inputs = ALL.model_copy(update={"aware_at": aware})
    asked = eu_duty(RUN, inputs)
    assert isinstance(asked, Question)
    assert (asked.by, asked.remind) == (aware + 72 * HOUR, REMINDERS)
    assert asked.proposed == Duty(owner=Person(user_id="U1"))
    told = tell_authority(RUN, inputs, NOT_YET)
    assert isinstance(told, Todo) and told.owner == Person(user_id="U0LEGAL")
    assert (told.by, told.remind) == (aware + 72 * HOUR, REMINDERS)
    no = Duty(owner=Person(user_id="U0LEGAL"), concerned="no")
    assert isinstance(tell_authority(RUN, inputs, no), Nothing)


async def test_nobody_waits_for_the_owners_but_the_run_does_not_end_unnotified() -> None:
    seen = await rehearsed(answers={})
    assert seen.statuses["evidence_kept"] == "ok" and seen.statuses["eu_duty"] == "asked"
    assert "tell_authority" not in seen.order and not seen.is_over


async def test_a_sign_in_whose_agent_is_markup_is_a_fact_like_any_other() -> None:
    for malice in MALICE.values():
        agent = SignIns(entries=(signed_in(agent=malice[:200]),))
        answers = canned(Auth0, sign_ins=agent)
        found = await sign_ins(RUN, ALL, Limits(), standings(LOGIN), answers)
        assert not isinstance(found, Nothing) and found.verdict == "ok"


@pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
def test_nothing_but_names_is_taken_for_a_suspect(malice: str) -> None:
    for name in ("users", "access_keys", "members"):
        with pytest.raises(ValidationError):
            Inputs.model_validate({"brief_desc": "abc", name: (malice,)})


def test_a_time_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="later than what is looked from"):
        Inputs(
            brief_desc="abc", began=datetime(2026, 1, 2, tzinfo=UTC), ended=NOW - 1000 * 24 * HOUR
        )
