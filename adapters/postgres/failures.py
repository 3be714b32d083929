"""Why PostgreSQL did not answer, in our words: the driver's may hold the address and the user."""

import socket
import ssl
from dataclasses import dataclass
from typing import Literal

import asyncpg

from adapters.plain import plain

Cause = Literal[
    "", "refused", "timed out", "too many connections", "authentication", "starting", "other"
]


@dataclass(frozen=True)
class Failure:
    cause: Cause
    says: str


#: What the driver, or we, stumble over when what answers speaks something else than PostgreSQL.
STUMBLES = (AttributeError, LookupError, TypeError)
#: All that the driver raises when a server does not answer as it should.
TROUBLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ValueError,
    OverflowError,
)
#: The driver has one bare ConnectionError for all of this.
NOT_BEGUN = Failure(
    "refused",
    "ended the talk before it had begun: it hung up, is no PostgreSQL, or takes no TLS as its"
    " DSN asks",
)
FAILURES: tuple[tuple[tuple[type[Exception], ...], Failure], ...] = (
    (
        (asyncpg.TooManyConnectionsError,),
        Failure("too many connections", "has no connection left for another client"),
    ),
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        Failure("authentication", "does not accept our user or password"),
    ),
    (
        (asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
        Failure("starting", "is starting up, shutting down or recovering"),
    ),
    ((asyncpg.InvalidCatalogNameError,), Failure("other", "has no database of that name")),
    ((socket.gaierror,), Failure("refused", "cannot be found: its name is not known")),
    ((ConnectionRefusedError,), Failure("refused", "refused the connection: nothing listens")),
    (
        (ssl.SSLError,),
        Failure("other", "cannot be trusted: its certificate was not accepted, or TLS failed"),
    ),
    (
        (ValueError, OverflowError),
        Failure("other", "could not be asked: check its DSN in the settings"),
    ),
    (
        (asyncpg.InternalClientError,),
        Failure("other", "answered with something that is not PostgreSQL's"),
    ),
    (
        (asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError, ConnectionError),
        Failure("refused", "broke the connection before it had answered"),
    ),
    ((OSError,), Failure("refused", "cannot be reached over the network")),
)


def failure_of(error: Exception, limit_s: float) -> Failure:
    """`limit_s`: for how long it was waited."""
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return Failure("timed out", f"did not answer within {limit_s:g} s")
    if type(error) is ConnectionError:
        return NOT_BEGUN
    for kinds, failure in FAILURES:
        if isinstance(error, kinds):
            return failure
    sqlstate = plain(getattr(error, "sqlstate", None) or "none", 5)
    return Failure("other", f"answered with an error (SQLSTATE {sqlstate})")
