"""
What can be made to go wrong in the whole sandbox, by name, joined up: a bad deployment turns a
service's health red, fills its log and raises its alarm, and rolling back cures it.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox import ads_faults, breach, deploy_faults, loss_faults, migration_faults
from sandbox.aws.account import DEPLOYERS_KEY
from sandbox.scene import Scene

if TYPE_CHECKING:
    from sandbox.box import Box

#: The service that is broken, and how long it has been so when somebody notices.
BROKEN, AGO, MENDED = "complyai-core", timedelta(minutes=11), "2.14.9"
#: Seconds by which each answer of a slow database is late. Four of them make a new connection and
#: SELECT 1; the rest of what is looked at still comes within the check's limit.
LATE_S = 0.4


async def _bad_deploy(box: "Box") -> None:
    """After whatever was deployed last, for the newest is what crashes."""
    age, _ = box.aws.newest_deployment(BROKEN)
    box.aws.deploy_bad(BROKEN, ago=min(AGO, age))


async def _good_deploy(box: "Box") -> None:
    """Whoever deployed the bad version deploys a good one: not how the bot cures it."""
    if not box.aws.is_well(BROKEN):
        box.aws.deploy(BROKEN, MENDED)


def _is_rolled_back(box: "Box") -> bool:
    _, does_well = box.aws.newest_deployment(BROKEN)
    return does_well and box.aws.is_well(BROKEN)


async def _database_down(box: "Box") -> None:
    await box.database.stop_writer()


async def _database_up(box: "Box") -> None:
    if not box.database.writer.is_running:
        await box.database.start_writer()


async def _slow_database(box: "Box") -> None:
    box.database.slow_down(LATE_S)


async def _quick_database(box: "Box") -> None:
    box.database.slow_down(0.0)


async def _vendor_down(box: "Box") -> None:
    box.vendors.vendors["Stripe"] = "trouble"


async def _vendor_up(box: "Box") -> None:
    box.vendors.vendors["Stripe"] = "well"


async def _html_health(box: "Box") -> None:
    box.html_pages.add("complyai-frontend")


async def _json_health(box: "Box") -> None:
    box.html_pages.discard("complyai-frontend")


async def _lost_response(box: "Box") -> None:
    box.aws.faults.lose_response("ecs", "UpdateService")


async def _keep_responses(box: "Box") -> None:
    box.aws.faults.stop("lost_response")


def _has_lost_one(box: "Box") -> bool:
    return all(fault["name"] != "lost_response" for fault in box.aws.faults.shape())


async def _throttled(box: "Box") -> None:
    box.aws.faults.throttle("ecs", "*", times=1_000_000)


async def _unlimited(box: "Box") -> None:
    box.aws.faults.stop("throttle")


async def _access_denied(box: "Box") -> None:
    box.aws.faults.deny("ecs", "UpdateService")


async def _access_granted(box: "Box") -> None:
    box.aws.faults.stop("deny")


#: What customers did while our endpoint was down: minutes ago, what, and about which object.
MISSED: Sequence[tuple[int, str, dict[str, Any]]] = (
    (97, "customer.subscription.updated", {"object": "subscription", "id": "sub_1Amber"}),
    (96, "invoice.paid", {"object": "invoice", "id": "in_1Amber", "amount_paid": 9900}),
    (90, "invoice.payment_failed", {"object": "invoice", "id": "in_1Birch"}),
    (84, "customer.subscription.deleted", {"object": "subscription", "id": "sub_1Cedar"}),
    (79, "charge.succeeded", {"object": "charge", "id": "ch_1Dawn", "amount": 4900}),
)


async def _missed_events(box: "Box") -> None:
    """One more was taken, and its answer lost; a later one about sub_1Amber was delivered."""
    await _no_missed_events(box)
    amber = MISSED[0][2]
    for minutes, kind, about in MISSED:
        box.stripe.happen(kind, about, timedelta(minutes=minutes))
    answer_lost = box.stripe.happen("invoice.paid", {"id": "in_1Ember"}, timedelta(minutes=75))
    later = box.stripe.happen(MISSED[0][1], amber, timedelta(minutes=30), is_delivered=True)
    for event in (later, answer_lost):
        await box.webhooks.process(json.loads(box.stripe.body(event)))


async def _no_missed_events(box: "Box") -> None:
    box.stripe.events.clear()
    box.webhooks.handled.clear()


def _is_replayed(box: "Box") -> bool:
    return all(one.id in box.webhooks.handled for one in box.stripe.events)


async def _locks_pile_up(box: "Box") -> None:
    await box.harms.lock_pileup.start()


async def _locks_are_free(box: "Box") -> None:
    await box.harms.lock_pileup.stop()


async def _slow_query(box: "Box") -> None:
    await box.harms.slow_query.start()


async def _busy(box: "Box") -> None:
    await box.harms.busy.start()


async def _not_busy(box: "Box") -> None:
    await box.harms.busy.stop()


async def _no_slow_query(box: "Box") -> None:
    await box.harms.slow_query.stop()


async def _bloat(box: "Box") -> None:
    await box.harms.bloated.start()


async def _no_bloat(box: "Box") -> None:
    await box.harms.bloated.stop()


async def _old_snapshot(box: "Box") -> None:
    await box.harms.old_snapshot.start()


async def _no_old_snapshot(box: "Box") -> None:
    await box.harms.old_snapshot.stop()


async def _invalid_index(box: "Box") -> None:
    await box.harms.invalid_index.start()


async def _no_invalid_index(box: "Box") -> None:
    await box.harms.invalid_index.stop()


SCENES: Sequence[Scene] = (
    Scene(
        "bad-deploy",
        "A bad deployment",
        f"The newest version of {BROKEN} crashes as it starts, and has since 11 minutes ago."
        " Rolling back cures it.",
        _bad_deploy,
        _good_deploy,
        _is_rolled_back,
    ),
    Scene(
        "database-down",
        "The database is down",
        "The writer does not accept connections. A failover to the reader cures it.",
        _database_down,
        _database_up,
    ),
    Scene(
        "slow-database",
        "The database is slow",
        f"Every answer of the database takes {LATE_S:g} s longer.",
        _slow_database,
        _quick_database,
    ),
    Scene(
        "vendor-down",
        "A vendor is down",
        "Stripe reports an outage of its API. Opening its circuit breaker helps the services.",
        _vendor_down,
        _vendor_up,
    ),
    Scene(
        "html-health",
        "A health page that is a web page",
        "complyai-frontend answers /health with 200 and HTML, as a single-page application does.",
        _html_health,
        _json_health,
    ),
    Scene(
        "lost-response",
        "AWS loses an answer",
        "The next update of a service is carried out, and its answer is lost on the way.",
        _lost_response,
        _keep_responses,
        _has_lost_one,
    ),
    Scene(
        "throttled",
        "AWS limits us",
        "Every call to ECS is answered with a throttling error.",
        _throttled,
        _unlimited,
    ),
    Scene(
        "access-denied",
        "AWS refuses",
        "The bot's role may not update services.",
        _access_denied,
        _access_granted,
    ),
    Scene(
        "stripe-missed-events",
        "Webhooks that were missed",
        "Our endpoint was down for 20 minutes, an hour ago: Stripe could not deliver 5 events,"
        " and thinks so of a sixth. Replaying them cures it.",
        _missed_events,
        _no_missed_events,
        _is_replayed,
    ),
    *deploy_faults.SCENES,
    *migration_faults.SCENES,
    *ads_faults.SCENES,
    *loss_faults.SCENES,
    Scene(
        "lock-pileup",
        "Sessions wait for a lock",
        "40 sessions wait, all in the end for one that forgot to commit. Ending it frees them.",
        _locks_pile_up,
        _locks_are_free,
        lambda box: box.harms.lock_pileup.is_over,
    ),
    Scene(
        "slow-query",
        "A slow query",
        "A report reads activity_events from end to end for every user. An index by user_id makes"
        " it quick; ending the session ends it.",
        _slow_query,
        _no_slow_query,
        lambda box: box.harms.slow_query.is_over,
    ),
    Scene(
        "busy-database",
        "A busy database",
        "An export is at work in 20 sessions. A backfill that goes on meanwhile slows down by"
        " itself, and says why.",
        _busy,
        _not_busy,
    ),
    Scene(
        "bloat",
        "A bloated table",
        "Two of three rows of sync_runs are dead, and autovacuum is off for it. VACUUM cures it.",
        _bloat,
        _no_bloat,
    ),
    Scene(
        "old-snapshot",
        "A bloated table that VACUUM cannot help",
        "As well, and an old transaction may still need the dead rows: ending it comes first.",
        _old_snapshot,
        _no_old_snapshot,
    ),
    Scene(
        "invalid-index",
        "An invalid index",
        "CREATE INDEX CONCURRENTLY was killed halfway, and left an index that nobody can use."
        " Making it anew cures it.",
        _invalid_index,
        _no_invalid_index,
    ),
    Scene(
        "breach",
        "A data breach",
        f"Somebody signs in as user {breach.SUSPECT} from {breach.STRANGE}, takes data out, and"
        f" with the stolen key {DEPLOYERS_KEY} makes two more. Containing it cures"
        " it.",
        breach.plant,
        breach.clean,
        breach.is_contained,
    ),
)
BY_NAME = {scene.name: scene for scene in SCENES}
