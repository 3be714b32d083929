"""Parameters of AWS Systems Manager, with their versions. Circuit breakers are such parameters."""

from dataclasses import dataclass

from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import ACCOUNT, REGION, Answer, AwsError, Params

HIDDEN = "AQICAHhidden"


@dataclass(frozen=True)
class Version:
    name: str
    value: str
    kind: str
    number: int
    at: float

    def shape(self, is_decrypted: bool) -> Answer:
        is_hidden = self.kind == "SecureString" and not is_decrypted
        return {
            "Name": self.name,
            "Type": self.kind,
            "Value": HIDDEN if is_hidden else self.value,
            "Version": self.number,
            "LastModifiedDate": self.at,
            "ARN": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{self.name.lstrip('/')}",
            "DataType": "text",
        }


class Parameters:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._versions: dict[str, list[Version]] = {}
        self.operations: dict[str, Handler] = {
            "GetParameter": self._get,
            "GetParameters": self._get_several,
            "GetParametersByPath": self._get_by_path,
            "GetParameterHistory": self._history,
            "PutParameter": self._put,
            "DeleteParameter": self._delete,
        }

    def value(self, name: str) -> str | None:
        versions = self._versions.get(name)
        return versions[-1].value if versions else None

    def put(self, name: str, value: str, kind: str = "String") -> Version:
        versions = self._versions.setdefault(name, [])
        put = Version(name, value, kind, len(versions) + 1, self._timeline.now)
        versions.append(put)
        return put

    def _newest(self, name: str) -> Version:
        wanted, _, number = name.partition(":")
        versions = self._versions.get(wanted, [])
        if number:
            versions = [one for one in versions if str(one.number) == number]
        if not versions:
            raise AwsError("ParameterNotFound", f"Parameter {name} not found.")
        return versions[-1]

    def _get(self, params: Params) -> Answer:
        is_decrypted = bool(params.get("WithDecryption"))
        return {"Parameter": self._newest(params["Name"]).shape(is_decrypted)}

    def _get_several(self, params: Params) -> Answer:
        is_decrypted = bool(params.get("WithDecryption"))
        names = params["Names"]
        return {
            "Parameters": [
                self._newest(name).shape(is_decrypted) for name in names if name in self._versions
            ],
            "InvalidParameters": [name for name in names if name not in self._versions],
        }

    def _get_by_path(self, params: Params) -> Answer:
        path, is_decrypted = params["Path"].rstrip("/") + "/", bool(params.get("WithDecryption"))
        found = [
            versions[-1].shape(is_decrypted)
            for name, versions in sorted(self._versions.items())
            if name.startswith(path)
            and (params.get("Recursive") or "/" not in name.removeprefix(path))
        ]
        return page("Parameters", found, params, "NextToken", params.get("MaxResults", 10))

    def _history(self, params: Params) -> Answer:
        self._newest(params["Name"])
        is_decrypted = bool(params.get("WithDecryption"))
        shown = [one.shape(is_decrypted) for one in self._versions[params["Name"]]]
        return page("Parameters", shown, params, "NextToken", params.get("MaxResults", 50))

    def _put(self, params: Params) -> Answer:
        name = params["Name"]
        now = self._versions.get(name)
        if now and not params.get("Overwrite"):
            raise AwsError(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option"
                " in the request to true.",
            )
        kind = params.get("Type") or (now[-1].kind if now else "")
        if not kind:
            raise AwsError("ValidationException", "A parameter type is required.")
        put = self.put(name, params["Value"], kind)
        return {"Version": put.number, "Tier": params.get("Tier", "Standard")}

    def _delete(self, params: Params) -> Answer:
        self._newest(params["Name"])
        del self._versions[params["Name"]]
        return {}
