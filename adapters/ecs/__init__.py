"""Amazon ECS: which services run, what was deployed, and how to move, scale or restart one."""

from adapters.ecs.adapter import READS, Ecs
from adapters.ecs.changes import BeginUpdate, RestartService, ScaleService, UpdateService
from adapters.ecs.facts import Deployment, Deployments, Service, Services
from adapters.ecs.making import CreateService, Definitions, LastKnown, RegisterTaskDefinition
from adapters.ecs.new_services import NewServices
from adapters.ecs.rolling import Registered, RollingDeployment

__all__ = [
    "READS",
    "BeginUpdate",
    "CreateService",
    "Definitions",
    "Deployment",
    "Deployments",
    "Ecs",
    "LastKnown",
    "NewServices",
    "RegisterTaskDefinition",
    "Registered",
    "RestartService",
    "RollingDeployment",
    "ScaleService",
    "Service",
    "Services",
    "UpdateService",
]
