"""One place that calls AWS (interface only at this commit)."""


class AwsCalls:
    def __init__(
        self, region: str, endpoint_url: str | None = None, timeout_s: float = 10.0
    ) -> None:
        self._region, self._endpoint_url, self._timeout_s = region, endpoint_url, timeout_s

    async def close(self) -> None: ...
