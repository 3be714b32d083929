"""
What can be made to go wrong between a client and AWS, by name.

A fault strikes `times` calls of its operation and is gone. Faults are turned on by tests and by
the people at the sandbox's page; nothing here happens by chance.
"""

import threading
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from sandbox.aws.wire import ACCOUNT, REGION, AwsError, Params, Request

FaultName = Literal[
    "deny",  # the role may not do it
    "throttle",  # too many calls
    "error",  # AWS answers `code` with `status`
    "delay",  # nothing happens for `seconds`, then the call goes on
    "late_answer",  # it happens at once, the answer comes after `seconds`
    "lost_request",  # the connection breaks and nothing happened
    "lost_response",  # it happened, then the connection breaks
]
FAULT_NAMES: tuple[str, ...] = get_args(FaultName)
FOREVER = 1_000_000_000
ROLE = "runbook-bot-write"
IAM_PREFIXES = {"elbv2": "elasticloadbalancing"}
#: Where a request names what it is about, for the resource in a denial.
RESOURCES = {
    "ecs": ("service", "service/{cluster}/{service}"),
    "rds": ("DBInstanceIdentifier", "db:{DBInstanceIdentifier}"),
    "ssm": ("Name", "parameter{Name}"),
    "ecr": ("repositoryName", "repository/{repositoryName}"),
    "logs": ("logGroupName", "log-group:{logGroupName}:log-stream:"),
}


@dataclass
class Fault:
    """
    `service` as boto3 names it, `operation` as AWS does: ("ecs", "UpdateService"); or `*`. Of S3
    an operation is method and path: ("s3", "PUT /bucket/*").
    """

    name: FaultName
    service: str = "*"
    operation: str = "*"
    times: int = 1
    seconds: float = 1.0  #: Of real time, whatever the world's scale.
    code: str = "InternalFailure"
    status: int = 500
    message: str = "The request processing has failed because of an internal error."

    def strikes(self, request: Request) -> bool:
        is_meant = fnmatchcase(request.operation, self.operation)
        return self.service in ("*", request.service) and is_meant

    def refusal(self, request: Request, params: Params) -> AwsError | None:
        """What it answers instead; None when it does not answer."""
        if self.name == "deny":
            return denied(request, params)
        if self.name == "throttle":
            code = "ThrottlingException" if request.is_json else "Throttling"
            return AwsError(code, "Rate exceeded", 400)
        if self.name == "error":
            return AwsError(self.code, self.message, self.status)
        return None


class Faults:
    def __init__(self) -> None:
        self._active: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._active.append(fault)
        return fault

    def deny(self, service: str, operation: str, times: int = FOREVER) -> Fault:
        return self.add(Fault("deny", service, operation, times))

    def throttle(self, service: str, operation: str = "*", times: int = 1) -> Fault:
        return self.add(Fault("throttle", service, operation, times))

    def error(self, service: str, operation: str = "*", times: int = 1, **what: Any) -> Fault:
        """`what`: code, status, message."""
        return self.add(Fault("error", service, operation, times, **what))

    def delay(self, service: str, operation: str, seconds: float, times: int = 1) -> Fault:
        return self.add(Fault("delay", service, operation, times, seconds))

    def late_answer(self, service: str, operation: str, seconds: float, times: int = 1) -> Fault:
        return self.add(Fault("late_answer", service, operation, times, seconds))

    def lose_request(self, service: str, operation: str, times: int = 1) -> Fault:
        return self.add(Fault("lost_request", service, operation, times))

    def lose_response(self, service: str, operation: str, times: int = 1) -> Fault:
        return self.add(Fault("lost_response", service, operation, times))

    def stop(self, name: FaultName) -> None:
        with self._lock:
            self._active = [fault for fault in self._active if fault.name != name]

    def clear(self) -> None:
        with self._lock:
            self._active.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault that strikes this call, counted down."""
        with self._lock:
            for fault in self._active:
                if fault.strikes(request):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._active.remove(fault)
                    return fault
        return None

    def shape(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._active]


def denied(request: Request, params: Params) -> AwsError:
    """In AWS's words and with its codes, which differ between its protocols."""
    prefix = IAM_PREFIXES.get(request.service, request.service)
    action = f"{prefix}:{request.operation}"
    message = (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/i is not authorized to perform: "
        f"{action} on resource: {_resource(request.service, params)} because no identity-based "
        f"policy allows the {action} action"
    )
    if request.is_json:
        return AwsError("AccessDeniedException", message, 400)
    return AwsError("AccessDenied", message, 403)


def _resource(service: str, params: Params) -> str:
    if "DBClusterIdentifier" in params:
        return f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{params['DBClusterIdentifier']}"
    key, pattern = RESOURCES.get(service, ("", ""))
    if not params.get(key):
        return "*"
    name = pattern.format_map({"cluster": "default", **params})
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"
