"""Who is on call, and whether they are at it already; not knowing it is a fact and no error."""

from collections.abc import AsyncIterator

import pytest

from adapters import http_calls
from adapters.pager import OnCall, Pager
from bot.runbook import Person
from sandbox.peers.pagerduty import ALICE, BOB, User
from tests.adapters.duty import API_TOKEN, CORE, PAGE, ROUTING_KEY, RUN, Duty, changed, pager_of
from tests.adapters.written_room import WrittenRoom

pytestmark = pytest.mark.slow


@pytest.fixture
async def duty() -> AsyncIterator[Duty]:
    async with Duty(ROUTING_KEY, API_TOKEN) as peer:
        yield peer


@pytest.fixture
async def pager(duty: Duty, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pager]:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.01)
    async with pager_of(duty, WrittenRoom()) as made:
        yield made


async def test_whoever_is_on_call_is_known_by_name_and_in_the_workspace(pager: Pager) -> None:
    assert await pager.on_call(RUN) == OnCall(
        person=Person(user_id="U0ALICE"), name="Alice Adler", is_engaged=False
    )


async def test_of_two_on_call_at_once_the_one_we_know_is_named(pager: Pager, duty: Duty) -> None:
    duty.on_call = ((BOB, ALICE),)
    assert (await pager.on_call(RUN)).name == "Alice Adler"


async def test_the_second_level_is_not_asked_while_the_first_has_somebody(
    pager: Pager, duty: Duty
) -> None:
    duty.on_call = (BOB, ALICE)
    on_call = await pager.on_call(RUN)
    assert (on_call.name, on_call.person, on_call.unread) == ("Bob Bauer", None, "")


async def test_that_nobody_is_on_call_is_said(pager: Pager, duty: Duty) -> None:
    duty.on_call = ()
    on_call = await pager.on_call(RUN, [CORE])
    assert on_call == OnCall(unread="PagerDuty names nobody who is on call")


@pytest.mark.parametrize(("setting", "value"), [("api_token", ""), ("escalation_policy", "")])
async def test_a_setting_without_which_nobody_knows_who_is_on_call_is_named(
    pager: Pager, setting: str, value: str
) -> None:
    on_call = await changed(pager, **{setting: value}).on_call(RUN)
    assert on_call == OnCall(unread=f"Without pager.{setting} nobody can say who is on call")


async def test_whoever_is_on_call_and_started_the_run_is_engaged(pager: Pager) -> None:
    on_call = await pager.on_call(RUN.model_copy(update={"started_by": "U0ALICE"}))
    assert on_call.is_engaged
    assert on_call.says == "Alice Adler is on call and started this run"


@pytest.mark.parametrize(
    ("title", "key", "engaged"),
    [
        ("anything", PAGE.dedup_key, True),
        (f"{CORE} answers 5xx", "", True),
        ("nightly export failed", "", False),
    ],
)
async def test_on_call_is_engaged_by_what_they_acknowledged_of_this_run_or_its_services(
    pager: Pager, duty: Duty, title: str, key: str, engaged: bool
) -> None:
    incident = duty.open_incident(title, key)
    assert not (await pager.on_call(RUN, [CORE])).is_engaged
    duty.acknowledge(incident, BOB)
    on_call = await pager.on_call(RUN, [CORE])
    assert on_call.is_engaged is engaged
    says = f"Bob Bauer has acknowledged PagerDuty incident #1 ({title})"
    assert on_call.says == (says if engaged else "")
    duty.resolve(incident)
    assert not (await pager.on_call(RUN, [CORE])).is_engaged


async def test_another_teams_incident_engages_nobody_of_ours(pager: Pager, duty: Duty) -> None:
    duty.acknowledge(duty.open_incident(f"{CORE} answers 5xx"), BOB)
    elsewhere = changed(pager, escalation_policy="PELSEWHERE")
    assert not (await elsewhere.on_call(RUN, [CORE])).is_engaged


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("error", "HTTP 503"),
        ("slow", "did not answer within 0.7 s"),
        ("html", "a web page instead of data"),
        ("lost response", "broke the connection"),
    ],
)
async def test_a_pagerduty_that_cannot_be_read_is_told_and_engages_nobody(
    pager: Pager, duty: Duty, fault: str, says: str
) -> None:
    duty.fail(fault)
    on_call = await pager.on_call(RUN, [CORE])
    assert says in on_call.unread
    assert not on_call.is_engaged and on_call.person is None


async def test_whoever_is_on_call_is_known_although_incidents_cannot_be_read(
    pager: Pager, duty: Duty
) -> None:
    duty.strange = {"incidents": 7}
    duty.fail("strange")
    on_call = await pager.on_call(RUN)
    assert on_call.person == Person(user_id="U0ALICE")
    assert (on_call.is_engaged, on_call.unread) == (
        False,
        "PagerDuty answered without its incidents",
    )


async def test_foreign_names_are_plain_and_bounded(pager: Pager, duty: Duty) -> None:
    duty.on_call = (User("P1", "Mallory\n<!here>\u202e" + "x" * 200, "m@example.com"),)
    name = (await pager.on_call(RUN)).name
    assert "\n" not in name and "\u202e" not in name and len(name) == 80
