"""A secret that is changed on both sides is found without a restart, and nothing is done twice."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import pytest

from adapters.http_calls import HttpCalls
from adapters.pager import Page, Pager
from adapters.postgres import Postgres
from adapters.tickets import CreateTicket, Tickets
from bot.runbook import Run
from bot.runbook.errors import Refused
from bot.settings import PagerSettings, TicketSettings
from sandbox.peers.github import GitHub
from sandbox.peers.jira import Jira
from sandbox.peers.pagerduty import POLICY, PagerDuty
from sandbox.postgres import Database
from tests.adapters.written_room import WrittenRoom
from tests.credentials import Changing, given

pytestmark = pytest.mark.slow
AT = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
TICKET = CreateTicket(run="7F3K", number=1, since=AT, title="Look at it")
PAGE = Page(run="7F3K", since=AT, message="core is down")
RUN = Run(id="7F3K", started_at=AT, started_by="U0DANA")


async def with_calls(do: Callable[[HttpCalls], Awaitable[None]]) -> None:
    calls = HttpCalls(5.0)
    try:
        await do(calls)
    finally:
        await calls.close()


async def test_a_new_token_of_a_tracker_is_found_and_one_ticket_made() -> None:
    async def make(calls: HttpCalls) -> None:
        async with GitHub() as github, Jira() as jira:
            github_settings = TicketSettings(
                tracker="github", api_url=github.url, project=github.repository.name
            )
            jira_settings = TicketSettings(
                tracker="jira", api_url=jira.url, project=jira.project, user=jira.user
            )
            for peer, settings in ((github, github_settings), (jira, jira_settings)):
                token = Changing(peer.token)
                tickets = Tickets(calls, settings, WrittenRoom(), token.credential)
                assert (await tickets._see(TICKET)).state == "before"
                peer.token = "a-new-token-of-the-tracker"
                token.change(peer.token)
                await tickets._create(TICKET, "key")
                assert len(peer.issues) == 1
                assert (await tickets._see(TICKET)).state == "applied"

    await with_calls(make)


async def test_new_keys_of_pagerduty_are_found_and_one_incident_opened() -> None:
    async def page(calls: HttpCalls) -> None:
        async with PagerDuty() as peer:
            key, token = Changing(peer.routing_key), Changing(peer.api_token)
            settings = PagerSettings(
                events_url=peer.url, api_url=peer.url, escalation_policy=POLICY
            )
            pager = Pager(calls, settings, WrittenRoom(), key.credential, token.credential)
            assert not (await pager.on_call(RUN)).unread
            await key.credential.value()
            peer.routing_key, peer.api_token = "0123456789abcdef" * 2, "u+another-token"
            key.change(peer.routing_key)
            token.change(peer.api_token)
            assert not (await pager.on_call(RUN)).unread
            await pager._page(PAGE, "key")
            assert len(peer.incidents) == 1

    await with_calls(page)


async def test_a_token_that_stays_wrong_is_refused_in_a_sentence_without_it() -> None:
    async def make(calls: HttpCalls) -> None:
        async with GitHub() as github:
            settings = TicketSettings(
                tracker="github", api_url=github.url, project=github.repository.name
            )
            tickets = Tickets(calls, settings, WrittenRoom(), given("the-wrong-token"))
            with pytest.raises(Refused, match="does not accept our credentials") as refused:
                await tickets._create(TICKET, "key")
            assert "the-wrong-token" not in repr(refused.value)
            assert not github.issues

    await with_calls(make)


async def test_a_new_password_of_the_database_is_found() -> None:
    async with Database(organizations=0) as database:
        old = database.dsn
        writer, replica = Changing(old), Changing(database.replica_dsn)
        postgres = Postgres(writer.credential, replica.credential)
        assert (await postgres.connectivity()).error == ""
        password, user = old.split("@")[0].rsplit(":", 1)[1], old.split("//")[1].split(":")[0]
        admin = await asyncpg.connect(database.admin_dsn)
        await admin.execute(f"ALTER ROLE {user} PASSWORD 'another-password-4711'")
        await admin.close()
        assert (await postgres.connectivity()).cause == "authentication"
        writer.change(old.replace(password, "another-password-4711"))
        replica.change(database.replica_dsn.replace(password, "another-password-4711"))
        found = await postgres.connectivity()
        assert (found.error, found.replica_error) == ("", "")
