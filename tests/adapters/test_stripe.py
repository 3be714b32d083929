"""Events that our endpoint missed are found at Stripe, and replayed, signed as Stripe signs."""

import json
import logging
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from stripe import SignatureVerificationError, Webhook

from adapters import http_calls
from adapters.stripe import ReplayEvent, RetryDelivery, Stripe, signature
from adapters.stripe.adapter import MOST, PAGE
from adapters.stripe.processed import ProcessedEvents
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.settings import StripeSettings
from sandbox.peers.stripe import Stored
from sandbox.postgres import Database
from tests.adapters.webhooks import Shop, last, shop_of
from tests.credentials import Changing, given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SECRET = "whsec_not-to-be-shown-0123456789"
KEY = "0b9ed1a7-85ac-5b7e-a0b5-3f2b1d0c9e55"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    """Whoever takes something from it gives it back."""
    async with Database(organizations=3, with_replica=False) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def shop(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.01)
    async with shop_of(database) as made:
        yield made


def replay_of(shop: Shop, event: Stored) -> ReplayEvent:
    return ReplayEvent(event=event.id, type=event.type, url=shop.ours.webhook_url)


def retry_of(shop: Shop, event: Stored) -> RetryDelivery:
    return RetryDelivery(event=event.id, type=event.type, endpoint=shop.stripe.endpoint)


# The signature, judged by Stripe's own library.


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("note", ["", "Zahlung f\u00fcr \u00dcnal", '\U0001f4b6 \\ud83d "\n'])
async def test_what_we_sign_stripes_own_library_takes(note: str, indent: int | None) -> None:
    event = {"object": "event", "id": "evt_1", "data": {"object": {"note": note}}}
    body = json.dumps(event, indent=indent, ensure_ascii=False).encode()
    header = signature(body, SECRET, int(time.time()))
    assert Webhook.construct_event(body, header, SECRET).id == "evt_1"


async def test_stripes_own_library_takes_no_other_body_secret_or_time() -> None:
    body, now = b'{"object": "event", "id": "evt_1"}', int(time.time())
    header = signature(body, SECRET, now)
    for strange in ((b" " + body, header, SECRET), (body, header, SECRET + "x")):
        with pytest.raises(SignatureVerificationError, match="No signatures found matching"):
            Webhook.construct_event(*strange)
    with pytest.raises(SignatureVerificationError, match="tolerance"):
        Webhook.construct_event(body, signature(body, SECRET, now - 301), SECRET)


async def test_what_is_posted_is_the_event_byte_by_byte_signed_now(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[bytes, str]] = []

    def judge(body: bytes, header: str, secret: str) -> None:
        taken.append((body, header))
        Webhook.construct_event(body, header, secret)

    monkeypatch.setattr("sandbox.peers.webhooks.verify", judge)
    event = shop.missed(60)
    await shop.adapter()._replay(replay_of(shop, event), KEY)
    assert [body for body, _ in taken] == [shop.stripe.body(event)]
    assert shop.ours.handled == [event.id]


# Finding.


async def test_what_was_not_delivered_is_found_the_oldest_first_page_by_page(shop: Shop) -> None:
    wanted = [shop.missed(minutes).id for minutes in range(PAGE + 3, 0, -1)]
    shop.stripe.happen("invoice.paid", {}, timedelta(minutes=5), is_delivered=True)
    shop.stripe.happen("invoice.paid", {}, timedelta(hours=3))
    found = await shop.adapter().undelivered(last(2))
    assert [one.id for one in found.events] == wanted
    assert found.missed == found.events and found.events[0].about == "invoice in_1Paid"
    assert len([one for one in shop.stripe.calls if one.path == "/v1/events"]) == 2
    assert all(one.headers["authorization"].startswith("Bearer rk_") for one in shop.stripe.calls)


