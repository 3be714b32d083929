"""Over real HTTP: what is known after a call of which the answer is missing, and what leaks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.runbook.errors import Refused
from bot.settings import SlackSettings
from bot.slack.calls import Calls, Limited, Lost, NotSent, open_calls
from tests.credentials import given

pytestmark = pytest.mark.slow
TOKEN = "xoxb-very-secret"


class Peer:
    """Answers as it is told to, and counts."""

    def __init__(self) -> None:
        self.answer: web.Response | None = web.json_response({"ok": True})
        self.bodies: list[object] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if "upload" in request.path:
            self.bodies.append(await request.read())
        else:
            asked = await request.json() if request.can_read_body else dict(request.query)
            self.bodies.append(asked)
        if self.answer is None:
            assert request.transport
            request.transport.abort()
            return web.Response()
        return self.answer


@asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", peer.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/api/"
    await runner.cleanup()


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
async def calls(peer: Peer) -> AsyncIterator[Calls]:
    async with serving(peer) as url:
        settings = SlackSettings(api_url=url, timeout_s=1.0)
        async with open_calls(settings, given(TOKEN)) as calls:
            yield calls


async def test_a_no_is_an_answer(calls: Calls, peer: Peer) -> None:
    peer.answer = web.json_response({"ok": False, "error": "is_archived"})
    assert (await calls.call("chat.postMessage", channel="C1"))["error"] == "is_archived"


async def test_a_dropped_connection_is_lost_and_not_repeated(calls: Calls, peer: Peer) -> None:
    peer.answer = None
    with pytest.raises(Lost):
        await calls.call("chat.postMessage", channel="C1", text="once")
    assert len(peer.bodies) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_is_lost(calls: Calls, peer: Peer, status: int) -> None:
    peer.answer = web.Response(status=status, text="<html>upstream", content_type="text/html")
    with pytest.raises(Lost):
        await calls.call("chat.postMessage", channel="C1")


async def test_an_answer_that_makes_no_sense_is_lost(calls: Calls, peer: Peer) -> None:
    peer.answer = web.Response(text="<html>hello", content_type="text/html")
    with pytest.raises(Lost):
        await calls.call("chat.postMessage", channel="C1")
    peer.answer = web.Response(body=b'{"ok": tr', content_type="application/json")
    with pytest.raises(Lost):
        await calls.call("chat.postMessage", channel="C1")


async def test_a_limit_says_for_how_long(calls: Calls, peer: Peer) -> None:
    body, headers = {"ok": False, "error": "ratelimited"}, {"Retry-After": "7"}
    peer.answer = web.json_response(body, status=429, headers=headers)
    with pytest.raises(Limited) as limited:
        await calls.call("chat.update", channel="C1")
    assert (limited.value.method, limited.value.again_after_s) == ("chat.update", 7.0)


async def test_a_peer_that_is_not_there_got_nothing() -> None:
    async with serving(Peer()) as url:
        pass
    settings = SlackSettings(api_url=url, timeout_s=1.0)
    async with open_calls(settings, given(TOKEN)) as calls:
        with pytest.raises(NotSent):
            await calls.call("chat.postMessage", channel="C1")


async def test_what_is_none_is_left_out(calls: Calls, peer: Peer) -> None:
    await calls.call("chat.postMessage", channel="C1", thread_ts=None)
    peer.answer = web.json_response({"ok": True})
    await calls.call("conversations.history", channel="C1", include_all_metadata=True, cursor=None)
    assert peer.bodies[0] == {"channel": "C1"}
    assert peer.bodies[1] == {"channel": "C1", "include_all_metadata": "1"}


async def test_no_error_carries_the_token(calls: Calls, peer: Peer) -> None:
    peer.answer = None
    with pytest.raises(Lost) as lost:
        await calls.call("chat.postMessage", channel="C1")
    assert TOKEN not in f"{lost.value!r} {lost.value.__context__!r} {lost.value.__cause__!r}"


def upload_url(calls: Calls) -> str:
    return calls.client.base_url.replace("/api/", "/upload/v1/ticket")


async def test_a_file_goes_where_slack_said(calls: Calls, peer: Peer) -> None:
    await calls.upload(upload_url(calls), b"rows")
    assert peer.bodies == [b"rows"]


@pytest.mark.parametrize("status", [400, 403, 413])
async def test_a_file_that_is_refused_is_not_tried_again(
    calls: Calls, peer: Peer, status: int
) -> None:
    peer.answer = web.Response(status=status)
    with pytest.raises(Refused, match=f"HTTP {status}"):
        await calls.upload(upload_url(calls), b"rows")


@pytest.mark.parametrize("status", [408, 500, 503])
async def test_an_upload_that_failed_for_now_had_no_effect(
    calls: Calls, peer: Peer, status: int
) -> None:
    peer.answer = web.Response(status=status)
    with pytest.raises(NotSent, match=f"HTTP {status}"):
        await calls.upload(upload_url(calls), b"rows")


async def test_an_upload_without_an_answer_had_no_effect(calls: Calls, peer: Peer) -> None:
    peer.answer = None
    with pytest.raises(NotSent):
        await calls.upload(upload_url(calls), b"rows")


async def test_an_upload_that_is_limited_says_for_how_long(calls: Calls, peer: Peer) -> None:
    peer.answer = web.Response(status=429, headers={"Retry-After": "9"})
    with pytest.raises(Limited) as limited:
        await calls.upload(upload_url(calls), b"rows")
    assert limited.value.again_after_s == 9.0


async def test_a_file_is_not_uploaded_in_the_clear_to_a_stranger(calls: Calls) -> None:
    with pytest.raises(Refused, match="not encrypted"):
        await calls.upload("http://files.example/upload", b"rows")
