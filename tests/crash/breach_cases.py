"""For every change that contains a breach or keeps its evidence: a world in which it is due."""

import json
from datetime import UTC, datetime, timedelta

from adapters.accounts import DisableUser, EnableUser, RevokeUserSessions
from adapters.evidence import CopySessionRows, ExportLogs
from adapters.iam import ActivateKey, AllowOlderSessions, DeactivateKey, DenyOlderSessions
from adapters.notices import PostNotice
from adapters.rds import StartSnapshot
from bot.runbook import Change
from sandbox.aws import account
from sandbox.box import Box
from tests.crash.cases import LONG_AGO, NUMBERS, Case, _said, aws, calls, case
from tests.crash.database_cases import now, row, wire

#: Each case has users, keys and roles of its own: they are tried side by side.
DISABLED, ENABLED, SIGNED_IN = 4, 5, 6
SESSION = """
    INSERT INTO user_sessions VALUES
    (gen_random_uuid(), $1, '203.0.113.66', 'drill', now(), now(), now() + interval '1 day', NULL)
"""
LEAVE = "UPDATE user_sessions SET revoked_at = now() WHERE user_id = $1"
#: Writes down every row that is altered, by its user.
LEDGER = (
    "CREATE TABLE IF NOT EXISTS drills (who bigint)",
    """
    CREATE OR REPLACE FUNCTION drill() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO drills
        VALUES (coalesce(to_jsonb(NEW) ->> 'user_id', to_jsonb(NEW) ->> 'id')::bigint);
        RETURN NEW;
    END $$
    """,
    "CREATE OR REPLACE TRIGGER drill AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION drill()",
    "CREATE OR REPLACE TRIGGER drill AFTER UPDATE ON user_sessions FOR EACH ROW"
    " EXECUTE FUNCTION drill()",
)


@case(StartSnapshot)
async def start_snapshot(box: Box) -> Case:
    name = f"crash-started-{next(NUMBERS)}"
    asked = box.aws._parts.rds.snapshots
    return Case(
        StartSnapshot(database=box.aws.company.database, is_cluster=True, snapshot=name, run=""),
        lambda _: sum(one == (name, True) for one in asked),
        aws(box, "rds", "CreateDBClusterSnapshot"),
    )


@case(DeactivateKey)
async def deactivate(box: Box) -> Case:
    box.aws.load_account()
    account.activate(account.DEPLOYERS_KEY)
    asked = calls(box, "UpdateAccessKey", Status="Inactive")
    change = DeactivateKey(user=account.DEPLOYER, key_id=account.DEPLOYERS_KEY)
    return Case(change, lambda _: asked(), aws(box, "iam", "UpdateAccessKey"))


@case(ActivateKey)
async def activate(box: Box) -> Case:
    box.aws.load_account()
    account.activate(account.CIS_KEY, is_active=False)
    asked = calls(box, "UpdateAccessKey", Status="Active")
    change = ActivateKey(user=account.CI, key_id=account.CIS_KEY)
    return Case(change, lambda _: asked(), aws(box, "iam", "UpdateAccessKey"))


@case(DenyOlderSessions)
async def deny(box: Box) -> Case:
    box.aws.load_account()
    change = DenyOlderSessions(
        role="complyai-core", incident=f"crash{next(NUMBERS)}", before=LONG_AGO
    )
    asked = calls(box, "PutRolePolicy", PolicyName=change.policy)
    return Case(change, lambda _: asked(), aws(box, "iam", "PutRolePolicy"))


@case(AllowOlderSessions)
async def allow(box: Box) -> Case:
    box.aws.load_account()
    change = AllowOlderSessions(
        role="complyai-api", incident=f"crash{next(NUMBERS)}", before=LONG_AGO
    )
    account.deny_older(change.role, change.policy, json.dumps(change.document))
    asked = calls(box, "DeleteRolePolicy", PolicyName=change.policy)
    return Case(change, lambda _: asked(), aws(box, "iam", "DeleteRolePolicy"))


@case(ExportLogs)
async def export(box: Box) -> Case:
    box.aws.load_account()
    ends = datetime.now(UTC)
    group = f"/ecs/{box.aws.company.service_names[0]}"
    begins = ends - timedelta(minutes=2)
    change = ExportLogs(run="", since=LONG_AGO, group=group, begins=begins, ends=ends)
    return Case(change, _put, aws(box, "s3", f"PUT /{account.BUCKET}/*/logs/*"))


@case(CopySessionRows)
async def copy(box: Box) -> Case:
    box.aws.load_account()
    change = CopySessionRows(run="", since=LONG_AGO, users=(2, 3))
    return Case(change, _put, aws(box, "s3", f"PUT /{account.BUCKET}/*/sessions/*"))


@case(DisableUser)
async def disable(box: Box) -> Case:
    await row(box, "UPDATE users SET is_active = true WHERE id = $1", DISABLED)
    return await _in_database(box, DisableUser(user=DISABLED), DISABLED, "is_active = false")


@case(EnableUser)
async def enable(box: Box) -> Case:
    await row(box, "UPDATE users SET is_active = false WHERE id = $1", ENABLED)
    return await _in_database(box, EnableUser(user=ENABLED), ENABLED, "is_active = true")


@case(RevokeUserSessions)
async def revoke(box: Box) -> Case:
    await row(box, LEAVE, SIGNED_IN)
    await row(box, SESSION, SIGNED_IN)
    return await _in_database(
        box, RevokeUserSessions(user=SIGNED_IN), SIGNED_IN, "UPDATE user_sessions"
    )


@case(PostNotice)
async def notice(box: Box) -> Case:
    def said(run: str) -> int:
        stamps = ((one.get("metadata") or {}).get("event_payload", {}) for one in _said(box))
        return sum(one.get("op") == f"{run}/notice/drill#1" for one in stamps)

    return Case(PostNotice(run="", name="drill", text="Drill"), said)


def _put(run: str) -> int:
    """How often anything of this run was put into the bucket."""
    return account.kept(f"incidents/{run}-")


async def _in_database(box: Box, change: Change, who: int, words: str) -> Case:
    """How many rows it has altered; the third thing said is COMMIT, after what has these words."""
    for statement in LEDGER:
        await row(box, statement)
    count = "SELECT count(*) FROM drills WHERE who = $1"
    before = now(box, count, who)
    return Case(change, lambda _: now(box, count, who) - before, wire(box, words, parts=3))