async def test_what_we_have_processed_all_the_same_is_not_missed(shop: Shop) -> None:
    done, missed = shop.missed(20), shop.missed(10)
    await shop.ours.process(json.loads(shop.stripe.body(done)))
    found = await shop.adapter().undelivered(last(1))
    assert [one.id for one in found.events] == [done.id, missed.id]
    assert [one.id for one in found.missed] == [missed.id]


async def test_an_event_that_was_taken_and_not_processed_is_missed(shop: Shop) -> None:
    event = shop.missed(10)
    await shop.run("ALTER TABLE processed_stripe_events ALTER processed_at DROP NOT NULL")
    await shop.run(
        f"INSERT INTO processed_stripe_events VALUES ('{event.id}', 'invoice.paid', now(), NULL)"
    )
    assert [one.id for one in (await shop.adapter().undelivered(last(1))).missed] == [event.id]


async def test_events_that_our_endpoint_is_not_sent_are_not_missed(shop: Shop) -> None:
    shop.stripe.enabled_events = ["invoice.paid"]
    paid = shop.missed(10)
    shop.missed(5, kind="charge.succeeded")
    assert [one.id for one in (await shop.adapter().undelivered(last(1))).events] == [paid.id]
    shop.stripe.enabled_events = [f"type.number_{n}" for n in range(25)] + ["invoice.paid"]
    assert [one.id for one in (await shop.adapter().undelivered(last(1))).events] == [paid.id]


async def test_more_than_can_be_looked_at_is_refused_and_not_cut(shop: Shop) -> None:
    for minute in range(MOST + 1):
        shop.missed(minute)
    with pytest.raises(Refused, match=r"more than 200 .* Take a shorter one, the oldest first"):
        await shop.adapter().undelivered(last(24))


async def test_events_are_found_by_their_ids_in_their_order_and_gone_ones_are_named(
    shop: Shop,
) -> None:
    older, newer = shop.missed(20), shop.missed(10)
    gone = shop.stripe.happen("invoice.paid", {}, timedelta(days=31))
    found = await shop.adapter().events([newer.id, gone.id, older.id, "evt_none", newer.id])
    assert [one.id for one in found.events] == [older.id, newer.id]
    assert found.gone == (gone.id, "evt_none")


async def test_what_is_posted_is_only_what_stripe_would_have_sent(shop: Shop) -> None:
    paid, charged = shop.missed(20), shop.missed(10, kind="charge.succeeded")
    ids = [paid.id, charged.id]
    found = await shop.adapter().events(ids)
    assert [one.event for one in found.replays] == ids == [one.event for one in found.retries]
    assert found.unfit == ()
    shop.stripe.enabled_events = ["invoice.paid"]
    found = await shop.adapter().events(ids)
    assert (
        [one.event for one in found.replays] == [paid.id] == [one.event for one in found.retries]
    )
    assert found.unfit == (f"{charged.id} is charge.succeeded, which our endpoint is not sent",)
    shop.stripe.endpoint_version = "2024-06-20"
    found = await shop.adapter(may_retry=False).events([paid.id])
    assert (found.replays, found.retries) == ((), ())
    assert found.unfit[0].endswith("and our endpoint is sent 2024-06-20")


async def test_a_time_has_an_end_where_one_is_given(shop: Shop) -> None:
    older, newer = shop.missed(90), shop.missed(10)
    found = await shop.adapter().undelivered(last(2), last(1))
    assert [one.id for one in found.events] == [older.id]
    found = await shop.adapter().undelivered(last(2))
    assert [one.id for one in found.events] == [older.id, newer.id]


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("limited", NothingDone, "Stripe says we ask too often"),
        ("denied", Refused, "does not have the required permissions"),
        ("error", Unreachable, "HTTP 503"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
        ("html", Unreachable, "a web page instead of data"),
        ("half an answer", Unreachable, "broke the connection"),
        ("lost response", Unreachable, "broke the connection"),
    ],
)
async def test_stripe_that_does_not_answer_is_said_and_nothing_is_called_delivered(
    shop: Shop, fault: str, error: type[Exception], says: str
) -> None:
    shop.stripe.fail(fault)
    for asked in (shop.adapter().undelivered(last(1)), shop.adapter().events(["evt_1"])):
        with pytest.raises(error, match=says):
            await asked


