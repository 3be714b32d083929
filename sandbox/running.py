"""What runs from a start to a stop, and therefore for as long as a block."""

from types import TracebackType
from typing import TypeVar

R = TypeVar("R", bound="Running")


class Running:
    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def __aenter__(self: R) -> R:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
