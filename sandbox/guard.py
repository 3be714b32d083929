"""
Ends a child process when we end, however we end: a guard of a few bytes waits for our end of a
pipe to close.
"""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Any


async def guard(pid: int, signal: str, **identity: Any) -> Process:
    """`signal`, such as `QUIT`, is what the child ends by, also when it stands still."""
    script = f'cat >/dev/null; kill -CONT "$0"; kill -{signal} "$0"'
    return await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", script, str(pid)),
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=DEVNULL,
        cwd="/",
        start_new_session=True,
        **identity,
    )


async def dismiss(guarding: Process | None) -> None:
    """Once the child has ended: its id may soon be another's."""
    if guarding is not None:
        if guarding.returncode is None:
            guarding.kill()
        await guarding.wait()