EVENT = {
    "object": "event", "id": "evt_1", "type": "invoice.paid", "created": 1_764_000_000,
    "api_version": "2026-10-28.endive", "pending_webhooks": 0, "data": {"object": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    "strange",
    [
        {}, [], "x", None, 3,
        {"error": {}},
        {"object": "list", "data": {}, "has_more": False},
        {"object": "list", "data": [], "has_more": True},
        {"object": "list", "data": [EVENT | {"created": "now"}], "has_more": False},
        {"object": "list", "data": [EVENT | {"id": "<!channel>"}], "has_more": False},
        {"object": "list", "data": [{**EVENT, "data": None}], "has_more": False},
        {"object": "list", "data": [EVENT]},
    ],
)  # fmt: skip
async def test_an_answer_of_another_shape_is_no_list_of_events(
    shop: Shop, strange: object
) -> None:
    stripe = shop.adapter()
    endpoint = await stripe.endpoint()
    shop.stripe.strange = strange
    shop.stripe.fail("strange")
    with pytest.raises(Unreachable, match="Stripe answered"):
        await stripe._list([])
    with pytest.raises(Unreachable, match="Stripe answered"):
        await stripe.events(["evt_2"])
    assert endpoint.is_enabled


async def test_a_key_that_was_changed_is_found_and_a_wrong_one_is_not_shown(shop: Shop) -> None:
    key = Changing(shop.stripe.api_key)
    stripe = shop.adapter()
    stripe._api_key = key.credential
    await stripe.undelivered(last(1))
    shop.stripe.api_key = "rk_test_another-key-0123456789"
    key.change(shop.stripe.api_key)
    await stripe.undelivered(last(1))
    stripe._api_key = given("rk_test_a-wrong-key-0123456789")
    with pytest.raises(Refused, match="does not accept our credentials") as refused:
        await stripe.undelivered(last(1))
    assert "wrong" not in repr(refused.value)


async def test_a_key_that_may_move_money_is_never_sent(shop: Shop) -> None:
    stripe = shop.adapter()
    stripe._api_key = given("sk_live_all-of-it-0123456789")
    with pytest.raises(Refused, match="a restricted one, rk_"):
        await stripe.undelivered(last(1))
    assert shop.stripe.calls == []


async def test_what_is_missing_in_settings_is_named(shop: Shop) -> None:
    nothing = Stripe(shop.calls, StripeSettings(), ProcessedEvents(None), None, None)
    change = ReplayEvent(event="evt_1", type="a.b", url="https://x")
    with pytest.raises(Refused, match=r"Set stripe\.endpoint"):
        await nothing.undelivered(last(1))
    with pytest.raises(Refused, match=r"Set stripe\.api_key"):
        await nothing.events(["evt_1"])
    with pytest.raises(Refused, match=r"Set stripe\.webhook_url"):
        await shop.adapter(webhook_url="").undelivered(last(1))
    with pytest.raises(Refused, match=r"Set stripe\.webhook_secret"):
        await nothing._replay(change, KEY)
    with pytest.raises(Refused, match=r"Set postgres\.dsn"):
        await nothing._see(change)


# Replaying.


async def test_an_event_is_before_then_applied_and_a_second_post_has_no_effect(
    shop: Shop,
) -> None:
    stripe, event = shop.adapter(), shop.missed(30)
    found = await stripe.events([event.id])
    (change,) = found.replays
    before = await stripe._see(change)
    assert (before.state, before.now) == (
        "before", f"{event.id} is not in our table of processed events",
    )  # fmt: skip
    await stripe._replay(change, KEY)
    assert (await stripe._see(change)).state == "applied"
    await stripe._replay(change, KEY)
    assert (shop.ours.posts, shop.ours.handled) == (2, [event.id])
    assert len(found.missed) == 1 and not (await stripe.processed(found)).missed


async def test_a_replay_whose_answer_was_lost_is_seen_to_have_happened(shop: Shop) -> None:
    stripe, change = shop.adapter(), replay_of(shop, shop.missed(30))
    shop.ours.fail("lost response", times=1)
    with pytest.raises(Unreachable, match="Our webhook endpoint broke the connection"):
        await stripe._replay(change, KEY)
    assert ((await stripe._see(change)).state, shop.ours.posts) == ("applied", 1)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("lost request", Unreachable, "broke the connection"),
        ("fails", Unreachable, r"HTTP 500.*not known whether it was done"),
        ("error", Unreachable, r"HTTP 503.*not known whether it was done"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
        ("html", Unreachable, "a web page; it is not known"),
    ],
)
async def test_a_replay_that_did_not_come_through_is_still_before(
    shop: Shop, fault: str, error: type[Exception], says: str
) -> None:
    stripe, change = shop.adapter(), replay_of(shop, shop.missed(30))
    shop.ours.fail(fault, times=1)
    with pytest.raises(error, match=says):
        await stripe._replay(change, KEY)
    assert ((await stripe._see(change)).state, shop.ours.posts) == ("before", 1)


