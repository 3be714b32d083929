"""
A cluster whose workers write: so many lines a second, for so long, each time that all their logs
are followed. Says where it is, after each time how many lines it has written, and when nobody
follows any more.
"""

import asyncio
import json
import sys
from itertools import cycle

from sandbox.peers.kubernetes import WORKERS, Cluster

PODS, LINES_A_SECOND, TICK_S = 20, 5000, 0.02
ORGANIZATIONS = 20
APART_S = 2.5  #: A log is asked for from a second on: nobody is to get lines of the time before.
TEXT = "[INFO/ForkPoolWorker-{n}] Task ad_sync.sync_account succeeded for org_{org:02d}: row {n}"


async def main(seconds: float) -> None:
    async with Cluster() as cluster:
        cluster.deploy(WORKERS, PODS)
        cluster.settle()
        where = {"url": cluster.url, "ca": cluster.ca, "token": cluster.token}
        print(json.dumps(where), flush=True)
        while True:
            await followed(cluster, True)
            print(await write(cluster, seconds), flush=True)
            await followed(cluster, False)
            await asyncio.sleep(APART_S)
            print("ready", flush=True)


async def followed(cluster: Cluster, wanted: bool) -> None:
    while any(  # noqa: ASYNC110 - nobody tells
        pod.logs[-1].is_followed is not wanted for pod in cluster.pods()
    ):
        await asyncio.sleep(0.01)


async def write(cluster: Cluster, seconds: float) -> int:
    loop, pods = asyncio.get_running_loop(), cycle(cluster.pods())
    began, written = loop.time(), 0
    while written < seconds * LINES_A_SECOND:
        due = min((loop.time() - began) * LINES_A_SECOND, seconds * LINES_A_SECOND)
        while written < due:
            text = TEXT.format(n=written, org=written % ORGANIZATIONS)
            cluster.write(next(pods), text)
            written += 1
        await asyncio.sleep(TICK_S)
    return written


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
