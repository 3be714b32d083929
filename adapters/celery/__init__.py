"""Celery: how much waits in its queues, and who is there to do it."""

from adapters.celery.adapter import Celery
from adapters.celery.facts import Queue, Worker, Workers

__all__ = ["Celery", "Queue", "Worker", "Workers"]
