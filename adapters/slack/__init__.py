"""Slack as an outside system: opens a run's channel and posts its timeline. No Block Kit here."""

from adapters.slack.adapter import Slack
from adapters.slack.changes import CreateChannel, PostTimeline

__all__ = ["CreateChannel", "PostTimeline", "Slack"]
