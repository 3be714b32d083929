"""Whether Meta tells us what happens: subscriptions, accounts, our callback, and the changes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.meta import AdAccount, Meta, Subscribe, SubscribeApp, Unsubscribe, graph
from bot.runbook import Seen
from bot.runbook.errors import NothingDone, Refused, Unreachable
from sandbox.meta.limits import APP, BUSINESS
from sandbox.meta.state import Subscription
from tests.adapters.meta_world import ACCOUNT, FIELDS, NOW, OTHER, OURS, TOKEN, Town, town

pytestmark = pytest.mark.slow
THEIRS = AdAccount(account=OTHER, business_account=7)
APP_ID = "735200000000001"


@pytest.fixture
async def here(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(graph, "PAUSE_S", 0.01)
    async with town() as made:
        yield made


@pytest.fixture
def meta(here: Town) -> Meta:
    return here.meta()


async def planned(here: Town) -> Subscribe:
    found = await here.meta().subscriptions()
    change = found.moved_to(here.callback.callback_url, FIELDS)
    assert change
    return change


def account_change(**told: Any) -> SubscribeApp:
    change = SubscribeApp(app=APP_ID, account=ACCOUNT, business_account=7)
    return change.model_copy(update=told)


# What there is.


async def test_no_subscription_and_one_that_is_as_it_should_be(here: Town, meta: Meta) -> None:
    assert (await meta.subscriptions()).of_accounts is None
    await meta._subscribe(await planned(here), "key")
    found = await meta.subscriptions()
    there = found.of_accounts
    assert there and (there.fields, there.is_active) == (FIELDS, True)
    assert found.moved_to(here.callback.callback_url, FIELDS[::-1]) is None
    assert found.table().rows == (("ad_account", there.callback, ", ".join(FIELDS), True),)


async def test_fields_are_read_with_and_without_their_versions(here: Town, meta: Meta) -> None:
    listed = {"object": "ad_account", "callback_url": "https://x", "active": True}
    for fields in (["a", "b"], [{"name": "b", "version": "v26.0"}, {"name": "a"}]):
        here.graph.strange = {"data": [listed | {"fields": fields}]}
        here.graph.fail("strange", times=1)
        there = (await meta.subscriptions()).of_accounts
        assert there and there.fields == ("a", "b")


@pytest.mark.parametrize(
    "strange",
    [
        {}, {"data": {}}, {"data": ["x"]}, {"data": [{"object": "ad_account"}]},
        {"data": [{"object": 7, "callback_url": "u", "active": True, "fields": []}]},
        {"data": [{"object": "ad_account", "callback_url": "u", "active": 1, "fields": []}]},
        {"data": [{"object": "ad_account", "callback_url": "u", "active": True}]},
        {"data": [], "paging": {"next": "https://graph.facebook.com/more"}},
    ],
)  # fmt: skip
async def test_a_list_of_another_shape_or_half_of_one_is_unreadable_and_not_none(
    here: Town, meta: Meta, strange: object
) -> None:
    here.graph.strange = strange
    here.graph.fail("strange")
    with pytest.raises(Unreachable, match=r"Meta (answered|lists more)"):
        await meta.subscriptions()


async def test_each_account_is_asked_and_one_that_cannot_be_keeps_none_of_the_others(
    here: Town, meta: Meta
) -> None:
    here.graph.accounts[OTHER].apps.add(APP_ID)
    gone = AdAccount(account=ACCOUNT, business_account=9)
    found = await meta.hearings([OURS, THEIRS, gone])
    assert (found.lacking, found.unread) == ((ACCOUNT,), (ACCOUNT,))
    assert found.subscribe() == (account_change(),)
    assert [row[1] for row in found.table().rows] == ["no", "yes", "not known"]
    assert "no business account 9" in found.accounts[2].says


async def test_nothing_is_delivered_unless_app_and_account_are_subscribed(
    here: Town, meta: Meta
) -> None:
    assert not await here.graph.change_ad(ACCOUNT)
    await meta._subscribe(await planned(here), "key")
    assert not await here.graph.change_ad(ACCOUNT)
    await meta._subscribe_app(account_change(), "key")
    assert await here.graph.change_ad(ACCOUNT)
    assert [event["object"] for event in here.events] == ["ad_account"]
    assert not await here.graph.change_ad(ACCOUNT, "creative_fatigue")


async def test_what_is_not_signed_by_meta_is_not_taken(here: Town, meta: Meta) -> None:
    await meta._subscribe(await planned(here), "key")
    await meta._subscribe_app(account_change(), "key")
    here.graph.fail("bad signature", times=1)
    assert not await here.graph.change_ad(ACCOUNT) and here.events == []
    here.graph.fail("webhook lost", times=1)
    assert not await here.graph.change_ad(ACCOUNT) and here.events == []
    here.graph.fail("delivered twice", times=1)
    assert await here.graph.change_ad(ACCOUNT) and len(here.events) == 2


# Our callback.


async def test_a_callback_that_echoes_and_keeps_strangers_out_is_well(
    here: Town, meta: Meta
) -> None:
    found = await meta.endpoint()
    assert (found.is_well, found.says) == (True, "It answers as it should")
    ours, theirs = (call.query["hub.verify_token"] for call in here.callback.calls)
    assert ours == here.callback.verify_token != theirs
    again = await meta.endpoint()
    assert again.is_well
    challenges = {call.query["hub.challenge"] for call in here.callback.calls}
    assert len(challenges) == 4  # A random one each time.


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("wrong token", "It does not accept our verify token (HTTP 403)"),
        ("any token", "It accepts any verify token: anybody can subscribe to it"),
        ("page", "It answered a web page instead of the challenge alone"),
        ("echo in text", "It answered something else instead of the challenge alone"),
        ("error", "It answered HTTP 503 to Meta's question"),
        ("slow", "Our callback did not answer within 0.7 s"),
        ("lost request", "Our callback broke the connection"),
        ("half an answer", "Our callback broke the connection"),
    ],
)
async def test_a_callback_that_does_otherwise_says_what(
    here: Town, meta: Meta, fault: str, says: str
) -> None:
    here.callback.fail(fault)
    found = await meta.endpoint()
    assert not found.is_well and says in found.says
    assert here.callback.verify_token not in repr(found)


async def test_a_callback_that_is_gone_is_a_fact(here: Town, meta: Meta) -> None:
    await here.callback.stop()
    found = await meta.endpoint()
    assert not found.is_well and "does not accept connections" in found.says


async def test_no_verify_token_is_sent_where_others_can_read_it(here: Town) -> None:
    meta = here.meta(callback_url="http://api.example.com/webhooks/meta")
    with pytest.raises(Refused, match="without TLS"):
        await meta.endpoint()


# Subscribing.


async def test_subscribing_is_before_then_applied_and_undone_to_nothing(
    here: Town, meta: Meta
) -> None:
    change = await planned(here)
    assert await meta._see_subscription(change) == Seen(
        "before", "Meta tells nobody about ad accounts"
    )
    await meta._subscribe(change, "key")
    assert await meta._see_subscription(change) == Seen("applied", change.then())
    undo = change.undo()
    assert isinstance(undo, Unsubscribe)
    assert await meta._see_none(undo) == Seen("before", change.then())
    await meta._unsubscribe(undo, "key")
    assert (await meta._see_none(undo)).state == "applied"
    assert here.graph.subscriptions == {}


async def test_a_subscription_to_elsewhere_is_replaced_and_its_undo_brings_it_back(
    here: Town, meta: Meta
) -> None:
    elsewhere = here.callback.callback_url.replace("127.0.0.1", "localhost")
    here.graph.subscriptions["ad_account"] = Subscription(elsewhere, ("creative_fatigue",))
    change = await planned(here)
    assert (change.replacing, change.replacing_fields) == (elsewhere, ("creative_fatigue",))
    await meta._subscribe(change, "key")
    undo = change.undo()
    assert isinstance(undo, Subscribe)
    assert (await meta._see_subscription(undo)).state == "before"
    await meta._subscribe(undo, "key")
    assert here.graph.subscriptions["ad_account"].callback == elsewhere
    assert (await meta._see_subscription(undo)).state == "applied"


async def test_one_that_is_switched_off_is_before_and_one_of_somebody_else_has_drifted(
    here: Town, meta: Meta
) -> None:
    url = here.callback.callback_url
    here.graph.subscriptions["ad_account"] = Subscription(url, FIELDS, is_active=False)
    change = await planned(here)
    seen = await meta._see_subscription(change)
    assert seen.state == "before" and seen.now.endswith("but is switched off")
    here.graph.subscriptions["ad_account"] = Subscription("https://evil.example.com", FIELDS)
    assert (await meta._see_subscription(change)).state == "drifted"
    del here.graph.subscriptions["ad_account"]
    assert (await meta._see_subscription(change)).state == "drifted"


async def test_a_subscription_whose_answer_was_lost_is_seen_and_was_sent_once(
    here: Town, meta: Meta
) -> None:
    change = await planned(here)
    here.graph.fail("lost response", times=1)
    with pytest.raises(Unreachable, match="broke the connection"):
        await meta._subscribe(change, "key")
    assert (await meta._see_subscription(change)).state == "applied"
    assert [call.method for call in here.graph.calls].count("POST") == 1


async def test_whatever_is_changed_about_an_account_is_seen_when_its_answer_was_lost(
    here: Town, meta: Meta
) -> None:
    change = account_change()
    here.graph.subscriptions["ad_account"] = Subscription("https://x", FIELDS)
    none = Unsubscribe(app=APP_ID, replacing="https://x")
    changes: list[tuple[Any, Any, Any]] = [
        (meta._subscribe_app, meta._see_app, change),
        (meta._unsubscribe_app, meta._see_no_app, change.undo()),
        (meta._unsubscribe, meta._see_none, none),
    ]
    for apply, see, one in changes:
        assert (await see(one)).state == "before"
        here.graph.fail("lost response", times=1)
        with pytest.raises(Unreachable, match="broke the connection"):
            await apply(one, "key")
        assert (await see(one)).state == "applied"
        await apply(one, "key")  # After a crash: no harm.
        assert (await see(one)).state == "applied"


async def test_a_crash_between_call_and_record_is_found_done_and_again_does_no_harm(
    here: Town, meta: Meta
) -> None:
    change, account = await planned(here), account_change()
    await meta._subscribe(change, "key")
    await meta._subscribe_app(account, "key")
    restarted = here.meta()
    assert (await restarted._see_subscription(change)).state == "applied"
    assert (await restarted._see_app(account)).state == "applied"
    await restarted._subscribe(change, "key")
    await restarted._subscribe_app(account, "key")
    assert len(here.graph.subscriptions) == 1 and here.graph.accounts[ACCOUNT].apps == {APP_ID}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("wrong token", "HTTP Status Code = 403"),
        ("page", "the challenge was not echoed"),
        ("error", "HTTP Status Code = 503"),
    ],
)
async def test_meta_subscribes_no_callback_that_it_could_not_verify(
    here: Town, meta: Meta, fault: str, says: str
) -> None:
    change = await planned(here)
    here.callback.fail(fault)
    with pytest.raises(Refused, match=f"code 2200.*{says}"):
        await meta._subscribe(change, "key")
    assert (await meta._see_subscription(change)).state == "before"


async def test_the_fields_of_the_prose_are_none_of_an_ad_account(here: Town, meta: Meta) -> None:
    change = (await planned(here)).model_copy(update={"fields": ("ad_status", "ad_creative")})
    with pytest.raises(Refused, match="not a valid field: ad_status"):
        await meta._subscribe(change, "key")


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("passing error", Unreachable, "it is not known whether it was done"),
        ("error", Unreachable, "it is not known whether it was done"),
        ("html", Unreachable, "it is not known whether it was done"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
        ("lost request", Unreachable, "broke the connection"),
        ("half an answer", Unreachable, "broke the connection"),
        ("not allowed", Refused, "Nothing was done"),
        ("strange", Unreachable, "did not say that it was done"),
    ],
)
async def test_a_change_without_a_clear_yes_is_sent_once(
    here: Town, meta: Meta, fault: str, error: type[Exception], says: str
) -> None:
    here.graph.strange = {"success": False}
    for call in (meta._subscribe_app(account_change(), "k"), meta._subscribe(_change(here), "k")):
        here.graph.calls.clear()
        here.graph.fail(fault)
        with pytest.raises(error, match=says):
            await call
        assert len(here.graph.calls) == 1


def _change(here: Town) -> Subscribe:
    return Subscribe(app=APP_ID, callback=here.callback.callback_url, fields=FIELDS)


async def test_a_change_that_is_limited_was_not_made_and_says_when_again(
    here: Town, meta: Meta
) -> None:
    here.graph.limits.exhaust(BUSINESS, 7, NOW)
    with pytest.raises(NothingDone, match="code 80004") as limited:
        await meta._subscribe_app(account_change(), "key")
    assert limited.value.again_after_s == 420
    assert here.graph.accounts[ACCOUNT].apps == set()
    here.graph.limits.exhaust(APP, 7, NOW)
    with pytest.raises(NothingDone, match="code 4"):
        await meta._subscribe(_change(here), "key")


async def test_an_account_is_subscribed_and_unsubscribed(here: Town, meta: Meta) -> None:
    change = account_change()
    assert await meta._see_app(change) == Seen("before", f"Our app does not hear of {ACCOUNT}")
    await meta._subscribe_app(change, "key")
    assert await meta._see_app(change) == Seen("applied", f"Our app hears of {ACCOUNT}")
    undo = change.undo()
    assert (await meta._see_no_app(undo)).state == "before"
    await meta._unsubscribe_app(undo, "key")
    assert (await meta._see_no_app(undo)).state == "applied"
    assert here.graph.accounts[ACCOUNT].apps == set()


async def test_an_account_whose_token_died_is_unreadable_and_not_before(
    here: Town, meta: Meta
) -> None:
    token = here.graph.token(TOKEN)
    assert token
    token.state = "revoked"
    with pytest.raises(Refused, match="code 190, 467"):
        await meta._see_app(account_change())


async def test_a_plan_for_another_app_is_not_carried_out(here: Town, meta: Meta) -> None:
    with pytest.raises(Refused, match="settings have another one"):
        await meta._see_app(account_change(app="42"))
    with pytest.raises(Refused, match="settings have another one"):
        await meta._see_subscription(_change(here).model_copy(update={"app": "42"}))


def test_the_line_of_a_change_is_what_one_would_type_without_a_token() -> None:
    change = Subscribe(app=APP_ID, callback="https://api.example.com/webhooks/meta", fields=FIELDS)
    assert change.command() == (
        f"curl -X POST https://graph.facebook.com/{APP_ID}/subscriptions -d object=ad_account"
        " -d callback_url=https://api.example.com/webhooks/meta"
        " -d fields=in_process_ad_objects,with_issues_ad_objects"
    )
    assert account_change().undo().command() == (
        f"curl -X DELETE https://graph.facebook.com/{ACCOUNT}/subscribed_apps -d app_id={APP_ID}"
    )
