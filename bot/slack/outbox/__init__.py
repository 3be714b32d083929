"""
The deliverer of the outbox: whatever people see in Slack goes through here, once, in order, and
no faster than Slack allows.
"""

from bot.slack.outbox.deliverer import Outbox

__all__ = ["Outbox"]
