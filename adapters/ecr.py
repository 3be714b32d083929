"""Amazon ECR: whether an image exists, how old it is, and what its scan found."""

from datetime import timedelta

from adapters.aws_calls import AwsCalls, answered_at
from adapters.aws_errors import NotThere
from bot.runbook import Adapter, Facts

READS: tuple[str, ...] = ("ecr:DescribeImages",)


class Image(Facts):
    service: str
    version: str
    digest: str | None  #: None: there is no such image.
    age: timedelta = timedelta()
    critical_findings: int | None = None  #: None: it was not scanned.


class Ecr(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def image(self, service: str, version: str) -> Image:
        """The image with that tag in the repository named after the service."""
        try:
            answer = await self._calls.read(
                "ecr",
                "describe_images",
                repositoryName=service,
                imageIds=[{"imageTag": version}],
            )
        except NotThere:
            return Image(service=service, version=version, digest=None)
        (image,) = answer["imageDetails"]
        summary = image.get("imageScanFindingsSummary")
        return Image(
            service=service,
            version=version,
            digest=image["imageDigest"],
            age=max(answered_at(answer) - image["imagePushedAt"], timedelta()),
            critical_findings=(
                summary.get("findingSeverityCounts", {}).get("CRITICAL", 0) if summary else None
            ),
        )
