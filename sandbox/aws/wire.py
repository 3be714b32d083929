"""
Requests and answers in AWS's own protocols.

Shapes come from the service models that boto3 ships with, so that what is answered here is read
by every client as AWS's own answers are. A fault or a refusal is an `AwsError`, with AWS's code.
"""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from sandbox.aws.rest import operation_at

Params = dict[str, Any]
Answer = dict[str, Any]
Environ = dict[str, Any]

ACCOUNT, REGION = "123456789012", "us-east-1"
#: Names in signatures, where they differ from boto3's names of the services.
BOTO_NAMES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}
CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")
XML_ERROR = (
    "<ErrorResponse><Error><Type>{who}</Type><Code>{code}</Code><Message>{message}</Message>"
    "</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
)


class AwsError(Exception):
    """AWS says no: `code` as a client sees it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Request:
    """
    `operation` is as AWS spells it, `UpdateService`; of a REST call that moto answers it is method
    and path. `in_path`: what the path of another REST call says; None: it is none.
    """

    service: str
    operation: str
    content_type: str
    body: bytes
    in_path: Mapping[str, str] | None = None
    in_query: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_json(self) -> bool:
        return "json" in self.content_type

    @property
    def protocol(self) -> str:
        if self.in_path is not None:
            return "rest-xml"
        return "json" if self.is_json else "query"

    def params(self) -> Params:
        """What was asked for; empty where the service speaks neither JSON nor query."""
        from moto.core.parse import PROTOCOL_PARSERS

        model = operation_model(self.service, self.operation)
        if model is None:
            return {}
        parser: Any = PROTOCOL_PARSERS[self.protocol](model)
        if self.in_path is not None:
            told = {"headers": {}, "url_params": self.in_path, "values": self.in_query}
            rest: Params = parser.parse({"body": self.body, **told})
            return rest
        form = parse_qs(self.body.decode(), keep_blank_values=True) if not self.is_json else {}
        values = {key: value[0] for key, value in form.items()}
        parsed: Params = parser.parse({"body": self.body, "values": values})
        return parsed

    def check(self, params: Params) -> None:
        """Clients look at this themselves; others are told as AWS tells them."""
        model = operation_model(self.service, self.operation)
        shape = model.input_shape if model else None
        missing = [
            name for name in (shape.required_members if shape else []) if name not in params
        ]
        if missing:
            code = "ValidationException" if self.is_json else "MissingParameter"
            raise AwsError(code, f"The request must contain {', '.join(missing)}.")


@dataclass(frozen=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def read(environ: Environ) -> Request:
    """The request, which can be read again by whoever answers it; a stream is left alone."""
    body = b""
    if environ.get("CONTENT_LENGTH"):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(body)
    signed = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    service = signed[1] if signed else ""
    service, content_type = BOTO_NAMES.get(service, service), environ.get("CONTENT_TYPE", "")
    at = operation_at(service, environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", ""))
    if at:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        in_query = {key: value[0] for key, value in query.items()}
        return Request(service, at[0], content_type, body, at[1], in_query)
    return Request(service, _operation(environ, content_type, body), content_type, body)


def _operation(environ: Environ, content_type: str, body: bytes) -> str:
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rsplit(".", 1)[-1]
    if content_type.startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode()).get("Action", [""])[0]
    return f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"


def operation_model(service: str, operation: str) -> Any:
    """None: the service has no such operation, or is called by paths."""
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError
    from moto.core.utils import get_service_model

    try:
        return get_service_model(service).operation_model(operation)
    except (UnknownServiceError, OperationNotFoundError):
        return None


def answered(request: Request, answer: Mapping[str, Any]) -> Response:
    from moto.core.serialize import get_serializer_class

    model = operation_model(request.service, request.operation)
    serializer = get_serializer_class(request.service, request.protocol)
    done = serializer(model).serialize(dict(answer))
    body = done["body"]
    return Response(
        done["status_code"],
        tuple((key, str(value)) for key, value in done["headers"].items()),
        body if isinstance(body, bytes) else str(body).encode(),
    )


def refused(request: Request, error: AwsError, request_id: str) -> Response:
    id_header = ("x-amzn-requestid", request_id)
    if request.is_json:
        body = json.dumps({"__type": error.code, "message": error.message})
        kind = ("Content-Type", request.content_type)
        query_error = ("x-amzn-query-error", f"{error.code};Sender")
        return Response(error.status, (kind, id_header, query_error), body.encode())
    who = "Sender" if error.status < 500 else "Receiver"
    text = XML_ERROR.format(
        who=who, code=error.code, message=escape(error.message), request_id=request_id
    )
    return Response(error.status, (("Content-Type", "text/xml"), id_header), text.encode())
