"""
Long work in a session of its own: VACUUM, an index.

For as long as the server tells how far it is there is a sign of life; without one whoever waits
gives up, the connection is cut, and the server stops within a second: what is left is looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from adapters.plain import plain
from adapters.postgres.connecting import Source, milliseconds
from adapters.postgres_calls import TROUBLE, no_answer
from bot.runbook import Progress
from bot.runbook.errors import Refused, StepError

LOOK_EVERY_S, WRITE_LIMIT_S = 1.0, 10.0
#: No table takes longer; what is longer has been forgotten.
LONGEST = timedelta(hours=6)
#: SQLSTATEs, and what they mean to whoever asked for it.
NOS: dict[str, str] = {
    "42501": "Our role may not do this: it must own the table, or for VACUUM have MAINTAIN",
    "55P03": "It waited too long for others to end their transactions: look at the locks",
    "57014": "Somebody cancelled it",
    "40P01": "It was one of two that waited for each other, and was ended for the other's sake",
    "53100": "The disk is full",
    "53200": "The server has no memory left for it",
    "23505": "There are rows that are the same where they must differ",
    "25006": "The server takes no writes: it is a replica, or read-only",
    "42P01": "It is not there any more",
    "42704": "It is not there any more",
    "42P07": "There is one by that name already",
    "54000": "It would be too large",
    "0A000": "The server cannot do this to such a table",
}


async def carry_out(
    source: Source,
    name: str,
    written: str,
    of: Sequence[object],
    approved: str,
    lock_wait: timedelta,
    progress: Callable[[], Awaitable[Progress]],
) -> AsyncIterator[Progress]:
    """
    `written`: the constant query with which the server itself writes the statement, given `of`;
    it is `approved`, or nothing is done. Raises Refused, and Unreachable: it may have happened.
    """
    settings = {
        "statement_timeout": milliseconds(LONGEST),
        "lock_timeout": milliseconds(lock_wait),
    }
    connection = await source.connected(name, settings)
    try:
        statement = await written_as_approved(connection, written, of, approved)
        working = asyncio.create_task(connection.execute(statement), name=name)
        try:
            while not (await asyncio.wait({working}, timeout=LOOK_EVERY_S))[0]:
                with suppress(StepError):
                    yield await progress()
            working.result()
        finally:
            connection.terminate()
            await asyncio.wait({working})
    except TROUBLE as error:
        raise as_said(error) from None
    finally:
        connection.terminate()


async def written_as_approved(
    connection: Any, query: str, of: Sequence[object], approved: str
) -> str:
    """The server's own writing of what was approved. Raises Refused when that is otherwise."""
    statement = await connection.fetchval(query, *of, timeout=WRITE_LIMIT_S)
    if statement != approved:
        raise Refused(
            "What was approved is called otherwise now, or is gone. Nothing was changed:"
            " look at it again."
        )
    return str(statement)


def as_said(error: Exception) -> StepError:
    """A no of the server's is one; anything else may have happened."""
    sqlstate = getattr(error, "sqlstate", None)
    if not sqlstate or sqlstate.startswith(("08", "57P")):
        return no_answer(error, LONGEST.total_seconds())
    says = NOS.get(sqlstate, f"PostgreSQL refused it: {plain(error, 200)}")
    return Refused(f"{says} (SQLSTATE {plain(sqlstate, 5)}).")
