"""
AWS that answers what a test tells it to, over real HTTP and in AWS's own protocols: for states
that a world that goes by itself passes through too quickly, or never.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from sandbox.aws.clock import RunningClock
from sandbox.aws.faults import Faults
from sandbox.aws.overlay import Overlay
from sandbox.aws.server import Server
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import AwsError

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class _Part:
    def __init__(self) -> None:
        self.operations: dict[str, Handler] = {}


class ScriptedAws:
    def __init__(self, *services: str) -> None:
        self._parts = {service: _Part() for service in services}
        self.faults = Faults()
        self._overlay = Overlay(Timeline(RunningClock(), 1.0), self._parts, self.faults)
        self._server = Server(self._overlay)

    def __enter__(self) -> "ScriptedAws":
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return self._server.url

    def answers(self, service: str, operation: str, answer: dict[str, Any] | Handler) -> None:
        handler = answer if callable(answer) else lambda _: answer
        self._parts[service].operations[operation] = handler

    def refuses(self, service: str, operation: str, code: str, says: str, status: int) -> None:
        def refuse(_: dict[str, Any]) -> dict[str, Any]:
            raise AwsError(code, says, status)

        self.answers(service, operation, refuse)

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """With what an operation was called, in order."""
        return [call.params for call in self._overlay.calls if call.operation == operation]
