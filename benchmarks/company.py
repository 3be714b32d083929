"""
The company in a box in a process of its own, so that its work is not measured as the bot's. AWS
answers as if it were far away.

`python -m benchmarks.company FOLDER` prints the bot's environment as one line and runs until it is
told to stop.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from benchmarks.measuring import FAR_S
from sandbox.aws.faults import FOREVER
from sandbox.box import Box


async def run(folder: Path) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    box = Box(folder)
    box.aws.faults.delay("*", "*", FAR_S, times=FOREVER)
    async with box.running():
        print(json.dumps(dict(box.environment())), flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
