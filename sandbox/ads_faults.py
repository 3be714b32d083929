"""
What can go wrong round the ads, joined up as in life: a token that expired makes syncs fail,
failed syncs make ads stale, and dead workers let jobs pile up.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.meta.graph import OBJECT
from sandbox.meta.limits import BUSINESS, USER
from sandbox.meta.state import State
from sandbox.postgres.data import token_value
from sandbox.scene import Scene

if TYPE_CHECKING:
    from sandbox.box import Box

#: Organizations by their ids; the business account of each has the same.
EXPIRED, REVOKED, STALE = 33, 36, 12
VERSION, LIMITED_MIN, BACKLOG = "v26.0", 23, 140


async def _make_stale(box: "Box", organization: int, hours: int, code: int | None) -> None:
    await box.ads.execute(AGE, organization, hours)
    if code is not None:
        await box.ads.execute(FAIL, organization, hours, code)


async def _spoil(box: "Box", account: int, state: State, hours: int) -> None:
    if token := box.ads.graph.token(token_value(account)):
        token.state = state
    await _make_stale(box, account, hours, 190)


async def _mend(box: "Box", account: int) -> None:
    if token := box.ads.graph.token(token_value(account)):
        token.state = "valid"
    await box.ads.execute(AGE, account, 0)


async def _expire(box: "Box") -> None:
    await box.ads.execute(END, EXPIRED)
    await _spoil(box, EXPIRED, "expired", 47)


async def _renew(box: "Box") -> None:
    await box.ads.execute(NO_END, EXPIRED)
    await _mend(box, EXPIRED)


async def _revoke(box: "Box") -> None:
    await _spoil(box, REVOKED, "revoked", 5)


async def _allow(box: "Box") -> None:
    await _mend(box, REVOKED)


async def _limit(box: "Box") -> None:
    graph = box.ads.graph
    graph.limits.exhaust(BUSINESS, LIMITED_MIN, graph.now())
    await box.ads.execute(LIMITED)


async def _unlimit(box: "Box") -> None:
    box.ads.graph.limits.relax()


def _is_regained(box: "Box") -> bool:
    graph = box.ads.graph
    return not graph.limits.is_exhausted((BUSINESS, USER), graph.now())


async def _version_gone(box: "Box") -> None:
    box.ads.graph.gone.add(VERSION)


async def _version_back(box: "Box") -> None:
    box.ads.graph.gone.discard(VERSION)


async def _lose_webhooks(box: "Box") -> None:
    graph = box.ads.graph
    graph.subscriptions[OBJECT].is_active = False
    for account in graph.accounts.values():
        account.apps.discard(graph.app)


async def _find_webhooks(box: "Box") -> None:
    graph = box.ads.graph
    graph.subscriptions[OBJECT].is_active = True
    for account in graph.accounts.values():
        account.apps.add(graph.app)


def _are_heard(box: "Box") -> bool:
    graph = box.ads.graph
    there = graph.subscriptions.get(OBJECT)
    heard = any(graph.app in one.apps for one in graph.accounts.values())
    return bool(there and there.is_active and heard)


async def _wrong_token(box: "Box") -> None:
    box.ads.callback.fail("wrong token")


async def _right_token(box: "Box") -> None:
    box.ads.callback.heal("wrong token")


async def _kill_workers(box: "Box") -> None:
    box.kubernetes.kill_workers()
    if box.ads.work.is_there:
        await box.ads.work.kill()
        await box.ads.work.pile_up(BACKLOG)


async def _revive_workers(box: "Box") -> None:
    box.kubernetes.revive_workers()


def _are_alive(box: "Box") -> bool:
    return box.kubernetes.alive() > 0


async def _stale(box: "Box") -> None:
    box.ads.syncing.synced.discard(STALE)
    await _make_stale(box, STALE, 3, None)


async def _fresh(box: "Box") -> None:
    await box.ads.execute(AGE, STALE, 0)


def _is_synced(box: "Box") -> bool:
    return STALE in box.ads.syncing.synced


SCENES: Sequence[Scene] = (
    Scene(
        "expired-token",
        "A token of Meta has expired",
        f"Organization {EXPIRED} is not synced any more: its token has expired two days ago."
        " A new token cures it.",
        _expire,
        _renew,
    ),
    Scene(
        "revoked-token",
        "A token of Meta was revoked",
        f"Organization {REVOKED} is not synced any more: its token was revoked, long before it"
        " expires. A new token cures it.",
        _revoke,
        _allow,
    ),
    Scene(
        "meta-limited",
        "Meta limits us",
        f"Ads calls are refused with code 80004, for {LIMITED_MIN} minutes.",
        _limit,
        _unlimit,
        _is_regained,
    ),
    Scene(
        "meta-version-gone",
        "Meta's API has moved on",
        f"Ads calls of {VERSION} are refused with code 2635.",
        _version_gone,
        _version_back,
    ),
    Scene(
        "webhook-lost",
        "Meta tells us nothing",
        "The app's subscription is off, and no ad account tells our app. Subscribing cures it.",
        _lose_webhooks,
        _find_webhooks,
        _are_heard,
    ),
    Scene(
        "webhook-wrong-token",
        "Our callback knows another verify token",
        "It answers 403 to Meta, which subscribes nobody then.",
        _wrong_token,
        _right_token,
    ),
    Scene(
        "queue-backlog-dead-worker",
        "Dead workers",
        f"All Celery workers crash as they start, and {BACKLOG} jobs and more wait in ad_sync."
        " Restarting them cures it.",
        _kill_workers,
        _revive_workers,
        _are_alive,
    ),
    Scene(
        "stale-sync",
        "A stale sync",
        f"The ads of organization {STALE} were synced last three hours ago. A sync cures it.",
        _stale,
        _fresh,
        _is_synced,
    ),
)

AGE = """
    UPDATE org_ads d SET last_sync = now() - $2::int * interval '1 hour'
    FROM org_ad_accounts a WHERE a.id = d.org_ad_account_id AND a.organization_id = $1
"""
FAIL = """
    INSERT INTO activity_events (organization_id, action, details, created_at)
    SELECT $1, 'ad_sync_failed', jsonb_build_object('code', $3::int), at
    FROM generate_series(now() - least($2::int, 24) * interval '1 hour', now(),
                         interval '15 minutes') at
"""
END = """
    UPDATE org_business_accounts SET token_expires_at = now() - interval '47 hours' WHERE id = $1
"""
NO_END = "UPDATE org_business_accounts SET token_expires_at = NULL WHERE id = $1"
LIMITED = """
    WITH refused AS (
        INSERT INTO api_request_logs (service, organization_id, endpoint, status, duration_ms,
                                      created_at)
        SELECT 'meta', 1 + i % 7, '/act/insights', 429, 40, now() - i * interval '7 seconds'
        FROM generate_series(0, 400) i
    )
    INSERT INTO activity_events (organization_id, action, details, created_at)
    SELECT 1 + i % 7, 'ad_sync_failed', '{"code": 80004}', now() - i * interval '2 minutes'
    FROM generate_series(0, 20) i
"""
