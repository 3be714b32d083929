"""Amazon ECR: images with their digests, tags, ages and what a scan has found in them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import ACCOUNT, REGION, Answer, AwsError, Params

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


@dataclass
class Image:
    repository: str
    tag: str
    pushed_at: float
    findings: Mapping[str, int] | None = field(default_factory=dict)  #: None: not scanned.

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(f"{self.repository}:{self.tag}".encode()).hexdigest()


class Registry:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._images: dict[str, dict[str, Image]] = {}
        self.operations: dict[str, Handler] = {
            "DescribeRepositories": self._describe_repositories,
            "DescribeImages": self._describe_images,
            "ListImages": self._list_images,
            "BatchGetImage": self._batch_get,
            "DescribeImageScanFindings": self._describe_findings,
        }

    def push(self, repository: str, tag: str, findings: Mapping[str, int] | None = None) -> Image:
        image = Image(repository, tag, self._timeline.now, findings)
        self._images.setdefault(repository, {})[tag] = image
        return image

    def delete(self, repository: str, tag: str) -> None:
        """As a clean-up of old images does."""
        del self._images[repository][tag]

    def digest(self, image: str) -> str | None:
        """Of a reference as tasks have it; None: it is not there. Other registries have all."""
        if not image.startswith(REGISTRY):
            return "sha256:" + hashlib.sha256(image.encode()).hexdigest()
        repository, _, tag = image.removeprefix(f"{REGISTRY}/").partition(":")
        found = self._images.get(repository, {}).get(tag or "latest")
        return found.digest if found else None

    def tags(self, repository: str) -> tuple[str, ...]:
        return tuple(self._images.get(repository, {}))

    def _repository(self, params: Params) -> dict[str, Image]:
        name = params["repositoryName"]
        if name not in self._images:
            raise AwsError(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry with id"
                f" '{ACCOUNT}'",
            )
        return self._images[name]

    def _find(self, params: Params, wanted: Mapping[str, str]) -> Image:
        tag, digest = wanted.get("imageTag"), wanted.get("imageDigest")
        for image in self._repository(params).values():
            if (tag is None or image.tag == tag) and (digest is None or image.digest == digest):
                return image
        shown = ", ".join(f"{key}:'{value}'" for key, value in wanted.items())
        raise AwsError(
            "ImageNotFoundException",
            f"The image with imageId {{{shown}}} does not exist within the repository with name"
            f" '{params['repositoryName']}' in the registry with id '{ACCOUNT}'",
        )

    def _describe_repositories(self, params: Params) -> Answer:
        for name in params.get("repositoryNames", []):
            self._repository({"repositoryName": name})
        shown = [
            {
                "repositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}",
                "registryId": ACCOUNT,
                "repositoryName": name,
                "repositoryUri": f"{REGISTRY}/{name}",
            }
            for name in sorted(params.get("repositoryNames") or self._images)
        ]
        return page("repositories", shown, params, "nextToken", params.get("maxResults", 100))

    def _describe_images(self, params: Params) -> Answer:
        wanted = params.get("imageIds")
        if wanted:
            return {"imageDetails": [_detail(self._find(params, one)) for one in wanted]}
        every = [_detail(one) for one in self._repository(params).values()]
        return page("imageDetails", every, params, "nextToken", params.get("maxResults", 100))

    def _list_images(self, params: Params) -> Answer:
        every = [_id(one) for one in self._repository(params).values()]
        return page("imageIds", every, params, "nextToken", params.get("maxResults", 100))

    def _batch_get(self, params: Params) -> Answer:
        images, failures = [], []
        for wanted in params["imageIds"]:
            try:
                found = self._find(params, wanted)
            except AwsError as error:
                if error.code != "ImageNotFoundException":
                    raise
                failed = {"failureCode": "ImageNotFound", "failureReason": error.message}
                failures.append({"imageId": wanted, **failed})
            else:
                name = params["repositoryName"]
                images.append(
                    {"registryId": ACCOUNT, "repositoryName": name, "imageId": _id(found)}
                )
        return {"images": images, "failures": failures}

    def _describe_findings(self, params: Params) -> Answer:
        image = self._find(params, params["imageId"])
        if image.findings is None:
            raise AwsError("ScanNotFoundException", f"There is no scan of {image.tag}.")
        return {
            "registryId": ACCOUNT,
            "repositoryName": image.repository,
            "imageId": _id(image),
            "imageScanStatus": {"status": "COMPLETE"},
            "imageScanFindings": {
                "imageScanCompletedAt": image.pushed_at,
                "findingSeverityCounts": dict(image.findings),
            },
        }


def _id(image: Image) -> Answer:
    return {"imageDigest": image.digest, "imageTag": image.tag}


def _detail(image: Image) -> Answer:
    scanned = {
        "imageScanStatus": {"status": "COMPLETE"},
        "imageScanFindingsSummary": {
            "imageScanCompletedAt": image.pushed_at,
            "findingSeverityCounts": dict(image.findings or {}),
        },
    }
    return {
        "registryId": ACCOUNT,
        "repositoryName": image.repository,
        "imageDigest": image.digest,
        "imageTags": [image.tag],
        "imageSizeInBytes": 180_000_000,
        "imagePushedAt": image.pushed_at,
        **(scanned if image.findings is not None else {}),
    }
