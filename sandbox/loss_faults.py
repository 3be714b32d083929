"""What makes a full restore necessary, for the faults panel: damaged pages, and rows deleted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.postgres.losses import CORRUPTED, EMPTIED
from sandbox.scene import Scene

if TYPE_CHECKING:
    from sandbox.box import Box


async def _corrupt(box: "Box") -> None:
    """The services are at work before, so that there is something to be lost."""
    box.clients.begin()
    await box.database.archive()
    await box.clients.have_read()
    await box.corrupted.start()
    await box.clients.have_read()


async def _make_whole(box: "Box") -> None:
    await box.corrupted.stop()
    await box.clients.have_read()


async def _delete(box: "Box") -> None:
    box.clients.begin()
    await box.database.archive()
    await box.clients.have_read()
    await box.deleted.start()


async def _put_back(box: "Box") -> None:
    await box.deleted.stop()


SCENES: Sequence[Scene] = (
    Scene(
        "corrupted-database",
        "A corrupted database",
        f"Every page of the table {CORRUPTED} is damaged on the disk, so that no service can read"
        " it, and a failover does not help. A restore to a minute before cures it.",
        _corrupt,
        _make_whole,
        lambda box: box.corrupted.is_over,
    ),
    Scene(
        "deleted-rows",
        "Rows deleted by mistake",
        f"Somebody has deleted every row of {EMPTIED}. Only a restore to before brings them back.",
        _delete,
        _put_back,
        lambda box: box.deleted.is_over,
    ),
)
