"""For every change round the ads, at Meta and at the company: a world in which it is due."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import boto3
from cryptography.fernet import Fernet

from adapters.company_data import NotifyOwners, RestoreToken, StoreToken
from adapters.company_data.sealing import fingerprint
from adapters.internal_api import TriggerSync
from adapters.meta import Subscribe, SubscribeApp, Unsubscribe, UnsubscribeApp
from bot.runbook import Change
from bot.runbook.values import Secret
from sandbox.box import Box
from sandbox.company.ads import FIELDS
from sandbox.meta.graph import OBJECT
from sandbox.meta.state import Subscription
from sandbox.postgres.data import ENCRYPTION_KEY, token_value
from tests.crash.cases import LONG_AGO, NUMBERS, Case, case, sent

#: Of the three organizations there are; the business account of each has the same id.
STORED, RESTORED, SYNCED = 1, 2, 3
ACCOUNT, OTHER = "act_200000314187", "act_200000628374"  #: Of the third.
TYPED = "a token that somebody has typed"


@case(Subscribe)
async def subscribe(box: Box) -> Case:
    _relax(box)
    box.ads.graph.subscriptions.pop(OBJECT, None)
    callback = box.ads.callback.callback_url
    change = Subscribe(app=box.ads.graph.app, callback=callback, fields=FIELDS)
    return _at_meta(box, change, "POST", f"{box.ads.graph.app}/subscriptions")


@case(NotifyOwners)
async def notify(box: Box) -> Case:
    change = NotifyOwners(run="", organization=SYNCED, organization_name="Cedar")
    query = "SELECT count(*) FROM notifications WHERE message = $1"
    told = change.model_copy(update={"message": f"Drill {next(NUMBERS)}"})
    return Case(told, lambda _: int(_ask(box, query, told.message)))


@case(SubscribeApp)
async def subscribe_app(box: Box) -> Case:
    _relax(box)
    graph = box.ads.graph
    graph.accounts[ACCOUNT].apps.discard(graph.app)
    change = SubscribeApp(app=graph.app, account=ACCOUNT, business_account=SYNCED)
    return _at_meta(box, change, "POST", f"{ACCOUNT}/subscribed_apps")


@case(StoreToken)
async def store_token(box: Box) -> Case:
    there = await _put(box, STORED, token_value(STORED))
    change = StoreToken(
        business_account=STORED,
        organization_name="Amber",
        new=await _typed(box),
        replacing=fingerprint(there),
    )
    return Case(change, Updates(box, STORED))


@case(UnsubscribeApp)
async def unsubscribe_app(box: Box) -> Case:
    _relax(box)
    graph = box.ads.graph
    graph.accounts[OTHER].apps.add(graph.app)
    change = UnsubscribeApp(app=graph.app, account=OTHER, business_account=SYNCED)
    return _at_meta(box, change, "DELETE", f"{OTHER}/subscribed_apps")


@case(RestoreToken)
async def restore_token(box: Box) -> Case:
    before = await _put(box, RESTORED, token_value(RESTORED))
    kept = "INSERT INTO runbook_bot.kept_tokens (business_account, fingerprint, sealed) VALUES"
    _ask(box, f"{kept} ($1, $2, $3)", RESTORED, fingerprint(before), before)
    await _put(box, RESTORED, TYPED)
    change = RestoreToken(
        business_account=RESTORED,
        organization_name="Birch",
        fingerprint=fingerprint(before),
        instead_of=await _typed(box),
    )
    return Case(change, Updates(box, RESTORED))


@case(TriggerSync)
async def trigger_sync(box: Box) -> Case:
    change = TriggerSync(run="", organization=SYNCED, organization_name="Cedar", since=LONG_AGO)
    query = "SELECT count(*) FROM sync_requests WHERE idempotency_key LIKE $1"

    def started(run: str) -> int:
        return int(_ask(box, query, f"runbook-{run}-%"))

    return Case(change, started, sent(box.ads.internal))


@case(Unsubscribe, "multi-az")  # Where nobody subscribes at the same time.
async def unsubscribe(box: Box) -> Case:
    graph = box.ads.graph
    graph.subscriptions[OBJECT] = Subscription("https://example.com/webhooks", FIELDS)
    change = Unsubscribe(app=graph.app, replacing="https://example.com/webhooks")
    return _at_meta(box, change, "DELETE", f"{graph.app}/subscriptions")


def _relax(box: Box) -> None:
    """So many calls would meet Meta's limits."""
    box.ads.graph.limits.relax()


def _at_meta(box: Box, change: Change, method: str, path: str) -> Case:
    """How often Meta was told: told twice, it would have done it twice."""
    wanted = (method, f"/v26.0/{path}")

    def told() -> int:
        return sum((one.method, one.path) == wanted for one in box.ads.graph.calls)

    before = told()
    return Case(change, lambda _: told() - before, sent(box.ads.graph, method))


async def _put(box: Box, account: int, value: str) -> str:
    """As it was stored once, and counted from now on."""
    sealed = Fernet(ENCRYPTION_KEY).encrypt(value.encode()).decode()
    _ask(box, COUNTING)
    query = (
        "UPDATE org_business_accounts SET token_kind = 'system_user', user_access_token = NULL,"
        " system_user_access_token = $2 WHERE id = $1"
    )
    _ask(box, query, account, sealed)
    return sealed


class Updates:
    """How often the row was altered from now on."""

    def __init__(self, box: Box, account: int) -> None:
        self._box, self._account = box, account
        self._before = self._count()

    def __call__(self, _run: str) -> int:
        return self._count() - self._before

    def _count(self) -> int:
        query = "SELECT count(*) FROM altered WHERE account = $1"
        return int(_ask(self._box, query, self._account))


async def _typed(box: Box) -> Secret:
    """Kept where the bot of the box keeps what people type."""
    name, version = f"runbook-bot/crash-{next(NUMBERS)}", str(uuid.uuid4())
    client = boto3.client(
        "secretsmanager",
        endpoint_url=box.aws.endpoint_url,
        region_name="us-east-1",
    )
    told = {"Name": name, "SecretString": TYPED, "ClientRequestToken": version}
    await asyncio.to_thread(lambda: client.create_secret(**told))
    return Secret(name=name, version=version)


def _ask(box: Box, query: str, *values: object) -> int | str:
    """Straight to the server, in a loop of its own: whoever counts cannot wait."""

    async def ask() -> int | str:
        connection = await asyncpg.connect(box.database.admin_dsn)
        try:
            if not values:
                return str(await connection.execute(query))
            found: int | str = await connection.fetchval(query, *values)
            return found
        finally:
            connection.terminate()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ask()).result()


COUNTING = """
    CREATE TABLE IF NOT EXISTS altered (account bigint);
    GRANT INSERT ON altered TO PUBLIC;
    CREATE OR REPLACE FUNCTION note_altered() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO altered VALUES (NEW.id); RETURN NEW; END $$;
    CREATE OR REPLACE TRIGGER altered AFTER UPDATE OF system_user_access_token
    ON org_business_accounts FOR EACH ROW EXECUTE FUNCTION note_altered();
"""
