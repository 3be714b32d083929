"""
What makes a database worth a restore: pages of a table that are overwritten on its disk, and rows
that were deleted by mistake. Both are real, and each can be taken back.
"""

import io
from pathlib import Path
from typing import Any

import asyncpg

from sandbox.postgres.database import Database
from sandbox.postgres.server import Server

CORRUPTED, EMPTIED = "organizations", "notifications"
PAGE, WHERE, JUNK = 8192, 4096, b"\xde\xad" * 64


class Corrupted:
    """
    Every page of a table is damaged, on the disk that writer and replica share in Aurora: whoever
    reads it is told so by the server, which keeps checksums. Other tables are read as ever.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._whole: dict[Server, tuple[Path, bytes]] = {}

    async def start(self) -> None:
        """Servers are restarted for it: what they had read before, they have forgotten."""
        archive = await self._database.archive()
        admin = await asyncpg.connect(self._database.admin_dsn)
        path = await admin.fetchval("SELECT pg_relation_filepath($1::text::regclass)", CORRUPTED)
        await admin.execute("CHECKPOINT")
        await admin.close()
        writer, replica = self._database.writer, self._database.replica
        await archive.stop()
        await self._database.stop_replica()
        await self._database.stop_writer()
        for server in (writer, replica):
            file = server.folder / path
            self._whole[server] = (file, file.read_bytes())
            file.write_bytes(_damaged(file.read_bytes()))
        await self._database.start_writer()
        await self._database.start_replica()
        await archive.receive()

    async def stop(self) -> None:
        """Where it is still the company's database: what stood there stands there again."""
        whole, self._whole = self._whole, {}
        if self._database.writer not in whole:
            return
        archive = await self._database.archive()
        await archive.stop()
        await self._database.stop_replica()
        await self._database.stop_writer()
        for file, content in whole.values():
            file.write_bytes(content)
        await self._database.start_writer()
        await self._database.start_replica()
        await archive.receive()

    @property
    def is_over(self) -> bool:
        """Another server is the company's database."""
        return self._database.writer not in self._whole


class Deleted:
    """Somebody has deleted every row of a table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = io.BytesIO()
        self._server: Server | None = None

    async def start(self) -> None:
        await self._database.archive()
        self._rows, self._server = io.BytesIO(), self._database.writer
        admin = await asyncpg.connect(self._database.admin_dsn)
        try:
            await admin.copy_from_table(EMPTIED, output=self._rows, format="binary")
            await admin.execute(f"DELETE FROM {EMPTIED}")
        finally:
            await admin.close()

    async def stop(self) -> None:
        if self.is_over:
            return
        self._server = None
        self._rows.seek(0)
        admin: Any = await asyncpg.connect(self._database.admin_dsn)
        try:
            await admin.copy_to_table(EMPTIED, source=self._rows, format="binary")
        finally:
            await admin.close()

    @property
    def is_over(self) -> bool:
        return self._database.writer is not self._server


def _damaged(content: bytes) -> bytes:
    pages = (content[at : at + PAGE] for at in range(0, len(content), PAGE))
    return b"".join(one[:WHERE] + JUNK + one[WHERE + len(JUNK) :] for one in pages)
