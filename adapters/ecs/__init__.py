"""Amazon ECS: which services run, what was deployed, and how to move, scale or restart one."""

from adapters.ecs.adapter import READS, Ecs
from adapters.ecs.changes import RestartService, ScaleService, UpdateService
from adapters.ecs.facts import Deployment, Deployments, Service, Services
from adapters.ecs.rolling import Registered, RollingDeployment

__all__ = [
    "READS",
    "Deployment",
    "Deployments",
    "Ecs",
    "Registered",
    "RestartService",
    "RollingDeployment",
    "ScaleService",
    "Service",
    "Services",
    "UpdateService",
]
