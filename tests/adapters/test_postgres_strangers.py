"""What answers at the database's address and is none, or not the one we trust, or not there."""

import asyncio
import socket
import ssl
import struct
from pathlib import Path

import pytest

from tests.adapters.databases import LIMIT_S, PASSWORD, Talk, certificate, look, peer, says

pytestmark = pytest.mark.slow


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


#: As PostgreSQL begins to answer: no TLS here, then "you are in", then "ready".
NO_TLS, LET_IN, READY = b"N", message(b"R", struct.pack("!i", 0)), message(b"Z", b"I")
PAGE = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/html\r\n\r\n<html>go away</html>"


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (says(), "did not answer within 0.8 s"),
        (says(NO_TLS), "did not answer within 0.8 s"),
        (says(PAGE), "is no PostgreSQL"),
        (says(NO_TLS, PAGE), "did not answer within 0.8 s"),
        (says(NO_TLS, message(b"R")), "something that is not PostgreSQL's"),
        (says(b"E" + message(b"S", b"ERROR")), "is no PostgreSQL"),
    ],
)
async def test_what_is_no_postgresql_never_counts_as_an_answer(talk: Talk, error: str) -> None:
    async with peer(talk) as dsn:
        found = await look(dsn, timeout_s=LIMIT_S)
    assert found.answered_in is None and error in found.error


# The driver makes half a connection of it, and complains when that is thrown away.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_whoever_lets_us_in_without_saying_what_it_is_is_no_postgresql() -> None:
    async with peer(says(NO_TLS, LET_IN + READY)) as dsn:
        found = await look(dsn, timeout_s=LIMIT_S)
    assert found.error == "answered with something that is not PostgreSQL's"


@pytest.mark.parametrize(
    ("abruptly", "error"),
    [
        (False, "ended the talk before it had begun"),
        (True, "broke the connection before it had answered"),
    ],
)
async def test_whoever_hangs_up_did_not_answer(abruptly: bool, error: str) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if abruptly:
            linger_no_longer = struct.pack("ii", 1, 0)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_no_longer)

    async with peer(hang_up) as dsn:
        found = await look(dsn)
    assert found.cause == "refused" and found.error.startswith(error)
    assert found.answered_in is None


async def test_a_server_without_tls_is_not_asked_when_the_dsn_wants_it() -> None:
    async with peer(says(NO_TLS)) as dsn:
        found = await look(f"{dsn}?sslmode=require")
    assert found.error.endswith("or takes no TLS as its DSN asks")


async def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path: Path) -> None:
    ours, theirs = certificate(tmp_path / "ours.pem"), certificate(tmp_path / "theirs.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(theirs)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"S")
        await writer.start_tls(context)

    async with peer(talk) as dsn:
        found = await look(f"{dsn}?sslmode=verify-ca&sslrootcert={ours}")
    assert found.cause == "other"
    assert found.error.startswith("cannot be trusted: its certificate was not accepted")


async def test_a_name_that_nobody_knows_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_knows(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    found = await look(f"postgresql://bot:{PASSWORD}@db.example:5432/complyai")
    assert (found.cause, found.error) == ("refused", "cannot be found: its name is not known")


@pytest.mark.parametrize(
    "rest",
    [
        "db.example:port/x",
        "127.0.0.1:99999/x",
        "[::1/x",
        f"{'a' * 70}.example/x",
        "127.0.0.1:1/x?sslmode=no",
        "127.0.0.1:1/x?sslmode=verify-ca",
    ],
)
async def test_a_dsn_that_is_none_is_told_without_showing_it(
    rest: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # It has no certificates of its own.
    found = await look(f"postgresql://bot:{PASSWORD}@{rest}")
    assert found.error == "could not be asked: check its DSN in the settings"
