"""What can be made to go wrong with a migration, by a name."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.aws.faults import Fault
from sandbox.company.image import MIGRATES
from sandbox.scene import Scene, Switch

if TYPE_CHECKING:
    from sandbox.box import Box

NO_ROOM = Fault(
    "error",
    "ecs",
    "RunTask",
    times=2,
    code="ClientException",
    status=400,
    message="Capacity is unavailable at this time. Please try again later or in a different"
    " availability zone",
)


def _with(revision: str) -> Switch:
    async def on(box: "Box") -> None:
        box.aws.one_offs.faulty.add(revision)

    return on


def _without(revision: str) -> Switch:
    async def off(box: "Box") -> None:
        box.aws.one_offs.faulty.discard(revision)

    return off


async def _no_room(box: "Box") -> None:
    box.aws.faults.add(replace(NO_ROOM))


async def _room(box: "Box") -> None:
    box.aws.faults.stop("error")


async def _busy_table(box: "Box") -> None:
    await box.harms.read.start()


async def _quiet_table(box: "Box") -> None:
    await box.harms.read.stop()


async def _other_migration(box: "Box") -> None:
    await box.harms.migrating.start()


async def _no_other_migration(box: "Box") -> None:
    await box.harms.migrating.stop()


async def _stuck_snapshot(box: "Box") -> None:
    box.aws.hold_snapshots(stuck=True)


async def _snapshot_goes_on(box: "Box") -> None:
    box.aws.hold_snapshots(stuck=False)


SCENES = (
    Scene(
        "failing-migration",
        "A migration that fails half-way",
        f"The image of {MIGRATES} has a migration f006, which fails after others have run."
        " RB-DB-001 says where the schema stands, and takes them back.",
        _with("f006"),
        _without("f006"),
    ),
    Scene(
        "migration-without-return",
        "A migration that cannot be taken back",
        f"The image of {MIGRATES} has a migration f007 without a downgrade. Before it runs,"
        " RB-DB-001 says so.",
        _with("f007"),
        _without("f007"),
    ),
    Scene(
        "no-room-for-tasks",
        "No capacity for tasks",
        "ECS has no capacity for the next two tasks that are to be run, such as a migration's.",
        _no_room,
        _room,
    ),
    Scene(
        "busy-table",
        "A table that a report is reading",
        "A report has been reading org_ads and does not end. A migration that alters the table"
        " gives up after its lock timeout, and nothing is changed.",
        _busy_table,
        _quiet_table,
    ),
    Scene(
        "other-migration",
        "Somebody else migrates",
        "Another migration of the database is under way. One that is begun meanwhile gives up at"
        " once, and says so.",
        _other_migration,
        _no_other_migration,
    ),
    Scene(
        "stuck-snapshot",
        "A snapshot that stays being created",
        "RDS begins snapshots and does not finish them. RB-DB-001 does not migrate without one,"
        " and says what it waits for.",
        _stuck_snapshot,
        _snapshot_goes_on,
    ),
)
