"""The API's errors, word for word as a real kube-apiserver has them."""

from typing import Any

from aiohttp import web


class KubeError(Exception):
    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> dict[str, Any]:
        said = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason or None,
            "details": self.details,
            "code": self.code,
        }
        return {name: value for name, value in said.items() if value is not None}

    def response(self) -> web.Response:
        headers = {"Retry-After": "1"} if self.code == 429 else None
        return web.json_response(self.status(), status=self.code, headers=headers)


def not_found(resource: str, group: str, name: str) -> KubeError:
    qualified = f"{resource}.{group}" if group else resource
    details = {"name": name, **({"group": group} if group else {}), "kind": resource}
    return KubeError(404, "NotFound", f'{qualified} "{name}" not found', details)


def no_resource() -> KubeError:
    return KubeError(404, "NotFound", "the server could not find the requested resource", {})


def bad_request(message: str) -> KubeError:
    return KubeError(400, "BadRequest", message)


def conflict(resource: str, group: str, name: str) -> KubeError:
    message = (
        f'Operation cannot be fulfilled on {resource}.{group} "{name}": the object has been'
        " modified; please apply your changes to the latest version and try again"
    )
    return KubeError(409, "Conflict", message, {"name": name, "group": group, "kind": resource})


def invalid(
    kind: str, group: str, name: str, field: str, says: str, reason: str = "FieldValueInvalid"
) -> KubeError:
    """`says` as in `Invalid value: -1: must be greater than or equal to 0`."""
    qualified = f"{kind}.{group}" if group else kind
    details = {
        "name": name,
        **({"group": group} if group else {}),
        "kind": kind,
        "causes": [{"reason": reason, "message": says, "field": field}],
    }
    message = f'{qualified} "{name}" is invalid: {field}: {says}'
    return KubeError(422, "Invalid", message, details)


def forbidden(
    user: str, verb: str, resource: str, sub: str, group: str, namespace: str, name: str
) -> KubeError:
    qualified = f"{resource}.{group}" if group else resource
    of = f'{qualified} "{name}"' if name else qualified
    whole = f"{resource}/{sub}" if sub else resource
    message = (
        f'{of} is forbidden: User "{user}" cannot {verb} resource "{whole}" in API group'
        f' "{group}" in the namespace "{namespace}"'
    )
    details = {
        **({"name": name} if name else {}),
        **({"group": group} if group else {}),
        "kind": resource,
    }
    return KubeError(403, "Forbidden", message, details)


UNAUTHORIZED = KubeError(401, "Unauthorized", "Unauthorized")
TOO_MANY = KubeError(
    429,
    "TooManyRequests",
    "Too many requests, please try again later.",
    {"retryAfterSeconds": 1},
)
BROKEN = KubeError(
    500, "InternalError", "Internal error occurred: etcdserver: request timed out", {}
)
EXPIRED = KubeError(
    410,
    "Expired",
    "The provided continue parameter is too old to display a consistent list result.",
)


def too_old(version: int, oldest: int) -> KubeError:
    return KubeError(410, "Expired", f"too old resource version: {version} ({oldest})")
