"""
Amazon Route 53: what a name leads to, and leading it to a load balancer.

A record is compared as a whole. What is routed by weight, region or failover has several records
of one name and type; which of them is meant only a person knows, so it is refused.
"""

import json
import shlex
from typing import Any, Literal

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from adapters.plain import plain
from bot.runbook import DESTROY, Adapter, Change, Facts, Key, Seen, pair
from bot.runbook.errors import Refused, Unreachable

READS: tuple[str, ...] = (
    "route53:ListHostedZones",
    "route53:ListResourceRecordSets",
    "route53:GetChange",
)
MOST_ZONES, MOST_OF_A_NAME = 500, 20
ADDRESS, ALIAS = "A", "CNAME"


class UpsertRecord(Change):
    """
    Let a name lead elsewhere. `value` and `replacing` are whole records, as Route 53 has them, in
    JSON. Seen to be `applied`, it is not yet known to every name server.
    """

    effect = DESTROY
    repeatable = True

    zone: str
    name: str
    value: str

    def target(self) -> str:
        return f"dns/{self.name}"

    def command(self) -> str:
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": json.loads(self.value)}]}
        return shlex.join(
            (
                *("aws", "route53", "change-resource-record-sets"),
                *("--hosted-zone-id", self.zone, "--change-batch", json.dumps(batch)),
            )
        )

    def then(self) -> str:
        return f"{self.name} leads to {leads_to(json.loads(self.value))}"

    def undo(self) -> "UpsertRecord | None":
        """A record that was not there before is not taken away again."""
        if self.replacing is None:
            return None
        return UpsertRecord(
            zone=self.zone, name=self.name, value=self.replacing, replacing=self.value
        )


class Record(Facts):
    """What a name leads to. Without a `zone` it is in none of ours."""

    name: str
    zone: str = ""
    zone_name: str = ""
    record: str | None = None  #: As Route 53 has it, in JSON; None: there is no such record.

    def says(self) -> str:
        if self.record is None:
            return f"{self.name} has no record"
        return f"{self.name} leads to {leads_to(json.loads(self.record))}"

    def to_balancer(self, dns_name: str, zone: str) -> UpsertRecord | None:
        """Leads it to a load balancer, by the kind of record it has. None: it does already."""
        now = json.loads(self.record) if self.record else None
        wanted: dict[str, Any] = {"Name": f"{self.name}.", "Type": ADDRESS}
        if now and now["Type"] == ALIAS:
            values = [{"Value": dns_name}]
            wanted |= {"Type": ALIAS, "TTL": now.get("TTL", 60), "ResourceRecords": values}
        else:
            target = {"HostedZoneId": zone, "DNSName": f"{_dual(now)}{dns_name}."}
            wanted["AliasTarget"] = {**target, "EvaluateTargetHealth": True}
        if now and leads_to(now) == leads_to(wanted):
            return None
        return UpsertRecord(
            zone=self.zone, name=self.name, value=written(wanted), replacing=self.record
        )


class Sync(Facts):
    name: str
    state: Literal["PENDING", "INSYNC", "unknown"]


class Dns(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls
        #: Ids of what was changed, by the name: Route 53 gives them once, with its answer.
        self._changes: dict[str, str] = {}

    async def record(self, name: str) -> Record:
        """Raises Refused for a name whose record is one of several, Unreachable."""
        name = name.rstrip(".").lower()
        pages = await self._calls.read_pages(
            "route53", "list_hosted_zones", "HostedZones", MOST_ZONES
        )
        public = [one for one in pages.items if not one.get("Config", {}).get("PrivateZone")]
        fit = [one for one in public if f".{name}.".endswith(f".{one['Name']}")]
        if not fit:
            return Record(name=name)
        zone = max(fit, key=lambda one: len(one["Name"]))
        found = Record(name=name, zone=zone["Id"].rsplit("/", 1)[-1], zone_name=zone["Name"])
        return found.model_copy(update={"record": await self._read(found.zone, name)})

    async def sync(self, name: str) -> Sync:
        """
        Whether every name server has the last change. Unknown: Route 53's answer was lost, or
        came to another replica of the bot.
        """
        if name not in self._changes:
            return Sync(name=name, state="unknown")
        answer = await self._calls.read("route53", "get_change", Id=self._changes[name])
        return Sync(name=name, state=answer["ChangeInfo"]["Status"])

    async def _see(self, change: UpsertRecord) -> Seen:
        try:
            now = await self._read(change.zone, change.name)
        except NotThere:
            return Seen("drifted", f"The zone {change.zone} is gone")
        says = Record(name=change.name, record=now).says()
        if now is not None and _same(now, change.value):
            return Seen("applied", says)
        is_before = now == change.replacing if now is None else _same(now, change.replacing)
        return Seen("before" if is_before else "drifted", says)

    async def _upsert(self, change: UpsertRecord, key: Key) -> None:
        record = json.loads(change.value)
        answer = await self._calls.write(
            "route53",
            "change_resource_record_sets",
            HostedZoneId=change.zone,
            ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
        )
        self._changes[change.name] = answer["ChangeInfo"]["Id"]

    alters = (
        pair(
            UpsertRecord,
            observe=_see,
            apply=_upsert,
            permissions=("route53:ChangeResourceRecordSets",),
        ),
    )

    async def _read(self, zone: str, name: str) -> str | None:
        answer = await self._calls.read(
            "route53",
            "list_resource_record_sets",
            HostedZoneId=zone,
            StartRecordName=name,
            MaxItems=str(MOST_OF_A_NAME),
        )
        try:
            here = [
                one
                for one in answer["ResourceRecordSets"]
                if one["Name"].rstrip(".").lower() == name and one["Type"] in (ADDRESS, ALIAS)
            ]
        except (KeyError, AttributeError):
            raise Unreachable(f"Route 53 gave records of {name} that cannot be read") from None
        if len(here) > 1 or any("SetIdentifier" in one for one in here):
            raise Refused(
                f"{name} has {len(here)} records that are chosen by a routing policy: which one is"
                " to be changed is for a person to decide, in Route 53's console"
            )
        return written(here[0]) if here else None


def written(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)


def leads_to(record: dict[str, Any]) -> str:
    """Where a record points, as plain text."""
    if "AliasTarget" in record:
        return plain(str(record["AliasTarget"]["DNSName"]).rstrip("."), 255)
    values = ", ".join(one["Value"].rstrip(".") for one in record.get("ResourceRecords", []))
    return plain(values, 255)


def _same(now: str, then: str | None) -> bool:
    return then is not None and json.loads(now) == json.loads(then)


def _dual(now: dict[str, Any] | None) -> str:
    """Route 53's console writes aliases of load balancers with this, for IPv6 as well."""
    is_dual = now and str(now.get("AliasTarget", {}).get("DNSName", "")).startswith("dualstack.")
    return "dualstack." if is_dual or now is None or "AliasTarget" not in now else ""
