"""Amazon ECR: whether an image exists, how old it is, and what its scan found."""

from datetime import timedelta

from adapters.aws_calls import AwsCalls, answered_at
from adapters.aws_errors import NotThere
from adapters.plain import plain
from bot.runbook import Adapter, Facts

READS: tuple[str, ...] = ("ecr:DescribeImages",)


#: How many images of a repository are looked through for the newest of them.
MOST_IMAGES, MOST_TAGS = 1000, 5


class Image(Facts):
    service: str
    version: str
    digest: str | None  #: None: there is no such image.
    age: timedelta = timedelta()
    critical_findings: int | None = None  #: None: it was not scanned.


class Ecr(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def newest(self, service: str) -> tuple[str, ...]:
        """Tags of the images pushed last, the newest first; none when there is no repository."""
        try:
            pages = await self._calls.read_pages(
                "ecr",
                "describe_images",
                "imageDetails",
                MOST_IMAGES,
                repositoryName=service,
                filter={"tagStatus": "TAGGED"},
            )
        except NotThere:
            return ()
        pushed = sorted(pages.items, key=lambda one: one["imagePushedAt"], reverse=True)
        return tuple(plain(one["imageTags"][0], 128) for one in pushed[:MOST_TAGS])

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
