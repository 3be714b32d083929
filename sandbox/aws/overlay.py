"""
The front door: every request to the sandbox's AWS comes through here.

It writes down the call, lets a fault strike, and gives the request to the part of the world that
owns the service, or to moto for the services nobody here has anything to add to. moto is loaded
when it is first needed.
"""

import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol

from sandbox.aws.faults import Fault, FaultName, Faults
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import (
    Answer,
    AwsError,
    Environ,
    Params,
    Request,
    Response,
    answered,
    read,
    refused,
)

StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Handler = Callable[[Params], Answer]
MOST_CALLS = 20_000
SECRET = re.compile("Password|SecretString|SecretBinary")


class Part(Protocol):
    """Owns one service of AWS: what it does not answer does not exist."""

    @property
    def operations(self) -> Mapping[str, Handler]: ...


@dataclass(frozen=True)
class AwsCall:
    """`service` as boto3 names it; times are of the world's clock."""

    service: str
    operation: str
    params: Params
    at: float
    fault: FaultName | None = None  #: What struck it.


class Overlay:
    def __init__(
        self,
        timeline: Timeline,
        parts: Mapping[str, Part],
        faults: Faults,
        tell: Callable[[], None] = lambda: None,
        furnish: Callable[[], None] = lambda: None,
    ) -> None:
        """
        `tell` is called, in any thread, when a call has come and when it is carried out;
        `furnish` puts into moto what is there, before it answers for the first time.
        """
        self._furnish = furnish
        self._timeline, self._parts, self._faults, self._tell = timeline, parts, faults, tell
        self.calls: deque[AwsCall] = deque(maxlen=MOST_CALLS)
        self._stopping = threading.Event()
        self._moto: Application | None = None
        self._loading = threading.Lock()

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        request = read(environ)
        params = request.params()
        shown, now = without_secrets(params), self._timeline.clock.now()
        fault = self._faults.take(request)
        struck = fault.name if fault else None
        self.calls.append(AwsCall(request.service, request.operation, shown, now, struck))
        self._tell()
        if fault is None:
            return self._answer(environ, self._dated(start), request, params)
        return self._struck(fault, environ, self._dated(start), request, params)

    def load(self) -> None:
        """What moto answers for is there from now on."""
        self._by_moto()

    def stop(self) -> None:
        """Ends the waits of calls that are delayed; what moto remembers is forgotten."""
        self._stopping.set()
        if self._moto is not None:
            from moto.moto_api._internal.models import moto_api_backend

            moto_api_backend.reset()

    def _struck(
        self,
        fault: Fault,
        environ: Environ,
        start: StartResponse,
        request: Request,
        params: Params,
    ) -> Iterable[bytes]:
        if refusal := fault.refusal(request, params):
            return _send(start, self._refused(request, refusal))
        if fault.name == "lost_request":
            return _hang_up(environ)
        if fault.name == "delay":
            self._stopping.wait(fault.seconds)
            return self._answer(environ, start, request, params)
        if fault.name == "late_answer":
            body = list(self._answer(environ, start, request, params))
            self._stopping.wait(fault.seconds)
            return body
        list(self._answer(environ, lambda *_: None, request, params))
        return _hang_up(environ)

    def _answer(
        self, environ: Environ, start: StartResponse, request: Request, params: Params
    ) -> Iterable[bytes]:
        part = self._parts.get(request.service)
        if part is None:
            return self._by_moto()(environ, start)
        try:
            handler = part.operations.get(request.operation)
            if handler is None:
                code = "UnknownOperationException" if request.is_json else "InvalidAction"
                raise AwsError(code, f"The sandbox does not know {request.operation}.")
            request.check(params)
            response = answered(request, handler(params))
            self._tell()
        except AwsError as error:
            response = self._refused(request, error)
        return _send(start, response)

    def _refused(self, request: Request, error: AwsError) -> Response:
        with self._timeline.lock:
            return refused(request, error, self._timeline.uuid())

    def _dated(self, start: StartResponse) -> StartResponse:
        """AWS's clock is the world's: clients take ages from it."""

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [(key, value) for key, value in headers if key.lower() != "date"]
            at = formatdate(self._timeline.clock.now(), usegmt=True)
            return start(status, [*kept, ("Date", at)], *more)

        return begin

    def _by_moto(self) -> Application:
        with self._loading:
            if self._moto is None:
                from moto.moto_server.werkzeug_app import (
                    DomainDispatcherApplication,
                    create_backend_app,
                )

                self._furnish()
                self._moto = DomainDispatcherApplication(create_backend_app)
            return self._moto


def without_secrets(params: Params) -> Params:
    hidden = {name for name in params if SECRET.search(name)}
    if params.get("Type") == "SecureString":
        hidden.add("Value")
    return {name: "***" if name in hidden else value for name, value in params.items()}


def _send(start: StartResponse, response: Response) -> Iterable[bytes]:
    length = ("Content-Length", str(len(response.body)))
    status = f"{response.status} {HTTPStatus(response.status).phrase}"
    start(status, [*response.headers, length])
    return [response.body]


def _hang_up(environ: Environ) -> Iterable[bytes]:
    """Cut the connection as a network does: without a word."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError
