"""Which part of the world answers for which service of AWS, and what is answered one by one."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.aws.cloudwatch.api import AlarmApi, MetricApi
from sandbox.aws.cloudwatch.catalogue import Catalogue
from sandbox.aws.overlay import Handler, Part
from sandbox.aws.parts import Parts
from sandbox.aws.rds.api import RdsApi
from sandbox.aws.rds.restore_api import RestoreApi
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import Answer, Params


@dataclass(frozen=True)
class Locked:
    """Operations that are carried out one after the other, on the world as it is now."""

    operations: Mapping[str, Handler]

    @classmethod
    def under(cls, timeline: Timeline, *apis: Part) -> "Locked":
        def locked(handler: Handler) -> Handler:
            def answer(params: Params) -> Answer:
                with timeline.up_to_date():
                    return handler(params)

            return answer

        return cls({name: locked(do) for api in apis for name, do in api.operations.items()})


@dataclass(frozen=True)
class Joined:
    """A service of several parts."""

    operations: Mapping[str, Handler]

    @classmethod
    def of(cls, *apis: Part) -> "Joined":
        return cls({name: do for api in apis for name, do in api.operations.items()})


def by_service(parts: Parts) -> Mapping[str, Part]:
    """As boto3 names the services. Metrics and logs take long, and hold nobody up."""
    timeline = parts.timeline
    return {
        "ecs": Locked.under(timeline, parts.service_api, parts.definition_api, parts.task_api),
        "rds": Locked.under(
            timeline, RdsApi(parts.rds, parts.restoring), RestoreApi(parts.rds, parts.restoring)
        ),
        "elbv2": Locked.under(timeline, parts.balancers),
        "ecr": Locked.under(timeline, parts.registry),
        "ssm": Locked.under(timeline, parts.parameters),
        "cloudwatch": Joined.of(
            MetricApi(timeline, Catalogue(parts)), Locked.under(timeline, AlarmApi(parts.alarms))
        ),
        "logs": parts.logs,
        "cloudtrail": parts.trail,
        "route53": Locked.under(timeline, parts.dns),
    }
