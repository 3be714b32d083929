"""What tests ask for its connectivity, and peers that are no database, or stop being one."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.postgres import Connectivity, Postgres
from tests.credentials import given

PASSWORD = "pg-password-not-to-be-shown"
LIMIT_S = 0.8
TOO_LONG_S = 20.0  #: No look lasts so long, also on a busy machine.
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def look(dsn: str, replica_dsn: str = "", timeout_s: float = 5.0) -> Connectivity:
    """Without ever hanging, and without a word of whom it asked, as whom, with which password."""
    async with asyncio.timeout(TOO_LONG_S):
        writer, replica = (given(one) if one else None for one in (dsn, replica_dsn))
        found = await Postgres(writer, replica, timeout_s).connectivity()
    for user, password, place in map(parts_of, filter(None, (dsn, replica_dsn))):
        assert not [one for one in (user, password, place) if one in f"{found!r} {found.says()}"]
    return found


def parts_of(dsn: str) -> tuple[str, str, str]:
    """User, password, and host with port."""
    parts = re.match(r"postgresql://([^:]+):(.*)@([^/]+)/", dsn)
    assert parts
    return parts[1], parts[2], parts[3]


@asynccontextmanager
async def peer(talk: Talk) -> AsyncIterator[str]:
    """The DSN of something that listens, and talks as told."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql://bot:{PASSWORD}@127.0.0.1:{port}/complyai"


def says(*parts: bytes) -> Talk:
    """Each part in answer to one thing that is said; then nothing any more."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            await reader.read(65536)
            writer.write(part)
        await reader.read()

    return talk


def silent_from(word: bytes, port: int) -> Talk:
    """Passes on what is said and answered, until that word is said."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def answers() -> None:
            while part := await there.read(65536):
                writer.write(part)

        answering = asyncio.create_task(answers())
        while part := await reader.read(65536):
            if word in part:
                answering.cancel()
            back.write(part)
        answering.cancel()
        back.close()

    return talk


def certificate(path: Path) -> Path:
    """A key and a certificate signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.stem)])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
