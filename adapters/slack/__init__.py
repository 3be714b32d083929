"""Slack as an outside system: opens a run's channel and posts its timeline, reads alerts."""

from adapters.slack.adapter import Slack
from adapters.slack.changes import CreateChannel, PostTimeline
from adapters.slack.posts import Alert, Posts

__all__ = ["Alert", "CreateChannel", "PostTimeline", "Posts", "Slack"]
