"""ECS's things as its API shows them; members are those of botocore's service model."""

from collections.abc import Iterable
from typing import Any

from sandbox.aws.ecs.rollout import threshold
from sandbox.aws.ecs.state import (
    ARN,
    STARTING,
    Deployment,
    Revision,
    Service,
    ServiceDeployment,
    Task,
    TaskDefinition,
)
from sandbox.aws.wire import Answer

FARGATE = {"launchType": "FARGATE", "platformVersion": "1.4.0", "platformFamily": "Linux"}


def present(**members: Any) -> Answer:
    """AWS leaves out what there is not."""
    return {name: value for name, value in members.items() if value is not None}


def cluster_arn(cluster: str) -> str:
    return f"{ARN}:cluster/{cluster}"


def task_definition(one: TaskDefinition) -> Answer:
    return {
        "status": one.status,
        "compatibilities": ["EC2", "FARGATE"],
        "volumes": [],
        "placementConstraints": [],
        **one.content,
        **present(
            family=one.family,
            taskDefinitionArn=one.arn,
            revision=one.revision,
            registeredAt=one.registered_at,
            registeredBy=one.registered_by,
            deregisteredAt=one.deregistered_at,
        ),
    }


def service(one: Service, with_tags: bool) -> Answer:
    entry = one.record[0] if one.record else None
    return {
        "serviceArn": one.arn,
        "serviceName": one.name,
        "clusterArn": cluster_arn(one.cluster),
        "loadBalancers": one.load_balancers,
        "serviceRegistries": [],
        "status": one.status,
        "desiredCount": one.desired,
        "runningCount": len(one.running()),
        "pendingCount": _starting(one.live()),
        **FARGATE,
        "taskDefinition": one.primary.definition.arn,
        "deploymentConfiguration": one.configuration,
        "deployments": [_deployment(one, each) for each in one.deployments],
        "events": list(one.events),
        "createdAt": one.created_at,
        "createdBy": one.created_by,
        "networkConfiguration": one.network,
        "healthCheckGracePeriodSeconds": one.grace_s,
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": True,
        "propagateTags": "TASK_DEFINITION",
        "enableExecuteCommand": False,
        "placementConstraints": [],
        "placementStrategy": [],
        **present(currentServiceDeployment=deployment_arn(one, entry) if entry else None),
        "currentServiceRevisions": [
            {
                "arn": each.revision,
                "requestedTaskCount": _wanted(one, each),
                "runningTaskCount": len(one.running(each)),
                "pendingTaskCount": _starting(one.live(each)),
            }
            for each in one.deployments
        ],
        **({"tags": one.tags} if with_tags else {}),
    }


def _deployment(owner: Service, one: Deployment) -> Answer:
    return {
        "id": one.id,
        "status": one.status,
        "taskDefinition": one.definition.arn,
        "desiredCount": _wanted(owner, one),
        "pendingCount": _starting(owner.live(one)),
        "runningCount": len(owner.running(one)),
        "failedTasks": one.failed,
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
        **FARGATE,
        "networkConfiguration": owner.network,
        "rolloutState": one.rollout,
        "rolloutStateReason": one.reason,
    }


def _wanted(owner: Service, one: Deployment) -> int:
    """Of an older deployment, as many as it still has."""
    return owner.desired if one.status == "PRIMARY" else len(owner.live(one))


def _starting(tasks: Iterable[Task]) -> int:
    return sum(task.status in STARTING for task in tasks)


def deployment_arn(owner: Service, one: ServiceDeployment) -> str:
    return f"{owner.arn.replace(':service/', ':service-deployment/')}/{one.id}"


def service_deployment_brief(owner: Service, one: ServiceDeployment) -> Answer:
    return present(
        serviceDeploymentArn=deployment_arn(owner, one),
        serviceArn=owner.arn,
        clusterArn=cluster_arn(owner.cluster),
        startedAt=one.started_at,
        createdAt=one.created_at,
        finishedAt=one.finished_at,
        targetServiceRevisionArn=one.target,
        status=one.status,
        statusReason=one.reason or None,
    )


def service_deployment(owner: Service, one: ServiceDeployment) -> Answer:
    live = owner.current(one.deployment)
    target = {
        "arn": one.target,
        "requestedTaskCount": one.desired,
        "runningTaskCount": len(owner.running(live)) if live else 0,
        "pendingTaskCount": _starting(owner.live(live)) if live else 0,
    }
    rollback = present(
        reason=one.reason, startedAt=one.rolled_back_at, serviceRevisionArn=one.rolled_back_to
    )
    brief = service_deployment_brief(owner, one)
    del brief["targetServiceRevisionArn"]
    return {
        **brief,
        **present(
            updatedAt=one.updated_at,
            stoppedAt=one.stopped_at,
            sourceServiceRevisions=[{"arn": arn} for arn in one.sources],
            targetServiceRevision=target,
            deploymentConfiguration=owner.configuration,
            rollback=rollback if one.rolled_back_to else None,
            deploymentCircuitBreaker={
                "status": _breaker(owner, one),
                "failureCount": one.failures,
                "threshold": threshold(owner),
            },
        ),
    }


def _breaker(owner: Service, one: ServiceDeployment) -> str:
    if one.is_tripped:
        return "TRIGGERED"
    if not owner.breaks:
        return "DISABLED"
    return "MONITORING" if one.status == "IN_PROGRESS" else "MONITORING_COMPLETE"


def service_revision(owner: Service, one: Revision) -> Answer:
    image = present(
        containerName=one.definition.container["name"],
        imageDigest=one.digest or None,
        image=one.definition.image,
    )
    return {
        "serviceRevisionArn": one.arn,
        "serviceArn": owner.arn,
        "clusterArn": cluster_arn(owner.cluster),
        "taskDefinition": one.definition.arn,
        **FARGATE,
        "loadBalancers": owner.load_balancers,
        "networkConfiguration": owner.network,
        "containerImages": [image],
        "guardDutyEnabled": False,
        "createdAt": one.created_at,
    }


def task(one: Task, digest: str, with_tags: bool) -> Answer:
    wanted = "RUNNING" if one.is_live else "STOPPED"
    runs = one.status if one.status in ("RUNNING", "STOPPED") else "PENDING"
    container = present(
        containerArn=f"{ARN}:container/{one.cluster}/{one.id}/app",
        taskArn=one.arn,
        name=one.definition.container["name"],
        image=one.definition.image,
        imageDigest=digest or None,
        lastStatus="RUNNING" if one.status == "DEACTIVATING" else runs,
        exitCode=one.exit_code,
        reason=one.container_reason or None,
        healthStatus="UNKNOWN",
        networkInterfaces=[{"privateIpv4Address": one.address}],
    )
    return {
        **present(
            taskArn=one.arn,
            clusterArn=cluster_arn(one.cluster),
            taskDefinitionArn=one.definition.arn,
            availabilityZone=one.zone,
            lastStatus=one.status,
            desiredStatus=wanted,
            createdAt=one.created_at,
            startedAt=one.started_at,
            stoppingAt=one.stopping_at,
            stoppedAt=one.stopped_at,
            stopCode=one.stop_code or None,
            stoppedReason=one.stopped_reason or None,
            cpu=one.definition.content.get("cpu"),
            memory=one.definition.content.get("memory"),
            tags=one.definition.tags if with_tags else None,
        ),
        **({"startedBy": one.deployment} if one.deployment else {}),
        "group": one.group,
        "overrides": one.overrides,
        "healthStatus": "UNKNOWN",
        "connectivity": "CONNECTED",
        "containers": [container],
        **FARGATE,
    }
