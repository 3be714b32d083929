"""
A breach, planted in everything that records: somebody signs in as a customer from a strange
address and takes data out; with a stolen key they make two more, and give a role all rights.
"""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from sandbox.aws import account
from sandbox.peers.auth0_answers import User

if TYPE_CHECKING:
    from sandbox.box import Box

STRANGE, USUAL = "203.0.113.66", "198.51.100.7"
#: An agent that would ping everybody and format the rest, were it not taken for what it is.
AGENT = "curl/8.9 <!channel> *bold* `x` <https://evil.example|your runbook>"
MADE = {account.DEPLOYER: "AKIA3COMPLYAI0MADE01", account.CI: "AKIA3COMPLYAI0MADE02"}
ROLE = "complyai-core"
SUSPECT, SECOND = 2, 3  #: Users of the company's database.
#: What was done to whose data: action, organization, and how often.
TAKEN = (("report_viewed", 1, 9), ("export_downloaded", 1, 4), ("export_downloaded", 2, 3))
SESSIONS = """
    INSERT INTO user_sessions
    SELECT gen_random_uuid(), $1, $2::inet, $3, now() - interval '3 hours', now(),
           now() + interval '11 days', NULL
    FROM generate_series(1, 2)
"""
ACTIVITY = """
    INSERT INTO activity_events (organization_id, user_id, action, ip, details, created_at)
    SELECT $1, $2, $3, $4::inet, '{}', now() - i * interval '7 minutes'
    FROM generate_series(1, $5) i
"""
CLEAN = (
    "DELETE FROM user_sessions WHERE ip = '203.0.113.66'",
    "DELETE FROM activity_events WHERE ip = '203.0.113.66'",
    f"UPDATE users SET is_active = true WHERE id IN ({SUSPECT}, {SECOND})",
)


async def plant(box: "Box") -> None:
    await clean(box)
    connection = await asyncpg.connect(box.database.admin_dsn)
    try:
        await connection.execute(SESSIONS, SUSPECT, STRANGE, AGENT)
        for action, organization, times in TAKEN:
            await connection.execute(ACTIVITY, organization, SUSPECT, action, STRANGE, times)
        people = await connection.fetch(
            "SELECT id, email, name, auth0_id FROM users WHERE id IN ($1, $2) ORDER BY id",
            SUSPECT,
            SECOND,
        )
    finally:
        await connection.close()
    suspect, second = (User(one["auth0_id"], one["email"], one["name"]) for one in people)
    _sign_in(box, suspect, second)
    await _loaded(box)
    for user, key in MADE.items():
        account.add_key(user, key, timedelta(hours=2))
    _record(box)


async def clean(box: "Box") -> None:
    """As it was before anybody came."""
    connection = await asyncpg.connect(box.database.admin_dsn)
    try:
        for query in CLEAN:
            await connection.execute(query)
    finally:
        await connection.close()
    box.auth0.users.clear()
    box.auth0.entries.clear()
    box.aws.trail.events.clear()
    await _loaded(box)
    for key in MADE.values():
        account.remove_key(key)
    account.activate(account.DEPLOYERS_KEY)


def is_contained(box: "Box") -> bool:
    active = {one.id for one in account.access_keys() if one.is_active}
    keys = {*MADE.values(), account.DEPLOYERS_KEY}
    held = [one for one in box.auth0.users if one.sessions or one.refresh_tokens]
    suspect = box.auth0.users[0]
    return suspect.is_blocked and suspect not in held and not keys & active


async def _loaded(box: "Box") -> None:
    await asyncio.to_thread(box.aws.load_account)


def _sign_in(box: "Box", suspect: User, second: User) -> None:
    for user in (suspect, second):
        box.auth0.enrol(user)
        for days in (4, 9):
            box.auth0.sign_in(user, USUAL, timedelta(days=days))
    for hours in (3, 2):
        box.auth0.sign_in(suspect, STRANGE, timedelta(hours=hours), user_agent=AGENT)
    box.auth0.sign_in(second, STRANGE, timedelta(hours=1), kind="fp", user_agent=AGENT)


def _record(box: "Box") -> None:
    def done(name: str, hours: float, source: str = "iam", **more: Any) -> None:
        box.aws.trail.record(
            name, account.DEPLOYER, ago=timedelta(hours=hours), source=f"{source}.amazonaws.com",
            key_id=account.DEPLOYERS_KEY, ip=STRANGE, user_agent=AGENT, **more,
        )  # fmt: skip

    for number in range(3):
        done(
            "ConsoleLogin",
            3.5 + number / 100,
            "signin",
            responseElements={"ConsoleLogin": "Failure"},
            errorMessage="Failed authentication",
        )
    done("ListBuckets", 3.2, "s3")
    done("GetSecretValue", 3.1, "secretsmanager", errorCode="AccessDenied")
    for user, key in MADE.items():
        made = {"accessKey": {"userName": user, "accessKeyId": key, "status": "Active"}}
        about = {"userName": user}
        done("CreateAccessKey", 2, requestParameters=about, responseElements=made)
    rights = {"roleName": ROLE, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    done("AttachRolePolicy", 1.5, requestParameters=rights)
