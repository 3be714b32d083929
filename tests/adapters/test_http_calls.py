"""Calls over HTTP against a server that does what real ones do on their bad days."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from adapters.http_calls import AN_HOUR_S, LARGEST_ANSWER, HttpCalls, NotFound
from adapters.plain import plain
from bot.runbook.errors import NothingDone, Refused, Unreachable
from sandbox.peers.peer import Peer

pytestmark = pytest.mark.slow
SECRET = "very-secret-value"


class Some(Peer):
    status, headers, says = 429, dict[str, str](), dict[str, Any]()
    body = b""
    FAULTS = Peer.FAULTS | {"told", "refuses", "endless", "redirects", "unparsable", "bottomless"}

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.body = await request.read()
        if self.strikes("told"):
            return web.json_response(self.says, status=self.status, headers=self.headers)
        if self.strikes("refuses"):
            body = {
                "message": "Validation Failed",
                "errors": [{"field": "title", "code": "empty"}],
            }
            return web.json_response(body, status=422)
        if self.strikes("redirects"):
            return web.Response(status=302, headers={"location": f"{self.url}/login"})
        if self.strikes("unparsable"):
            return web.Response(text="{'not': json}", content_type="application/json")
        if self.strikes("bottomless"):
            return web.Response(text="[" * 100_000, content_type="application/json")
        if self.strikes("endless"):
            return web.Response(body=b"x" * (LARGEST_ANSWER + 1))
        return web.json_response({"done": True})


@pytest.fixture
async def some() -> AsyncIterator[Some]:
    async with Some() as peer:
        yield peer


@pytest.fixture
async def calls() -> AsyncIterator[HttpCalls]:
    made = HttpCalls(timeout_s=1)
    yield made
    await made.close()


async def test_reading_is_tried_again_after_a_passing_error(some: Some, calls: HttpCalls) -> None:
    some.fail("error", times=2)
    assert (await calls.read("Some", some.url)).json() == {"done": True}
    assert len(some.calls) == 3


async def test_reading_is_tried_again_after_a_lost_answer(some: Some, calls: HttpCalls) -> None:
    some.fail("lost response", times=1)
    assert (await calls.read("Some", some.url)).is_good


async def test_reading_ends_after_three_tries(some: Some, calls: HttpCalls) -> None:
    some.fail("error")
    with pytest.raises(Unreachable, match=r"error of its own \(HTTP 503\)"):
        await calls.read("Some", some.url)
    assert len(some.calls) == 3


@pytest.mark.parametrize("fault", ["error", "lost request", "lost response", "half an answer"])
async def test_writing_is_never_tried_again(some: Some, calls: HttpCalls, fault: str) -> None:
    some.fail(fault)
    with pytest.raises(Unreachable):
        await calls.write("Some", some.url, {"a": 1})
    assert len(some.calls) == 1


async def test_a_clear_no_is_told_in_its_own_words(some: Some, calls: HttpCalls) -> None:
    some.fail("refuses")
    with pytest.raises(Refused, match="Validation Failed; title empty"):
        await calls.write("Some", some.url, {})


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        (
            {"error": {"message": "No such event", "code": "x"}},
            "refused (HTTP 404): No such event",
        ),
        ({"error": "denied", "error_description": "Not for you"}, "(HTTP 404): Not for you"),
        ({"error": "Invalid signature"}, "(HTTP 404): Invalid signature"),
        ({"error": "Not Found", "message": "No user"}, "(HTTP 404): No user"),
        ({"error": ["a"], "error_description": {}}, "refused (HTTP 404)"),
    ],
)
async def test_what_is_not_there_is_told_as_the_others_say_it(
    some: Some, calls: HttpCalls, says: dict[str, Any], shown: str
) -> None:
    some.status, some.says = 404, says
    some.fail("told")
    with pytest.raises(NotFound) as refused:
        await calls.read("Some", some.url)
    assert str(refused.value).endswith(shown)


NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
IN_9_S = str(int(NOW.timestamp()) + 9)


@pytest.mark.parametrize(
    ("headers", "again_s"),
    [
        ({"retry-after": "7", "x-ratelimit-reset": IN_9_S}, 7),
        ({"x-ratelimit-reset": IN_9_S}, 9),
        ({"x-ratelimit-reset": "1000000000"}, 1),
        ({"x-ratelimit-reset": "9999999999"}, AN_HOUR_S),
        ({"x-ratelimit-reset": "soon"}, 60),
        ({"x-ratelimit-reset": IN_9_S, "date": "some day"}, 60),
        ({}, 60),
    ],
)
async def test_a_limit_is_waited_for_by_the_clock_of_whoever_limits(
    some: Some, calls: HttpCalls, headers: dict[str, str], again_s: float
) -> None:
    some.headers = {"date": format_datetime(NOW, usegmt=True)} | headers
    some.status, some.says = 429, {}
    some.fail("told")
    with pytest.raises(NothingDone) as limited:
        await calls.write("Some", some.url, {})
    assert limited.value.again_after_s == again_s


async def test_bytes_are_sent_as_they_are_and_by_the_method_that_is_asked_for(
    some: Some, calls: HttpCalls
) -> None:
    await calls.write("Some", some.url, b'{ "a":1}', {"content-type": "x/y"}, "PATCH")
    call = some.calls[-1]
    assert (some.body, call.method, call.headers["content-type"]) == (b'{ "a":1}', "PATCH", "x/y")
    await calls.write("Some", some.url, None, method="DELETE")
    assert (some.body, some.calls[-1].method) == (b"", "DELETE")


async def test_the_time_limit_holds_for_all_tries_together(some: Some, calls: HttpCalls) -> None:
    some.fail("slow")
    with pytest.raises(Unreachable, match="Some did not answer within 1 s"):
        async with asyncio.timeout(5):
            await calls.read("Some", some.url)


async def test_an_answer_that_drips_is_not_waited_for(calls: HttpCalls) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.2)
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="within 1 s"):
            await calls.ask("Some", f"http://127.0.0.1:{port}/")


async def test_half_an_answer_is_no_answer(some: Some, calls: HttpCalls) -> None:
    some.fail("half an answer")
    with pytest.raises(Unreachable, match="broke the connection before it had answered"):
        await calls.ask("Some", some.url)


async def test_nobody_listening_is_said_so(some: Some, calls: HttpCalls) -> None:
    await some.stop()
    with pytest.raises(Unreachable, match="Some does not accept connections"):
        await calls.ask("Some", some.url)


async def test_an_answer_without_end_is_not_read(some: Some, calls: HttpCalls) -> None:
    some.fail("endless")
    with pytest.raises(Unreachable, match="more than 2 MB"):
        await calls.ask("Some", some.url)


async def test_a_web_page_is_told_from_data(some: Some, calls: HttpCalls) -> None:
    some.fail("html", times=1)
    with pytest.raises(Unreachable, match="a web page instead of data"):
        (await calls.read("Some", some.url)).json()
    for fault in ("unparsable", "bottomless"):
        some.fail(fault, times=1)
        with pytest.raises(Unreachable, match="cannot be read"):
            (await calls.read("Some", some.url)).json()


async def test_a_web_page_is_no_word_that_anything_was_written(
    some: Some, calls: HttpCalls
) -> None:
    some.fail("html")
    with pytest.raises(Unreachable, match="a web page; it is not known whether it was done"):
        await calls.write("Some", some.url, {"a": 1})
    assert len(some.calls) == 1


async def test_nobody_is_followed_elsewhere(some: Some, calls: HttpCalls) -> None:
    some.fail("redirects")
    with pytest.raises(Refused, match="sent us elsewhere"):
        await calls.read("Some", some.url, headers={"authorization": SECRET})
    assert [call.path for call in some.calls] == ["/"]


@pytest.mark.parametrize("fault", ["", "error", "refuses", "lost response", "slow", "redirects"])
async def test_no_secret_reaches_a_message_or_a_log(
    some: Some, calls: HttpCalls, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if fault:
        some.fail(fault)
    headers = {"authorization": f"Bearer {SECRET}"}
    says = ""
    try:
        await calls.read("Some", some.url, [("key", SECRET)], headers)
        await calls.write("Some", some.url, {"routing_key": SECRET}, headers)
    except (Refused, Unreachable) as error:
        says = f"{error} {error.__cause__}"
    assert SECRET not in says + caplog.text


async def test_credentials_never_travel_without_tls(calls: HttpCalls) -> None:
    with pytest.raises(Refused, match="an address without TLS"):
        await calls.read("Some", "http://192.0.2.1/", headers={"authorization": SECRET})


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://a\x00b/", "http://127.0.0.1:99999/", "some.example", "ftp://a/"],
)
async def test_an_address_that_is_none_is_a_clear_no(calls: HttpCalls, url: str) -> None:
    for call in (calls.ask("Some", url), calls.read("Some", url), calls.write("Some", url, {})):
        with pytest.raises(Refused, match="an address or a token in settings"):
            await call


@pytest.mark.parametrize("end", ["\n", "\x00", "\u2013"])
async def test_a_token_that_no_header_can_carry_is_not_sent_and_not_shown(
    some: Some, calls: HttpCalls, end: str
) -> None:
    with pytest.raises(Refused, match="Nothing was sent") as refused:
        await calls.write("Some", some.url, {}, {"authorization": f"Bearer {SECRET}{end}"})
    assert SECRET not in str(refused.value) and refused.value.__suppress_context__
    assert some.calls == []


async def test_a_proxy_never_sees_loopback(some: Some, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    calls = HttpCalls(timeout_s=1)
    assert (await calls.ask("Some", some.url)).is_good
    await calls.close()


def test_foreign_text_becomes_one_bounded_plain_line() -> None:
    assert plain("a\nb\x00\t\u202ec", 10) == "a b c"
    assert plain("x" * 300) == "x" * 199 + "…"
