"""
Secrets that are kept on this machine: environment variables, and files such as Docker and
Kubernetes make of secrets. One line's end behind a secret is not part of it.
"""

import asyncio
import os
import stat
from collections.abc import Mapping

from bot.runbook.errors import Refused
from bot.secrets.reference import Reference

LARGEST_FILE = 64_000  #: In bytes.


class Environment:
    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables

    async def read(self, reference: Reference) -> str:
        value = _without_line_end(self._variables.get(reference.name, ""))
        if not value.strip():
            raise Refused(f"There is no secret at {reference}: set this environment variable.")
        return value


class Files:
    """What anybody could have written there is not read."""

    async def read(self, reference: Reference) -> str:
        try:
            content = await asyncio.to_thread(_content, reference)
            value = content.decode()
        except FileNotFoundError:
            raise Refused(f"There is no secret at {reference}: there is no such file.") from None
        except PermissionError:
            raise Refused(
                f"The secret at {reference} may not be read by uid {os.geteuid()}, as which the"
                " bot runs. Make the file its own, with mode 0400."
            ) from None
        except UnicodeDecodeError:
            raise Refused(f"The secret at {reference} is not UTF-8 text.") from None
        except OSError as error:
            raise Refused(
                f"The secret at {reference} cannot be read ({error.strerror})."
            ) from None
        value = _without_line_end(value)
        if not value.strip() or "\0" in value:
            raise Refused(f"There is no secret at {reference}: the file is empty, or no text.")
        return value


def _without_line_end(value: str) -> str:
    return value.removesuffix("\n").removesuffix("\r")


def _content(reference: Reference) -> bytes:
    """Never waits for a pipe. Links are followed: Kubernetes changes a secret by moving one."""
    file = os.open(reference.name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"There is no secret at {reference}: it is not a file.")
        if found.st_mode & stat.S_IWOTH:
            raise Refused(
                f"The secret at {reference} is not used: anybody on the machine can write that"
                " file. Take that right away (chmod o-w)."
            )
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise Refused(f"The secret at {reference} is not read: it has more than 64 kB.")
    return content