async def test_an_endpoint_that_says_yes_and_forgets_is_not_believed(shop: Shop) -> None:
    stripe, change = shop.adapter(), replay_of(shop, shop.missed(30))
    shop.ours.fail("forgets", times=1)
    await stripe._replay(change, KEY)
    assert (await stripe._see(change)).state == "before"


async def test_an_endpoint_that_is_down_has_not_been_told_anything(shop: Shop) -> None:
    stripe, change = shop.adapter(), replay_of(shop, shop.missed(30))
    await shop.ours.stop()
    with pytest.raises(NothingDone, match="Our webhook endpoint does not accept connections"):
        await stripe._replay(change, KEY)


async def test_what_cannot_be_read_at_stripe_is_not_posted(shop: Shop) -> None:
    stripe, change = shop.adapter(), replay_of(shop, shop.missed(30))
    shop.stripe.fail("error", times=3)
    with pytest.raises(NothingDone, match="Nothing was sent"):
        await stripe._replay(change, KEY)
    shop.stripe.strange = EVENT
    shop.stripe.fail("strange", times=1)
    with pytest.raises(NothingDone, match="another event than it was asked for"):
        await stripe._replay(change, KEY)
    with pytest.raises(Refused, match="No such event"):
        await stripe._replay(change.model_copy(update={"event": "evt_none"}), KEY)
    assert shop.ours.posts == 0


async def test_a_webhook_secret_that_was_rolled_is_found(shop: Shop) -> None:
    secret, stripe = Changing(shop.ours.secret), shop.adapter()
    stripe._webhook_secret = secret.credential
    await stripe._replay(replay_of(shop, shop.missed(40)), KEY)
    shop.ours.secret = "whsec_another-0123456789"
    secret.change(shop.ours.secret)
    await stripe._replay(replay_of(shop, shop.missed(30)), KEY)
    assert (shop.ours.posts, len(shop.ours.handled)) == (3, 2)


async def test_a_signature_that_is_not_taken_is_a_clear_no(shop: Shop) -> None:
    stripe, change = shop.adapter(secret=SECRET), replay_of(shop, shop.missed(30))
    with pytest.raises(Refused, match=r"HTTP 400.*No signatures found matching") as refused:
        await stripe._replay(change, KEY)
    assert SECRET not in repr(refused.value)
    late = Stripe(
        stripe._calls, stripe._settings, stripe._processed, stripe._api_key,
        given(shop.ours.secret), clock=lambda: time.time() - 400,
    )  # fmt: skip
    with pytest.raises(Refused, match="Timestamp outside the tolerance zone"):
        await late._replay(change, KEY)
    assert (await stripe._see(change)).state == "before"


