"""A page reaches whoever is on call, once, and nothing that cannot be read keeps it from them."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters import http_calls
from adapters.pager import Pager
from bot.runbook import Seen
from bot.runbook.errors import NothingDone, Refused, Unreachable
from tests.adapters.duty import API_TOKEN, CORE, PAGE, ROUTING_KEY, RUN, Duty, changed, pager_of
from tests.adapters.written_room import State, WrittenRoom

pytestmark = pytest.mark.slow

NOT_ACCEPTED = "PagerDuty has not said that it has this page"


@pytest.fixture
async def duty() -> AsyncIterator[Duty]:
    async with Duty(ROUTING_KEY, API_TOKEN) as peer:
        yield peer


@pytest.fixture
def room() -> WrittenRoom:
    return WrittenRoom()


@pytest.fixture
async def pager(
    duty: Duty, room: WrittenRoom, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pager]:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.01)
    async with pager_of(duty, room) as made:
        yield made


def unreadable(pager: Pager) -> Pager:
    return changed(pager, api_token="")


async def test_a_page_is_before_then_applied(pager: Pager, duty: Duty) -> None:
    assert await pager._see(PAGE) == Seen("before", "PagerDuty has no incident of this run")
    await pager._page(PAGE, "key")
    assert await pager._see(PAGE) == Seen("applied", "PagerDuty has incident #1, triggered")
    (incident,) = duty.incidents
    assert (incident.title, incident.urgency) == (PAGE.message, "high")
    assert (duty.pages, incident.keys) == (1, ["runbook-run:7F3K/1788231600"])


async def test_two_pages_of_one_run_are_one_incident_and_of_two_runs_are_two(
    pager: Pager, duty: Duty
) -> None:
    other = PAGE.model_copy(update={"run": "9QQQ"})
    for change in (PAGE, PAGE, other):
        await pager._page(change, "key")
    assert [incident.alerts for incident in duty.incidents] == [2, 1]
    assert (await pager._see(other)).now == "PagerDuty has incident #2, triggered"


async def test_the_incident_of_an_older_run_with_the_same_id_is_no_page_of_ours(
    pager: Pager, duty: Duty
) -> None:
    older = PAGE.model_copy(update={"since": RUN.started_at - timedelta(days=90)})
    await pager._page(older, "key")
    duty.resolve(duty.incidents[0])
    assert (await pager._see(PAGE)).state == "before"


async def test_a_page_whose_answer_was_lost_is_found_and_was_sent_once(
    pager: Pager, duty: Duty
) -> None:
    duty.fail("lost response", times=1)
    with pytest.raises(Unreachable, match="broke the connection"):
        await pager._page(PAGE, "key")
    assert (await pager._see(PAGE)).state == "applied"
    assert (duty.pages, len(duty.incidents)) == (1, 1)


async def test_a_page_that_got_lost_itself_is_seen_not_to_have_come(
    pager: Pager, duty: Duty
) -> None:
    duty.fail("lost request", times=1)
    with pytest.raises(Unreachable):
        await pager._page(PAGE, "key")
    assert ((await pager._see(PAGE)).state, duty.pages) == ("before", 1)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("limited", NothingDone, "ask too often .* nothing was done"),
        ("error", Unreachable, "HTTP 503.*not known whether it was done"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
        ("html", Unreachable, "a web page; it is not known"),
        ("half an answer", Unreachable, "broke the connection"),
    ],
)
async def test_a_page_without_a_clear_yes_was_sent_once_and_is_not_applied(
    pager: Pager, duty: Duty, fault: str, error: type[Exception], says: str
) -> None:
    pager = unreadable(pager)
    duty.fail(fault)
    with pytest.raises(error, match=says):
        await pager._page(PAGE, "key")
    assert duty.pages == 1
    assert await pager._see(PAGE) == Seen("before", NOT_ACCEPTED)


@pytest.mark.parametrize("answer", [{}, [], "success", {"status": "invalid event"}])
async def test_only_the_word_success_is_a_page_that_was_taken(
    pager: Pager, duty: Duty, answer: object
) -> None:
    pager, duty.strange = unreadable(pager), answer
    duty.fail("strange")
    with pytest.raises(Unreachable, match="did not say that it took the page"):
        await pager._page(PAGE, "key")
    assert (await pager._see(PAGE)).state == "before"


async def test_a_wrong_routing_key_is_a_clear_no_in_their_words(pager: Pager, duty: Duty) -> None:
    pager = changed(pager, routing_key="f" * 32)
    with pytest.raises(Refused, match="Event object is invalid; Invalid routing key"):
        await pager._page(PAGE, "key")
    assert ((await pager._see(PAGE)).state, duty.incidents) == ("before", [])


async def test_without_a_right_to_read_what_was_accepted_is_remembered_until_a_restart(
    pager: Pager, duty: Duty
) -> None:
    pager = unreadable(pager)
    await pager._page(PAGE, "key")
    assert await pager._see(PAGE) == Seen("applied", "PagerDuty has accepted the page")
    again = changed(pager)
    assert (await again._see(PAGE)).state == "before"
    await again._page(PAGE, "key")
    assert len(duty.incidents) == 1


async def test_that_pages_cannot_be_looked_up_keeps_nobody_from_being_paged(
    pager: Pager, duty: Duty
) -> None:
    duty.api_token = "another"
    seen = await pager._see(PAGE)
    assert seen.state == "before" and "does not accept our credentials" in seen.now
    await pager._page(PAGE, "key")
    assert await pager._see(PAGE) == Seen("applied", "PagerDuty has accepted the page")


@pytest.mark.parametrize("answer", [{}, [], {"incidents": None}, {"incidents": ["#1"]}, "none"])
async def test_a_list_of_another_shape_is_no_incident_of_ours(
    pager: Pager, duty: Duty, answer: object
) -> None:
    duty.strange = answer
    duty.fail("strange")
    seen = await pager._see(PAGE)
    assert seen == Seen("before", f"{NOT_ACCEPTED} (PagerDuty answered without its incidents)")


async def test_a_page_that_is_not_listed_yet_is_sent_again_without_harm(
    pager: Pager, duty: Duty
) -> None:
    await pager._page(PAGE, "key")
    duty.fail("behind", times=1)
    assert (await pager._see(PAGE)).state == "before"
    await pager._page(PAGE, "key")
    assert len(duty.incidents) == 1


@pytest.mark.parametrize(
    ("arrives", "seen"),
    [
        ("queued", Seen("applying", "The mention of the on-call group is on its way")),
        ("delivered", Seen("applied", "The on-call group was mentioned in the channel")),
        ("dead", Seen("unreadable", "Slack refused to mention the on-call group: call them")),
    ],
)
async def test_without_a_routing_key_the_on_call_group_is_mentioned_once(
    pager: Pager, duty: Duty, room: WrittenRoom, arrives: State, seen: Seen
) -> None:
    pager, room.arrives = changed(pager, routing_key=""), arrives
    assert await pager._see(PAGE) == Seen("before", "The on-call group was not mentioned yet")
    for _ in range(2):
        await pager._page(PAGE, "key")
    assert await pager._see(PAGE) == seen
    (said,) = room.said
    assert (said.run, said.text) == ("7F3K", f"<!subteam^S0ONCALL> {PAGE.message}")
    assert duty.calls == []


async def test_a_message_mentions_nobody_but_the_on_call_group(
    pager: Pager, room: WrittenRoom
) -> None:
    page = PAGE.model_copy(update={"message": "down\n<!channel> & <@U-VERA>"})
    await changed(pager, routing_key="")._page(page, "key")
    assert room.said[0].text == ("<!subteam^S0ONCALL> down &lt;!channel&gt; &amp; &lt;@U-VERA&gt;")


async def test_with_nobody_to_page_it_says_that_nobody_was_told(
    pager: Pager, room: WrittenRoom
) -> None:
    pager = changed(pager, routing_key="", on_call_group="")
    with pytest.raises(Refused, match="Nobody was told"):
        await pager._page(PAGE, "key")
    assert room.said == []


@pytest.mark.parametrize("fault", ["", *sorted(Duty.FAULTS - {"slow", "strange"})])
async def test_neither_key_nor_token_reaches_a_message_or_a_log(
    pager: Pager, duty: Duty, room: WrittenRoom, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    if fault:
        duty.fail(fault)
    told = [str(await pager.on_call(RUN, [CORE])), str(await pager._see(PAGE)), PAGE.command()]
    try:
        await pager._page(PAGE, "key")
    except (Refused, Unreachable) as error:
        told.append(f"{error} {error.__cause__}")
    told += [repr(pager._settings), caplog.text, *(said.text for said in room.said)]
    assert not [text for text in told if ROUTING_KEY in text or API_TOKEN in text]
