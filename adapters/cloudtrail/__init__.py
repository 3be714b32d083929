"""CloudTrail: who did what to the account, from where, with which key."""

from adapters.cloudtrail.adapter import READS, CloudTrail
from adapters.cloudtrail.facts import Trail, TrailEvent

__all__ = ["READS", "CloudTrail", "Trail", "TrailEvent"]