async def test_no_secret_and_nothing_of_an_event_is_logged(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stripe, event = shop.adapter(), shop.missed(30)
    await stripe._replay(replay_of(shop, event), KEY)
    told = caplog.text + repr(await stripe.events([event.id]))
    assert "Ünal" not in told and shop.stripe.webhook_secret not in told


# Stripe's own call.


async def test_stripe_delivers_once_more_and_only_once_for_one_key(shop: Shop) -> None:
    stripe, event = shop.adapter(), shop.missed(30)
    change = retry_of(shop, event)
    assert (await stripe._see(change)).state == "before"
    for _ in range(2):
        await stripe._retry(change, KEY)
    await shop.stripe.stop()  # Once it has delivered.
    assert ((await stripe._see(change)).state, shop.ours.posts) == ("applied", 1)
    assert shop.stripe.calls[-1].headers["idempotency-key"] == KEY
    told = f"stripe events resend {event.id} --webhook-endpoint {change.endpoint}"
    assert change.command() == told


async def test_a_retry_whose_answer_was_lost_is_seen_and_can_be_repeated(shop: Shop) -> None:
    stripe, change = shop.adapter(), retry_of(shop, shop.missed(30))
    shop.stripe.fail("lost response", times=1)
    with pytest.raises(Unreachable):
        await stripe._retry(change, KEY)
    await stripe._retry(change, KEY)
    await shop.stripe.stop()
    assert (shop.stripe.retries, shop.ours.posts) == (2, 1)


@pytest.mark.parametrize(("fault", "error"), [("no retry", Refused), ("denied", Refused)])
async def test_where_stripe_has_no_such_call_it_is_said_what_to_do_instead(
    shop: Shop, fault: str, error: type[Exception]
) -> None:
    shop.stripe.fail(fault, times=1)
    with pytest.raises(error, match="Replay it to our own endpoint instead"):
        await shop.adapter()._retry(retry_of(shop, shop.missed(30)), KEY)
    assert shop.ours.posts == 0


async def test_stripe_that_limits_us_has_done_nothing(shop: Shop) -> None:
    shop.stripe.fail("limited", times=1)
    with pytest.raises(NothingDone, match="nothing was done"):
        await shop.adapter()._retry(retry_of(shop, shop.missed(30)), KEY)


# Our table.


async def test_a_database_that_is_silent_is_unreachable_and_never_before(
    shop: Shop, database: Database
) -> None:
    change = replay_of(shop, shop.missed(30))
    database.pause_writer()
    try:
        with pytest.raises(Unreachable, match="The database did not answer within 2 s"):
            await shop.adapter()._see(change)
    finally:
        database.resume_writer()
    await database.stop_writer()
    try:
        with pytest.raises(Unreachable, match="The database refused the connection"):
            await shop.adapter()._see(change)
    finally:
        await database.start_writer()


async def test_a_table_that_we_may_not_read_is_refused_with_where_to_look(
    shop: Shop, database: Database
) -> None:
    change = replay_of(shop, shop.missed(30))
    await shop.run("REVOKE ALL ON processed_stripe_events FROM complyai")
    try:
        with pytest.raises(Refused, match=r"does not let us read .*SQLSTATE 42501.*install\.md"):
            await shop.adapter()._see(change)
    finally:
        await shop.run("GRANT ALL ON processed_stripe_events TO complyai")


async def test_a_password_that_is_wrong_is_not_accepted_and_not_shown(shop: Shop) -> None:
    user, password = database_parts(shop.database.dsn)
    wrong = shop.database.dsn.replace(password, "wrong-password")
    with pytest.raises(Refused, match="does not accept our user or password") as refused:
        await shop.adapter(dsn=wrong)._see(replay_of(shop, shop.missed(30)))
    assert user not in str(refused.value) and "wrong-password" not in str(refused.value)


def database_parts(dsn: str) -> tuple[str, str]:
    user, _, password = dsn.removeprefix("postgresql://").partition("@")[0].partition(":")
    return user, password
