"""
Amazon Route 53: the company's zone and its records. A change is there at once for whoever lists
records, and in sync with all name servers a while later.
"""

from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.clock import moment
from sandbox.aws.overlay import Handler
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import Answer, AwsError, Params

IN_SYNC_AFTER = 8.0  #: Of the world's seconds.
MOST_PER_PAGE = 300


@dataclass
class Zone:
    id: str
    name: str  #: With the dot at its end.
    is_private: bool = False
    records: dict[tuple[str, str], Answer] = field(default_factory=dict)  #: By name and type.

    def put(self, record: Answer) -> None:
        self.records[_absolute(record["Name"]), record["Type"]] = {
            **record,
            "Name": _absolute(record["Name"]),
        }


class Zones:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.zones: list[Zone] = []
        self._changes: dict[str, Answer] = {}
        self.operations: dict[str, Handler] = {
            "ListHostedZones": self._list_zones,
            "ListResourceRecordSets": self._list_records,
            "ChangeResourceRecordSets": self._change,
            "GetChange": self._get_change,
        }

    def zone(self, id: str) -> Zone:
        for one in self.zones:
            if one.id == id.rsplit("/", 1)[-1]:
                return one
        raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {id}", 404)

    def _list_zones(self, params: Params) -> Answer:
        shown = [
            {
                "Id": f"/hostedzone/{one.id}",
                "Name": one.name,
                "CallerReference": one.id,
                "Config": {"PrivateZone": one.is_private},
                "ResourceRecordSetCount": len(one.records),
            }
            for one in self.zones
        ]
        return {"HostedZones": shown, "IsTruncated": False, "MaxItems": "100", "Marker": ""}

    def _list_records(self, params: Params) -> Answer:
        zone = self.zone(params["HostedZoneId"])
        start = (_reversed(params.get("StartRecordName") or ""), params.get("StartRecordType", ""))
        keys = sorted((_reversed(name), kind, name) for name, kind in zone.records)
        found = [
            zone.records[name, kind] for labels, kind, name in keys if (labels, kind) >= start
        ]
        most = min(int(params.get("MaxItems") or MOST_PER_PAGE), MOST_PER_PAGE)
        answer = {"ResourceRecordSets": found[:most], "IsTruncated": len(found) > most}
        if len(found) > most:
            answer["NextRecordName"] = found[most]["Name"]
            answer["NextRecordType"] = found[most]["Type"]
        return {**answer, "MaxItems": str(most)}

    def _change(self, params: Params) -> Answer:
        """All of a batch, or nothing of it."""
        zone = self.zone(params["HostedZoneId"])
        records = dict(zone.records)
        for one in params["ChangeBatch"]["Changes"]:
            _carry_out(zone, records, one["Action"], one["ResourceRecordSet"])
        zone.records = records
        change: Answer = {
            "Id": f"/change/C{self._timeline.hex(20).upper()}",
            "Status": "PENDING",
            "SubmittedAt": moment(self._timeline.now),
        }
        self._changes[change["Id"]] = change
        self._timeline.after(IN_SYNC_AFTER, lambda: change.update(Status="INSYNC"))
        return {"ChangeInfo": dict(change)}

    def _get_change(self, params: Params) -> Answer:
        found = self._changes.get(f"/change/{params['Id'].rsplit('/', 1)[-1]}")
        if found is None:
            raise AwsError("NoSuchChange", f"Could not find resource with ID: {params['Id']}", 404)
        return {"ChangeInfo": found}


def _carry_out(
    zone: Zone, records: dict[tuple[str, str], Answer], action: str, record: dict[str, Any]
) -> None:
    name, kind = _absolute(record["Name"]), record["Type"]
    shown = f"[Tried to {action.lower()} resource record set [name='{name}', type='{kind}']"
    if name != zone.name and not name.endswith(f".{zone.name}"):
        raise _invalid(f"RRSet with DNS name {name} is not permitted in zone {zone.name}")
    if action == "DELETE":
        if records.pop((name, kind), None) is None:
            raise _invalid(f"{shown} but it was not found]")
        return
    if action == "CREATE" and (name, kind) in records:
        raise _invalid(f"{shown} but it already exists]")
    others = {of for at, of in records if at == name and of != kind}
    if others and (kind == "CNAME" or "CNAME" in others):
        raise _invalid(
            f"RRSet of type {kind} with DNS name {name} is not permitted as it conflicts with"
            f" other records with the same DNS name in zone {zone.name}"
        )
    records[name, kind] = {**record, "Name": name}


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _reversed(name: str) -> str:
    return ".".join(reversed(_absolute(name).split("."))) if name else ""


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidChangeBatch", f"[{message}]")
