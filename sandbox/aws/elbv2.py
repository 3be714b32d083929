"""
Elastic Load Balancing: target groups whose targets are the services' tasks.

A group that hangs on no listener has targets that are `unused`, however well they are. Targets
are registered by ECS alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.wire import ACCOUNT, REGION, Answer, AwsError, Params

ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
#: Route 53's zone of all application load balancers of the region.
ZONE_OF_BALANCERS = "Z35SXDOTRQ7X7K"
VPC = "vpc-0c0ffee0c0ffee000"
WHY = {
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
    "unhealthy": ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": (
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    ),
}


class Target(Protocol):
    @property
    def address(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def target(self) -> str: ...


@dataclass
class Balancer:
    name: str
    number: str
    scheme: str

    @property
    def arn(self) -> str:
        return f"{ARN}:loadbalancer/app/{self.name}/{self.number}"

    @property
    def dns_name(self) -> str:
        return f"{self.name}-{self.number[:9]}.{REGION}.elb.amazonaws.com"

    @property
    def dimension(self) -> str:
        """As CloudWatch names it."""
        return f"app/{self.name}/{self.number}"


@dataclass
class TargetGroup:
    name: str
    number: str
    port: int

    @property
    def arn(self) -> str:
        return f"{ARN}:targetgroup/{self.name}/{self.number}"

    @property
    def dimension(self) -> str:
        return f"targetgroup/{self.name}/{self.number}"


@dataclass
class Listener:
    """`hosts`: requests for each of these go to its group; the rest goes to `default`."""

    balancer: Balancer
    number: str
    port: int
    default: TargetGroup
    hosts: dict[str, TargetGroup] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return self.balancer.arn.replace(":loadbalancer/", ":listener/") + f"/{self.number}"

    @property
    def groups(self) -> tuple[TargetGroup, ...]:
        return (self.default, *self.hosts.values())


class Balancers:
    def __init__(self, targets: Callable[[str], Sequence[Target]]) -> None:
        """`targets` of a target group, by its ARN."""
        self._targets = targets
        self.balancers: list[Balancer] = []
        self.groups: list[TargetGroup] = []
        self.listeners: list[Listener] = []
        self.operations: dict[str, Handler] = {
            "DescribeLoadBalancers": self._describe_balancers,
            "DescribeTargetGroups": self._describe_groups,
            "DescribeListeners": self._describe_listeners,
            "DescribeRules": self._describe_rules,
            "DescribeTargetHealth": self._describe_health,
            "ModifyListener": self._modify_listener,
            "ModifyRule": self._modify_rule,
        }

    def balancer_of(self, group: TargetGroup) -> Balancer | None:
        """None: it hangs on no listener."""
        return next((one.balancer for one in self.listeners if group in one.groups), None)

    def group(self, arn: str) -> TargetGroup:
        found = next((one for one in self.groups if one.arn == arn), None)
        if found is None:
            raise _missing("TargetGroupNotFound", "target groups", arn)
        return found

    def group_named(self, name: str, port: int) -> TargetGroup:
        """Made if there is none."""
        found = next((one for one in self.groups if one.name == name), None)
        if found is None:
            found = TargetGroup(name, "0" * 16, port)
            self.groups.append(found)
        return found

    def _listener(self, arn: str) -> Listener:
        found = next((one for one in self.listeners if one.arn == arn), None)
        if found is None:
            raise _missing("ListenerNotFound", "listeners", arn)
        return found

    def _describe_health(self, params: Params) -> Answer:
        group = self.group(params["TargetGroupArn"])
        is_used = self.balancer_of(group) is not None
        described = [
            {
                "Target": {"Id": t.address, "Port": group.port, "AvailabilityZone": t.zone},
                "HealthCheckPort": str(group.port),
                "TargetHealth": _health(t.target if is_used else "unused"),
            }
            for t in self._targets(group.arn)
            if t.target
        ]
        return {"TargetHealthDescriptions": described}

    def _describe_balancers(self, params: Params) -> Answer:
        names, arns = params.get("Names"), params.get("LoadBalancerArns")
        found = [
            one
            for one in self.balancers
            if (not names or one.name in names) and (not arns or one.arn in arns)
        ]
        if not found and (names or arns):
            raise _missing("LoadBalancerNotFound", "load balancers", names or arns)
        return _page("LoadBalancers", [_balancer(one) for one in found], params)

    def _describe_groups(self, params: Params) -> Answer:
        names, arns = params.get("Names"), params.get("TargetGroupArns")
        balancer = params.get("LoadBalancerArn")
        found = [
            one
            for one in self.groups
            if (not names or one.name in names)
            and (not arns or one.arn in arns)
            and (not balancer or self._arn_of_balancer(one) == balancer)
        ]
        if not found and (names or arns):
            raise _missing("TargetGroupNotFound", "target groups", names or arns)
        return _page("TargetGroups", [self._group(one) for one in found], params)

    def _describe_listeners(self, params: Params) -> Answer:
        arns, balancer = params.get("ListenerArns"), params.get("LoadBalancerArn")
        found = [
            one
            for one in self.listeners
            if (not arns or one.arn in arns) and (not balancer or one.balancer.arn == balancer)
        ]
        if not found and arns:
            raise _missing("ListenerNotFound", "listeners", arns)
        return _page("Listeners", [_listener(one) for one in found], params)

    def _describe_rules(self, params: Params) -> Answer:
        wanted = params.get("RuleArns")
        if wanted:
            return _page("Rules", [_rule(*self._rule(arn)) for arn in wanted], params)
        listener = self._listener(params["ListenerArn"])
        rules = [_rule(listener, host) for host in listener.hosts]
        return _page("Rules", [*rules, _default_rule(listener)], params)

    def _rule(self, arn: str) -> tuple[Listener, str]:
        for listener in self.listeners:
            for host in listener.hosts:
                if _rule_arn(listener, host) == arn:
                    return listener, host
        raise _missing("RuleNotFound", "rules", arn)

    def _modify_rule(self, params: Params) -> Answer:
        listener, host = self._rule(params["RuleArn"])
        for action in params.get("Actions", []):
            if action.get("Type") == "forward":
                listener.hosts[host] = self.group(action["TargetGroupArn"])
        return {"Rules": [_rule(listener, host)]}

    def _modify_listener(self, params: Params) -> Answer:
        listener = self._listener(params["ListenerArn"])
        for action in params.get("DefaultActions", []):
            if action.get("Type") == "forward":
                listener.default = self.group(action["TargetGroupArn"])
        return {"Listeners": [_listener(listener)]}

    def _group(self, one: TargetGroup) -> Answer:
        balancer = self._arn_of_balancer(one)
        return {
            "TargetGroupArn": one.arn,
            "TargetGroupName": one.name,
            "Protocol": "HTTP",
            "Port": one.port,
            "VpcId": VPC,
            "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": 10,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            "TargetType": "ip",
            "LoadBalancerArns": [balancer] if balancer else [],
        }

    def _arn_of_balancer(self, group: TargetGroup) -> str:
        balancer = self.balancer_of(group)
        return balancer.arn if balancer else ""


def _health(state: str) -> Answer:
    if state not in WHY:
        return {"State": state}
    reason, description = WHY[state]
    return {"State": state, "Reason": reason, "Description": description}


def _balancer(one: Balancer) -> Answer:
    return {
        "LoadBalancerArn": one.arn,
        "LoadBalancerName": one.name,
        "DNSName": one.dns_name,
        "CanonicalHostedZoneId": ZONE_OF_BALANCERS,
        "Scheme": one.scheme,
        "Type": "application",
        "VpcId": VPC,
        "State": {"Code": "active"},
    }


def _listener(one: Listener) -> Answer:
    return {
        "ListenerArn": one.arn,
        "LoadBalancerArn": one.balancer.arn,
        "Port": one.port,
        "Protocol": "HTTPS" if one.port == 443 else "HTTP",
        "DefaultActions": [_forward(one.default)],
    }


def _rule_arn(listener: Listener, host: str) -> str:
    number = list(listener.hosts).index(host) + 1
    return f"{listener.arn.replace(':listener/', ':listener-rule/')}/{number}"


def _rule(listener: Listener, host: str) -> Answer:
    return {
        "RuleArn": _rule_arn(listener, host),
        "Priority": str(list(listener.hosts).index(host) + 1),
        "Conditions": [{"Field": "host-header", "Values": [host]}],
        "Actions": [_forward(listener.hosts[host])],
        "IsDefault": False,
    }


def _default_rule(listener: Listener) -> Answer:
    return {
        "RuleArn": f"{listener.arn.replace(':listener/', ':listener-rule/')}/default",
        "Priority": "default",
        "Conditions": [],
        "Actions": [_forward(listener.default)],
        "IsDefault": True,
    }


def _forward(group: TargetGroup) -> Answer:
    return {"Type": "forward", "TargetGroupArn": group.arn}


def _missing(code: str, what: str, names: object) -> AwsError:
    return AwsError(code, f"One or more {what} not found: {names}")


def _page(name: str, items: list[Answer], params: Params) -> Answer:
    most = min(int(params.get("PageSize", 400)), 400)
    return page(name, items, params, "NextMarker", most, given="Marker")
