"""Queues and workers, asked of a real Redis and of a Flower, well and ill in every known way."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from adapters import http_calls
from adapters.celery import Celery, Queue
from adapters.celery.broker import Broker, keys
from adapters.http_calls import HttpCalls
from bot.runbook.errors import Refused, Unreachable
from sandbox.celery.flower import Flower
from sandbox.celery.messages import Job, push
from sandbox.celery.redis_server import RedisServer, find
from sandbox.celery.workers import Worker
from tests.credentials import Changing, given

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(find() is None, reason="there is no redis-server"),
]
QUEUE, LIMIT_S = "ad_sync", 2.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[RedisServer]:
    async with RedisServer() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def server(running: RedisServer) -> RedisServer:
    """Empty."""
    client = running.client()
    await client.flushall()
    await client.aclose()
    return running


@pytest_asyncio.fixture(loop_scope="module")
async def calls(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpCalls]:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.01)
    made = HttpCalls(timeout_s=0.7)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def workers(server: RedisServer) -> AsyncIterator[list[Worker]]:
    """Two, that never get done with a job."""

    async def carry_out(job: Job) -> None:
        await asyncio.Event().wait()

    made = [Worker(f"w{number}@box", QUEUE, server, carry_out) for number in (1, 2)]
    yield made
    for one in made:
        await one.die()


@pytest_asyncio.fixture(loop_scope="module")
async def flower(server: RedisServer, workers: list[Worker]) -> AsyncIterator[Flower]:
    async with Flower(server, workers, inspect_s=0.05) as made:
        yield made


@pytest.fixture
def celery(server: RedisServer, calls: HttpCalls, flower: Flower) -> Celery:
    return Celery(Broker(given(server.url), LIMIT_S), calls, flower.url, given(flower.login))


async def fill(server: RedisServer, *counts: int) -> None:
    """So many jobs of each priority."""
    client = server.client()
    for priority, count in zip((0, 3, 6, 9), counts, strict=True):
        if count:
            await push(client, QUEUE, "ad_sync.sync", [priority], priority, count)
    await client.aclose()


async def look(url: str, timeout_s: float = LIMIT_S) -> Queue:
    """Without a word of whom it asked, as whom, with which password."""
    found = await Broker(given(url), timeout_s).queue(QUEUE)
    for part in url.replace("/", " ").replace("@", " ").replace(":", " ").split()[1:-1]:
        assert part not in f"{found!r} {found.says()}"
    return found


# What waits.


async def test_jobs_of_every_priority_are_counted_and_redis_cli_agrees(
    server: RedisServer, celery: Celery
) -> None:
    await fill(server, 1, 0, 12, 8)
    found = await celery.queue(QUEUE)
    assert (found.waiting, found.by_priority) == (21, (1, 0, 12, 8))
    assert await server.cli("LLEN", QUEUE) == "1"  # What the plain list says.
    said = [int(await server.cli("LLEN", key)) for key in keys(QUEUE)]
    assert said == list(found.by_priority)
    assert found.says() == "21 jobs wait in ad_sync, 0 are taken by workers"


async def test_an_empty_queue_is_0_and_not_unknown(celery: Celery) -> None:
    found = await celery.queue(QUEUE)
    assert (found.waiting, found.cause, found.error) == (0, "", "")
    assert found.answered_in is not None


async def until(celery: Celery, waiting: int, taken: int) -> None:
    async with asyncio.timeout(5):
        while True:
            found = await celery.queue(QUEUE)
            if (found.waiting, found.taken) == (waiting, taken):
                return
            await asyncio.sleep(0.01)


async def test_what_workers_have_taken_is_counted_apart_and_stays_when_they_die(
    server: RedisServer, celery: Celery, workers: list[Worker]
) -> None:
    await fill(server, 5, 0, 0, 0)
    for one in workers:
        one.start()
    await until(celery, waiting=3, taken=2)
    assert await server.cli("HLEN", "unacked") == "2"
    for one in workers:
        await one.die()
    await fill(server, 7, 0, 0, 0)  # It grows: nobody is there.
    await until(celery, waiting=10, taken=2)


async def test_a_user_that_may_only_count_is_enough(server: RedisServer) -> None:
    client = server.client()
    await client.acl_setuser(
        "bot",
        enabled=True,
        passwords="+botpassword",
        keys=["ad_sync*", "unacked"],
        commands=["+llen", "+hlen", "+multi", "+exec"],
    )
    await client.aclose()
    assert (await look(server.url_of("bot", "botpassword"))).waiting == 0


# A broker that cannot be asked.


async def test_a_wrong_password_and_none_at_all_are_not_accepted(server: RedisServer) -> None:
    for url in (server.url_of("default", "wrongpassword"), server.url.replace("default:", ":x")):
        found = await look(url)
        assert (found.waiting, found.cause) == (None, "authentication")
    bare = f"redis://127.0.0.1:{server.port}/0"
    assert (await look(bare)).error == "Redis does not accept our user or password"


async def test_a_password_that_was_changed_is_read_again(server: RedisServer) -> None:
    secret = Changing(server.url_of("default", "theoldpassword"))
    broker = Broker(secret.credential, LIMIT_S)
    assert (await broker.queue(QUEUE)).cause == "authentication"
    secret.change(server.url)
    assert (await broker.queue(QUEUE)).waiting == 0


async def test_a_user_that_may_not_count_is_told_so(server: RedisServer) -> None:
    client = server.client()
    await client.acl_setuser("low", enabled=True, passwords="+lowpassword", commands=["+ping"])
    await client.aclose()
    found = await look(server.url_of("low", "lowpassword"))
    assert (found.cause, found.error) == ("denied", "Redis does not let our user count what waits")


async def test_something_else_under_the_queues_name_is_no_queue(server: RedisServer) -> None:
    client = server.client()
    await client.set(f"{QUEUE}\x06\x163", "a text")
    await client.aclose()
    found = await look(server.url)
    assert (found.waiting, found.cause) == (None, "wrong type")


async def test_a_server_without_a_connection_left_says_so(server: RedisServer) -> None:
    client = server.client()
    await client.config_set("maxclients", 1)
    found = await look(server.url)
    await client.config_set("maxclients", 100)
    await client.aclose()
    assert found.error == "Redis has no connection left for another client"


async def test_a_server_that_hangs_is_given_up(server: RedisServer) -> None:
    server.pause()
    try:
        found = await look(server.url, timeout_s=0.3)
    finally:
        server.resume()
    assert (found.cause, found.error) == ("timed out", "Redis did not answer within 0.3 s")


async def test_a_server_that_is_gone_or_still_reads_its_data_is_told_apart() -> None:
    async with RedisServer() as server:
        await server.load_slowly()
        found = await look(server.url)
        assert (found.cause, found.waiting) == ("loading", None)
        assert found.error == "Redis was just started and still reads its data"
        await server.crash()
        found = await look(server.url)
        assert (found.cause, found.waiting) == ("refused", None)
        assert found.error == "Redis does not accept connections: nothing listens"


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"+OK\r\n", b"*-5\r\n", b"$9999999999\r\n"],
)
async def test_what_is_no_redis_is_never_an_empty_queue(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        found = await look(f"redis://someuser:somepassword@127.0.0.1:{port}/0", timeout_s=0.5)
    assert found.waiting is None and found.error


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://nosuch.invalid:6379/0", "cannot be found: its name is not known"),
        ("nonsense", "check celery.broker_url"),
        ("redis://[::1/0", "check celery.broker_url"),
        ("redis://127.0.0.1:port/0", "check celery.broker_url"),
        ("amqp://127.0.0.1:5672/0", "check celery.broker_url"),
    ],
)
async def test_an_address_that_cannot_be_asked_says_which_setting_to_look_at(
    url: str, says: str
) -> None:
    found = await Broker(given(url), LIMIT_S).queue(QUEUE)
    assert found.waiting is None and says in found.error


# Flower.


async def test_workers_are_told_with_their_queues_and_who_is_dead(
    celery: Celery, workers: list[Worker]
) -> None:
    for one in workers:
        one.start()
    found = await celery.workers()
    assert found.alive_for(QUEUE) == ("w1@box", "w2@box") and found.alive_for("other") == ()
    await workers[1].die()
    found = await celery.workers()
    assert (found.alive_for(QUEUE), found.dead) == (("w1@box",), ("w2@box",))
    assert found.says(QUEUE) == "1 of 2 workers are alive for ad_sync, dead: w2@box"
    assert found.table().rows == (("w1@box", True, QUEUE), ("w2@box", False, QUEUE))


async def test_no_worker_seen_is_no_proof_that_there_is_none(
    celery: Celery, flower: Flower
) -> None:
    found = await celery.workers()
    assert not found.is_known and "may have been started just now" in found.says(QUEUE)


async def test_nothing_of_the_workers_configuration_is_passed_on(
    celery: Celery, server: RedisServer, workers: list[Worker]
) -> None:
    workers[0].start()
    found = await celery.workers()
    assert server.password not in f"{found!r} {found.table()}" and "conf" not in f"{found!r}"


async def test_without_a_broker_flower_counts_what_it_names_and_nothing_else(
    server: RedisServer, calls: HttpCalls, flower: Flower, workers: list[Worker]
) -> None:
    celery = Celery(None, calls, flower.url, given(flower.login))
    await fill(server, 100, 0, 50, 0)
    found = await celery.queue(QUEUE)
    assert (found.waiting, found.cause) == (None, "no data") and "no 0" in found.error
    workers[0].start()
    found = await celery.queue(QUEUE)
    assert found.waiting in (149, 150) and found.source == "Flower"
    flower.forget()
    await workers[0].die()
    assert (await celery.queue(QUEUE)).waiting is None


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("error", "HTTP 503"),
        ("html", "a web page instead of data"),
        ("slow", "did not answer within 0.7 s"),
        ("lost response", "broke the connection"),
        ("half an answer", "broke the connection"),
    ],
)
async def test_a_flower_that_cannot_be_read_never_says_that_nobody_is_alive(
    celery: Celery, flower: Flower, fault: str, says: str
) -> None:
    flower.fail(fault)
    with pytest.raises(Unreachable, match=says):
        await celery.workers()


async def test_flower_without_its_broker_has_an_error_of_its_own(
    calls: HttpCalls, workers: list[Worker]
) -> None:
    async with RedisServer() as server, Flower(server, workers) as flower:
        await server.crash()
        with pytest.raises(Unreachable, match="HTTP 500"):
            await Celery(None, calls, flower.url, given(flower.login)).queue(QUEUE)


@pytest.mark.parametrize("login", ["bot:wrong", "bot", None])
async def test_flower_refuses_a_wrong_login(
    calls: HttpCalls, flower: Flower, login: str | None
) -> None:
    celery = Celery(None, calls, flower.url, None if login is None else given(login))
    with pytest.raises(Refused, match="does not accept our credentials"):
        await celery.workers()


@pytest.mark.parametrize(
    ("lengths", "workers_say", "status"),
    [
        ([], {}, {"w": "yes"}),
        ({"active_queues": {}}, [], {}),
        ({"active_queues": [{"name": QUEUE}]}, {}, {"w": 1}),
        ({"active_queues": [{"name": QUEUE, "messages": "5"}]}, "none", {}),
        ({"active_queues": [{"name": QUEUE, "messages": -1}]}, None, {}),
        ({"active_queues": [{"name": QUEUE, "messages": True}]}, {}, None),
    ],
)
async def test_another_shape_is_unreadable_and_not_none(
    calls: HttpCalls, lengths: object, workers_say: object, status: object
) -> None:
    async with StrangeFlower(lengths, workers_say, status) as strange:
        celery = Celery(None, calls, strange.url)
        for call in (celery.queue(QUEUE), celery.workers()):
            with pytest.raises(Unreachable, match="Flower answered"):
                await call


async def test_nothing_configured_is_said_and_not_taken_for_nothing_there(
    calls: HttpCalls, server: RedisServer
) -> None:
    with pytest.raises(Refused, match=r"celery\.broker_url is set"):
        await Celery(None, calls).queue(QUEUE)
    with pytest.raises(Refused, match=r"celery\.flower_url is not set"):
        await Celery(Broker(given(server.url), LIMIT_S), calls).workers()


class StrangeFlower(Flower):
    """Answers whatever it is given."""

    def __init__(self, lengths: object, workers: object, status: object) -> None:
        super().__init__(RedisServer(), [])
        self._strange = {"lengths": lengths, "workers": workers, "status": status}

    async def _lengths(self, request: web.Request) -> web.Response:
        return web.json_response(self._strange["lengths"])

    async def _list(self, request: web.Request) -> web.Response:
        which = "status" if request.query.get("status") else "workers"
        return web.json_response(self._strange[which])
