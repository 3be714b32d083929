"""Paging: PagerDuty, else a mention in the run's channel."""

from adapters.pager.adapter import Pager
from adapters.pager.changes import Page
from adapters.pager.facts import Leader, Leaders, OnCall

__all__ = ["Leader", "Leaders", "OnCall", "Page", "Pager"]
