"""
Ends a transaction that harms others, and sees whether it is over.

Guarded by the starts of the session and of its transaction, and by what it is at: a session that
has gone on to something else, or whose process id somebody else has now, is left alone.
"""

from datetime import timedelta

import asyncpg

from adapters.postgres.changes import EndSession
from adapters.postgres.connecting import Source, milliseconds, session_name
from adapters.postgres.sessions import PROTECTED, Session, by_pid
from adapters.postgres_calls import TROUBLE, no_answer
from bot.runbook import Seen
from bot.runbook.errors import Refused
from bot.runbook.showing import duration_text

LIMIT = timedelta(seconds=10)
#: How long the server itself waits until it is gone; it is looked at afterwards all the same.
GONE_WITHIN_MS = 3000
ABORTED = "idle in transaction (aborted)"

GUARD = f"""
    FROM pg_stat_activity a
    WHERE a.pid = $1 AND a.backend_start = $2 AND a.xact_start IS NOT DISTINCT FROM $3
      AND {PROTECTED} = ''
"""
TERMINATE = f"""
    SELECT pg_terminate_backend(a.pid, {GONE_WITHIN_MS}) AS sent {GUARD}
      AND a.state LIKE 'idle in transaction%'
"""
CANCEL = f"""
    SELECT pg_cancel_backend(a.pid) AS sent {GUARD}
      AND a.state = 'active' AND a.query_start = $4
"""
MAY_NOT = (
    "Our role may not end this session: GRANT pg_signal_backend to it; a superuser's session only"
    " a superuser can end. Nothing was changed."
)


async def see(source: Source, change: EndSession) -> Seen:
    name = session_name(change.run, "end")
    session = (await by_pid(source, name, [change.pid])).get(change.pid)
    if session is None:
        return Seen("applied", f"pid {change.pid} is gone")
    if session.backend_start != change.backend_start:
        return Seen("drifted", f"pid {change.pid} is another session now")
    now = f"pid {change.pid} is {session.state} for {duration_text(session.since)}"
    if session.transaction_start != change.transaction_start:
        return Seen("applied", f"that transaction is over; {now}")
    if change.how == "cancel" and session.state == ABORTED:
        return Seen("applied", f"that query is cancelled; {now}")
    if session.protected:
        return Seen("drifted", f"{now}, and is never ended: {session.protected}")
    return Seen("before" if _is_at_it(change, session) else "drifted", now)


async def end(source: Source, change: EndSession) -> None:
    """One call. Whom the guard lets nobody be sent to is looked at again, as after any call."""
    settings = {"statement_timeout": milliseconds(LIMIT), "lock_timeout": milliseconds(LIMIT)}
    guard = (change.pid, change.backend_start, change.transaction_start)
    connection = await source.connected(session_name(change.run, "end"), settings)
    try:
        if change.how == "cancel":
            await connection.fetch(CANCEL, *guard, change.query_start, timeout=_limit())
        else:
            await connection.fetch(TERMINATE, *guard, timeout=_limit())
    except asyncpg.InsufficientPrivilegeError:
        raise Refused(MAY_NOT) from None
    except TROUBLE as error:
        raise no_answer(error, _limit()) from None
    finally:
        connection.terminate()


def _is_at_it(change: EndSession, session: Session) -> bool:
    """Whether it still does that for which it was to be ended."""
    if change.how == "terminate":
        return session.is_idle
    return session.state == "active" and session.query_start == change.query_start


def _limit() -> float:
    return LIMIT.total_seconds()
