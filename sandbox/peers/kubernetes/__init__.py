"""Kubernetes."""

from sandbox.peers.kubernetes.cluster import NAMESPACE, WORKERS, Cluster

__all__ = ["NAMESPACE", "WORKERS", "Cluster"]
