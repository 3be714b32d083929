"""
Whether following the logs of 20 pods that write 5,000 lines a second delays a click.

The cluster is a process of its own. In this one the logs are followed, and beside that a clock is
looked at every 5 ms: by how much later than wanted it wakes is how long a click would wait for the
loop. Compared are a loop that has nothing to do, and a bare reader: one connection for each pod
and a count of the line ends that come, without times, filter, or anything in case it breaks off.
"""

import asyncio
import contextlib
import json
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from adapters.kubernetes import KubeCalls, Kubernetes
from benchmarks.chatty_cluster import LINES_A_SECOND, ORGANIZATIONS, PODS
from benchmarks.measuring import Process, median, p99, print_table, process
from bot.settings import KubernetesSettings
from sandbox.peers.kubernetes import NAMESPACE, WORKERS
from tests.credentials import given

SECONDS, EVERY_S = 10.0, 0.005
#: How long the last lines may be on their way.
PATIENCE_S = 10.0
ORGANIZATION = "org_07"


@dataclass
class Measured:
    sent: int = 0
    came: int = 0
    late_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


Reading = Callable[[Measured], Awaitable[None]]


async def lateness(found: Measured) -> None:
    loop = asyncio.get_running_loop()
    while True:
        wanted = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        found.late_ms.append((loop.time() - wanted) * 1000)


async def measure(reading: Reading, cluster: Process, share: int) -> Measured:
    """`share`: one in so many of the lines is looked for."""
    found, cpu = Measured(), time.process_time()
    assert cluster.stdout
    tasks = [asyncio.create_task(lateness(found)), asyncio.ensure_future(reading(found))]
    found.sent = int(await cluster.stdout.readline()) // share
    found.cpu_s = time.process_time() - cpu
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while found.came < found.sent:  # noqa: ASYNC110 - nobody else waits for it
                await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await cluster.stdout.readline()
    return found


async def measure_nothing() -> Measured:
    found, cpu = Measured(), time.process_time()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            await lateness(found)
    found.cpu_s = time.process_time() - cpu
    return found


def following(kubernetes: Kubernetes, containing: str) -> Reading:
    async def read(found: Measured) -> None:
        since = (await kubernetes.deployment(WORKERS)).as_of
        async with kubernetes.following(WORKERS, since, containing) as lines:
            async for line in lines:
                found.came += "succeeded" in line.text
            assert not lines.troubles

    return read


def barely(told: dict[str, Any], pods: Sequence[str]) -> Reading:
    context = ssl.create_default_context(cadata=told["ca"])
    headers = {"Authorization": f"Bearer {told['token']}"}

    async def read(found: Measured) -> None:
        connector = aiohttp.TCPConnector(ssl=context, limit=PODS)
        async with aiohttp.ClientSession(
            told["url"], headers=headers, connector=connector, timeout=aiohttp.ClientTimeout()
        ) as session:
            await asyncio.gather(*(count(session, pod, found) for pod in pods))

    async def count(session: aiohttp.ClientSession, pod: str, found: Measured) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/log?follow=true&tailLines=0"
        async with session.get(path) as answer:
            async for chunk in answer.content.iter_any():
                found.came += chunk.count(b"\n")

    return read


async def bench() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with process(["-m", "benchmarks.chatty_cluster", str(SECONDS)]) as cluster:
            assert cluster.stdout
            told = json.loads(await cluster.stdout.readline())
            ca = Path(folder) / "ca.pem"
            ca.write_text(told["ca"])
            calls = KubeCalls(
                KubernetesSettings(url=told["url"], ca=str(ca)), given(told["token"])
            )
            kubernetes = Kubernetes(calls, NAMESPACE)
            pods = [pod.name for pod in (await kubernetes.pods(WORKERS)).pods]
            found = {
                "nothing to do": await measure_nothing(),
                "a bare reader": await measure(barely(told, pods), cluster, 1),
                "followed, all lines": await measure(following(kubernetes, ""), cluster, 1),
                "followed, of one organization": await measure(
                    following(kubernetes, ORGANIZATION), cluster, ORGANIZATIONS
                ),
            }
            await calls.close()
    report(found)


def report(found: dict[str, Measured]) -> None:
    rows = [
        [
            who,
            *(f"{one:.2f}" for one in (median(m.late_ms), p99(m.late_ms), max(m.late_ms))),
            f"{m.cpu_s / SECONDS * 100:.0f} %",
            f"{m.sent:,}",
            f"{m.came:,}",
        ]
        for who, m in found.items()
    ]
    heads = ["the loop is late by, ms", "p50", "p99", "most", "CPU", "lines sent", "came"]
    title = f"Logs of {PODS} pods, {LINES_A_SECOND:,} lines a second for {SECONDS:g} s"
    print_table(title, heads, rows)


if __name__ == "__main__":
    asyncio.run(bench())
