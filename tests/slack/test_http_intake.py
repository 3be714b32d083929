"""HTTP mode: what Slack sends is answered, and what Slack did not send is not even looked at."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
import sqlalchemy as sa

from bot.slack.http_intake import EVENTS, HEALTH, LONGEST_BODY
from bot.slack.turned_away import ENTRIES_A_MINUTE
from bot.slack.views import names
from sandbox.slack.workspace import Workspace
from tests.slack.forging import (
    Payload,
    Request,
    as_form,
    command,
    elsewhere,
    forged_payloads,
    of_team,
    press,
    request,
    signed_rubbish,
    unsigned_requests,
)
from tests.slack.office import Office, office
from tests.slack.test_listeners_buttons import CONFIRM

pytestmark = pytest.mark.slow


@asynccontextmanager
async def http_office() -> AsyncIterator[tuple[Office, aiohttp.ClientSession]]:
    async with office(over_http=True) as made, aiohttp.ClientSession() as session:
        yield made, session


async def send(made: Office, session: aiohttp.ClientSession, sent: Request) -> tuple[int, str]:
    url, headers = f"{made.url}{EVENTS}", dict(sent.headers)
    async with session.post(url, data=sent.body, headers=headers) as answer:
        return answer.status, await answer.text()


def now(slack: Workspace) -> float:
    return slack.clock.now()


async def test_slack_finds_the_request_url_and_a_command_is_answered_over_it() -> None:
    async with http_office() as (made, _):
        assert await made.slack.verify_request_url()
        assert "RB-INC-001" in await made.told("help")


async def test_a_form_is_opened_and_submitted_over_http() -> None:
    async with http_office() as (made, _):
        assert (await made.type("RB-INC-001")).acked
        await made.form(names.START_MODAL)
        assert not (await made.submit(brief_desc="over-http")).errors
        assert made.desk.last[0] == "start"


async def test_requests_without_a_fresh_signature_of_slacks_are_refused_and_written_down() -> None:
    async with http_office() as (made, session):
        forged = unsigned_requests(made.slack.signing_secret, now(made.slack))
        for name, sent in forged.items():
            status, said = await send(made, session, sent)
            assert status == 401, f"{name} was answered with {status}: {said}"
        await made.settled()
        assert not made.desk.noted
        assert sum(1 + more for _, _, more in made.desk.away) == len(forged)
        print(f"{len(forged)} forged requests over HTTP: all refused, all written down")


async def test_a_copy_of_a_genuine_request_is_refused_and_the_first_took_effect_once() -> None:
    async with http_office() as (made, session):
        text = as_form(of_team(command(), made.slack.team.id))
        sent = request(made.slack.signing_secret, now(made.slack), text)
        assert (await send(made, session, sent))[0] == 200
        made.slack.clock.advance(299)
        assert (await send(made, session, sent))[0] == 401
        made.slack.clock.advance(2)
        assert (await send(made, session, sent))[0] == 401
        await made.settled()
        assert [name for name, _ in made.desk.noted] == ["start"]
        assert [why for why, _, _ in made.desk.away] == [
            "a copy of a request that came before",
            "a request whose signature is too old, or not yet valid",
        ]


async def test_signed_rubbish_breaks_nothing_and_nothing_comes_of_it() -> None:
    async with http_office() as (made, session):
        for name, sent in signed_rubbish(made.slack.signing_secret, now(made.slack)).items():
            status, said = await send(made, session, sent)
            assert status in (400, 404), f"{name} was answered with {status}: {said}"
        assert not made.desk.noted
        assert "RB-INC-001" in await made.told("help")


@pytest.mark.parametrize("over_http", [True, False], ids=["http", "socket mode"])
async def test_forged_payloads_are_refused_and_written_down_in_either_mode(
    over_http: bool,
) -> None:
    async with office(over_http=over_http) as made:
        forged = forged_payloads()
        for payload in forged.values():
            ours = of_team(dict(payload), made.slack.team.id)
            await made.slack.carry("slash_commands" if "command" in ours else "interactive", ours)
        await made.settled()
        assert not made.desk.noted
        written = sum(1 + more for _, _, more in made.desk.away)
        assert written == len(forged), [why for why, _, _ in made.desk.away]
        assert "RB-INC-001" in await made.told("help")
        print(f"{len(forged)} forged payloads: all refused, all written down")


@pytest.mark.parametrize("over_http", [True, False], ids=["http", "socket mode"])
async def test_what_is_pressed_where_the_bot_has_not_asked_is_refused_and_written_down(
    over_http: bool,
) -> None:
    forged = [*elsewhere("ap1", "7F3K").values()]
    for start in range(0, len(forged), ENTRIES_A_MINUTE):
        await _pressed_elsewhere(forged[start : start + ENTRIES_A_MINUTE], over_http)
    print(f"{len(forged)} presses from elsewhere: all refused, all written down")


async def _pressed_elsewhere(forged: Sequence[Payload], over_http: bool) -> None:
    async with office(over_http=over_http) as made:
        made.stands = {("C0GENERAL", "1.1"): ("7F3K", "ap1")}
        made.desk.asked["q1"] = CONFIRM
        for payload in forged:
            await made.slack.carry("interactive", of_team(payload, made.slack.team.id))
        await made.settled()
        assert not made.desk.noted and not made.slack.views("U0DANA")
        written = [why for why, _, _ in made.desk.away]
        assert written == ["a press where the bot asks no such thing"] * len(forged)
        await made.slack.carry("interactive", of_team(press("ap1"), made.slack.team.id))
        assert [name for name, _ in made.desk.noted] == ["decide"]


async def test_a_flood_at_the_door_is_counted_and_does_not_fill_the_log() -> None:
    async with http_office() as (made, session):
        junk = Request(b"x", {})
        await asyncio.gather(*(send(made, session, junk) for _ in range(200)))
        await made.settled()
        assert len(made.desk.away) == 30


async def test_a_body_that_is_too_long_or_never_ends_is_not_waited_for() -> None:
    async with http_office() as (made, session):
        long = request(made.slack.signing_secret, now(made.slack), "x" * (LONGEST_BODY + 1))
        assert (await send(made, session, long))[0] == 413
        host = made.url.removeprefix("http://")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        head = f"POST {EVENTS} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nab"
        writer.write(head.encode())
        assert b"408" in await reader.readline()
        writer.close()


@pytest.mark.parametrize("error", [OSError("no disk"), sa.exc.TimeoutError("none is free")])
async def test_the_balancer_is_told_when_the_store_is_away(error: Exception) -> None:
    async with http_office() as (made, session):
        async with session.get(f"{made.url}{HEALTH}") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        made.desk.breaks = error
        async with session.get(f"{made.url}{HEALTH}") as answer:
            assert answer.status == 503
            assert "store" in json.dumps(await answer.json())
