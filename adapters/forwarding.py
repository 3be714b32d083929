"""
Which target group a load balancer's rule sends requests to: found by the host it is for, and
changed by the rule's own ARN.
"""

import shlex
from collections.abc import Sequence
from typing import Any

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from adapters.plain import plain
from bot.runbook import CHANGE, Adapter, Change, Facts, Key, Seen, pair
from bot.runbook.errors import Refused

READS: tuple[str, ...] = (
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
)
MOST_GROUPS, MOST_BALANCERS, MOST_RULES = 400, 50, 400


class ModifyRule(Change):
    """Send what a rule matches to another target group. `replacing`: the one of before."""

    effect = CHANGE
    repeatable = True

    rule: str  #: ARN.
    host: str
    target_group: str  #: ARN.

    def target(self) -> str:
        return f"elb/{self.rule.rsplit(':', 1)[-1]}"

    def command(self) -> str:
        return shlex.join(
            (
                *("aws", "elbv2", "modify-rule", "--rule-arn", self.rule),
                *("--actions", f"Type=forward,TargetGroupArn={self.target_group}"),
            )
        )

    def then(self) -> str:
        return f"Requests for {self.host} go to {_short(self.target_group)}"

    def undo(self) -> "ModifyRule | None":
        if self.replacing is None:
            return None
        return ModifyRule(
            rule=self.rule,
            host=self.host,
            target_group=self.replacing,
            replacing=self.target_group,
        )


class Route(Facts):
    """A service's target group, and the rule that sends it requests, or should."""

    service: str
    target_group: str = ""  #: ARN; empty: it has none.
    port: int = 0
    vpc: str = ""
    rule: str = ""  #: ARN of the rule for its host; empty: there is none that could be told.
    host: str = ""
    #: ARN of the one target group the rule sends requests to; empty: it does more than that, such
    #: as asking who it is first, or spreading them over several.
    forwards_to: str = ""
    is_default: bool = False  #: A listener sends it what no rule matches.
    balancer: str = ""  #: DNS name of the load balancer.
    balancer_zone: str = ""  #: Route 53's zone of it.
    balancer_vpc: str = ""

    @property
    def is_forwarded(self) -> bool:
        return self.is_default or (bool(self.rule) and self.forwards_to == self.target_group)

    def forward(self) -> ModifyRule | None:
        """None: it is so already, or there is no rule that could be changed and put back."""
        if self.is_forwarded or not self.rule or not self.forwards_to:
            return None
        return ModifyRule(
            rule=self.rule,
            host=self.host,
            target_group=self.target_group,
            replacing=self.forwards_to,
        )

    def says(self) -> str:
        if self.is_default:
            return f"{_short(self.target_group)} gets what no other rule matches"
        if not self.rule:
            return f"no rule sends requests to {_short(self.target_group)}"
        if not self.forwards_to:
            return f"the rule for {self.host} does more than forward to one target group"
        return f"requests for {self.host} go to {_short(self.forwards_to)}"


class Forwarding(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def route(self, service: str, known: Sequence[str], host: str = "") -> Route:
        """
        By the target group that is `known` of the service, or else called as it is; the rule is
        the one of this host, or of the host that begins with the service's name.
        """
        group = await self._group(service, known)
        if group is None:
            return Route(service=service)
        route = Route(
            service=service,
            target_group=group["TargetGroupArn"],
            port=group.get("Port", 0),
            vpc=group.get("VpcId", ""),
        )
        for balancer in await self._all("describe_load_balancers", "LoadBalancers"):
            found = await self._at(balancer, route, host)
            if found:
                return found
        return route

    async def _group(self, service: str, known: Sequence[str]) -> dict[str, Any] | None:
        groups = await self._all("describe_target_groups", "TargetGroups")
        for one in groups:
            if one["TargetGroupArn"] in known:
                return one
        return next((one for one in groups if one["TargetGroupName"] == service), None)

    async def _at(self, balancer: dict[str, Any], route: Route, host: str) -> Route | None:
        """The route through this load balancer; None: it has none."""
        arn = balancer["LoadBalancerArn"]
        here = {
            "balancer": balancer["DNSName"],
            "balancer_zone": balancer["CanonicalHostedZoneId"],
            "balancer_vpc": balancer.get("VpcId", ""),
        }
        for listener in await self._all("describe_listeners", "Listeners", LoadBalancerArn=arn):
            if _forwards_to(listener["DefaultActions"]) == route.target_group:
                return route.model_copy(update={**here, "is_default": True})
            rules = await self._all("describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
            for rule in rules:
                matched = _host_of(rule, route, host)
                if matched:
                    told = {"rule": rule["RuleArn"], "host": matched}
                    to = _forwards_to(rule["Actions"])
                    return route.model_copy(update={**here, **told, "forwards_to": to})
        return None

    async def _all(self, operation: str, items: str, **params: Any) -> list[dict[str, Any]]:
        pages = await self._calls.read_pages("elbv2", operation, items, MOST_RULES, **params)
        if not pages.is_complete:
            raise Refused(f"There are more than {MOST_RULES} {items}: look in the console")
        return pages.items

    async def _see(self, change: ModifyRule) -> Seen:
        try:
            answer = await self._calls.read("elbv2", "describe_rules", RuleArns=[change.rule])
        except NotThere:
            return Seen("drifted", f"The rule for {change.host} is gone")
        to = _forwards_to(answer["Rules"][0]["Actions"])
        now = f"Requests for {change.host} go to {_short(to) or 'several places'}"
        if to == change.target_group:
            return Seen("applied", now)
        return Seen("before" if to == change.replacing else "drifted", now)

    async def _modify(self, change: ModifyRule, key: Key) -> None:
        await self._calls.write(
            "elbv2",
            "modify_rule",
            RuleArn=change.rule,
            Actions=[{"Type": "forward", "TargetGroupArn": change.target_group}],
        )

    alters = (
        pair(
            ModifyRule,
            observe=_see,
            apply=_modify,
            permissions=("elasticloadbalancing:ModifyRule",),
        ),
    )


def _forwards_to(actions: Sequence[dict[str, Any]]) -> str:
    """The one target group; empty: it answers otherwise, or spreads requests over several."""
    groups = [
        group
        for one in actions
        if one["Type"] == "forward"
        for group in (
            [one["TargetGroupArn"]]
            if "TargetGroupArn" in one
            else [it["TargetGroupArn"] for it in one["ForwardConfig"]["TargetGroups"]]
        )
    ]
    return groups[0] if len(groups) == 1 and len(actions) == 1 else ""


def _host_of(rule: dict[str, Any], route: Route, host: str) -> str:
    """The host for which this is the service's rule; empty: it is another's."""
    hosts = [
        value
        for one in rule.get("Conditions", [])
        if one.get("Field") == "host-header"
        for value in one.get("Values") or one.get("HostHeaderConfig", {}).get("Values", [])
    ]
    for one in hosts:
        if one == host or (not host and one.split(".")[0] == route.service):
            return plain(one)
    sent_here = route.target_group == _forwards_to(rule["Actions"])
    return plain(hosts[0]) if hosts and sent_here else ""


def _short(arn: str) -> str:
    """`targetgroup/<name>/<number>` becomes the name."""
    return arn.rsplit("/", 2)[-2] if "/" in arn else arn
