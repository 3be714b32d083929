"""Amazon ECS: which services run, what was deployed, and how to move, scale or restart one."""

from adapters.ecs.adapter import READS, Ecs
from adapters.ecs.changes import RestartService, ScaleService, UpdateService
from adapters.ecs.facts import Deployment, Deployments, Service, Services

__all__ = [
    "READS",
    "Deployment",
    "Deployments",
    "Ecs",
    "RestartService",
    "ScaleService",
    "Service",
    "Services",
    "UpdateService",
]
