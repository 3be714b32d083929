"""What can be made to go wrong with a deployment, by a name."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.scene import Scene

if TYPE_CHECKING:
    from sandbox.box import Box

DEPLOYED, AGO, MENDED = "complyai-api", timedelta(minutes=6), "1.39.0"
LOOK_S = 0.1


async def _bad_version(box: "Box") -> None:
    """After whatever was deployed last."""
    age, _ = box.aws.newest_deployment(DEPLOYED)
    box.aws.deploy_bad(DEPLOYED, "errors", ago=min(AGO, age))


async def _good_version(box: "Box") -> None:
    """Whoever deployed the bad version deploys a good one: not how the bot cures it."""
    if not box.aws.is_well(DEPLOYED):
        box.aws.deploy(DEPLOYED, MENDED)


def _is_rolled_back(box: "Box") -> bool:
    _, does_well = box.aws.newest_deployment(DEPLOYED)
    return does_well and box.aws.is_well(DEPLOYED)


async def _not_begun(box: "Box") -> None:
    box.aws.build(DEPLOYED)


async def _begun(box: "Box") -> None:
    box.aws.deploy(DEPLOYED, box.aws.newest_image(DEPLOYED))


def _is_rolled_out(box: "Box") -> bool:
    return box.aws.newest_image(DEPLOYED) in box.aws.version_of(DEPLOYED)


async def _service_gone(box: "Box") -> None:
    box.aws.lose_service(DEPLOYED)


async def _service_back(box: "Box") -> None:
    """Not how the bot brings it back. A name that drains can be used once its tasks have ended."""
    while box.aws.drains(DEPLOYED):  # noqa: ASYNC110 - the world does not tell
        await asyncio.sleep(LOOK_S)
    if not box.aws.exists(DEPLOYED):
        box.aws.create_service(DEPLOYED)


def _is_back(box: "Box") -> bool:
    return box.aws.exists(DEPLOYED) and box.aws.is_well(DEPLOYED)


SCENES = (
    Scene(
        "bad-version",
        "A version that answers with errors",
        f"The newest version of {DEPLOYED} came up 6 minutes ago, passes its health checks, and"
        " fails most requests. Rolling back cures it.",
        _bad_version,
        _good_version,
        _is_rolled_back,
    ),
    Scene(
        "rollout-not-begun",
        "A deployment that the pipeline did not begin",
        f"A new version of {DEPLOYED} is pushed and registered, and nobody rolls it out."
        " RB-DEPLOY-001 does.",
        _not_begun,
        _begun,
        _is_rolled_out,
    ),
    Scene(
        "service-gone",
        "A service that somebody has deleted",
        f"{DEPLOYED} is deleted in ECS; its requests go to a page that says so, and its name to an"
        " address outside. RB-REC-002 brings it back.",
        _service_gone,
        _service_back,
        _is_back,
    ),
)
