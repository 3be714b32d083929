"""`python app.py sandbox`: starts the company in a box and the bot in it, and says what to try."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bot.settings import Settings
from sandbox.box import Box
from sandbox.faults import BY_NAME

Serve = Callable[[Settings], Awaitable[None]]

#: Seconds of real time that a second of AWS's rollouts takes: a rollout is over in 10 to 20.
SCALE = 1.0


async def play(faults: Sequence[str], port: int, serve: Serve) -> int:
    """Until it is told to stop. `serve` runs the bot with the settings it is given."""
    if strange := [name for name in faults if name not in BY_NAME]:
        print(f"There is no fault {', '.join(strange)}. There are: {', '.join(BY_NAME)}")
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="runbook-bot-") as folder:
        box = Box(Path(folder), scale=SCALE, by_the_clock=True)
        async with box.running(port):
            for name in faults:
                await box.switch(name, on=True)
            os.environ.update(box.credentials)
            serving = asyncio.ensure_future(serve(box.settings()))
            await box.slack.wait_connected()
            print(_welcome(box, time.monotonic() - began), flush=True)
            await serving
    return 0


def _welcome(box: Box, took_s: float) -> str:
    return f"""
The company in a box is up after {took_s:.1f} s: {box.slack.url}

You are dana, a software engineer. Try this:
  1. In #general type  /runbook RB-INC-001  and fill in the form.
  2. Go to #incident-... and watch the checks. Switch the fault "A bad deployment" on first, on
     the page's panel, or start with  python app.py sandbox --fault bad-deploy
  3. Press "Review plan" at the suggested rollback, become ravi (at the top), and approve it.
  4. Watch complyai-core recover, press "Finish", and read the timeline.

Faults: {", ".join(BY_NAME)}
Stop it with Ctrl-C. Nothing of it stays.
"""
