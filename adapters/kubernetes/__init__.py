"""Kubernetes: how deployments and their pods are, what they write, and how to restart or scale."""

from adapters.kubernetes.access import is_said_where, token_reference
from adapters.kubernetes.adapter import READS, Kubernetes
from adapters.kubernetes.calls import KubeCalls
from adapters.kubernetes.changes import RestartDeployment, ScaleDeployment
from adapters.kubernetes.facts import Deployment, Event, Events, Line, Lines, Pod, Pods
from adapters.kubernetes.following import Following
from adapters.kubernetes.streams import LogLine

__all__ = [
    "READS",
    "Deployment",
    "Event",
    "Events",
    "Following",
    "KubeCalls",
    "Kubernetes",
    "Line",
    "Lines",
    "LogLine",
    "Pod",
    "Pods",
    "RestartDeployment",
    "ScaleDeployment",
    "is_said_where",
    "token_reference",
]
