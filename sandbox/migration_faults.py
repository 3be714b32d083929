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
)
