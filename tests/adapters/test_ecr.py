"""Images in the registry, against the company's AWS in a box."""

from datetime import timedelta

import pytest

from adapters.aws_calls import AwsCalls
from adapters.ecr import Ecr, Image
from bot.runbook.errors import Refused
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow


async def test_an_image_has_a_digest_an_age_and_what_its_scan_found(calls: AwsCalls) -> None:
    image = await Ecr(calls).image("complyai-core", "2.14.1")
    assert image.digest is not None and image.digest.startswith("sha256:")
    assert image.age.days == 9
    assert image.critical_findings == 0


@pytest.mark.parametrize(("service", "version"), [("complyai-core", "9.9.9"), ("other", "1.0.0")])
async def test_an_image_that_is_not_there_has_no_digest(
    calls: AwsCalls, service: str, version: str
) -> None:
    assert await Ecr(calls).image(service, version) == Image(
        service=service, version=version, digest=None
    )


async def test_an_image_that_was_not_scanned_is_not_said_to_be_clean(
    scripted: ScriptedAws, scripted_calls: AwsCalls
) -> None:
    detail = {"imageDigest": "sha256:0a", "imagePushedAt": 1795489920.0}
    scripted.answers("ecr", "DescribeImages", {"imageDetails": [detail]})
    image = await Ecr(scripted_calls).image("complyai-core", "2.14.1")
    assert (image.critical_findings, image.age >= timedelta()) == (None, True)


async def test_a_registry_that_may_not_be_read_is_an_error_and_no_missing_image(
    calls: AwsCalls, world: AwsWorld
) -> None:
    world.faults.deny("ecr", "DescribeImages")
    with pytest.raises(Refused, match="ecr:DescribeImages"):
        await Ecr(calls).image("complyai-core", "2.14.1")
