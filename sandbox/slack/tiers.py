"""
Slack's rate limits as data: the tier of each method, and how many calls a tier takes a minute.

A tier is "N+ a minute" with bursts "tolerated"; what is not documented (the size of a burst) is a
figure in `Tiers.limits` that a test may set, not a claim. Only the method that went over stops.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

TIER_1 = "apps.connections.open"
TIER_2 = (
    "conversations.create conversations.archive conversations.unarchive conversations.rename "
    "conversations.setTopic conversations.setPurpose conversations.list users.conversations "
    "pins.add pins.list pins.remove bookmarks.add bookmarks.edit bookmarks.remove "
    "reactions.remove usergroups.list usergroups.users.list users.list"
)
TIER_3 = (
    "chat.update chat.delete chat.scheduleMessage chat.deleteScheduledMessage "
    "chat.scheduledMessages.list conversations.history conversations.replies "
    "conversations.info conversations.invite conversations.join conversations.kick "
    "conversations.open bookmarks.list reactions.add reactions.get users.lookupByEmail "
    "files.list files.delete team.info blocks.validate"
)
TIER_4 = (
    "api.test chat.postEphemeral conversations.members views.open views.push views.update "
    "views.publish files.getUploadURLExternal files.completeUploadExternal files.info users.info"
)
SPECIAL = "auth.test chat.getPermalink"  # "hundreds of requests per minute"

TIERS: Mapping[str, str] = {
    method: tier
    for tier, methods in {
        "Tier1": TIER_1,
        "Tier2": TIER_2,
        "Tier3": TIER_3,
        "Tier4": TIER_4,
        "Special": SPECIAL,
        "Posting": "chat.postMessage",
    }.items()
    for method in methods.split()
}


@dataclass(frozen=True)
class Limit:
    per_minute: float
    burst: int


@dataclass
class _Bucket:
    left: float
    at: float


class Tiers:
    def __init__(self) -> None:
        self.limits: dict[str, Limit] = {
            "Tier1": Limit(1, 10),
            "Tier2": Limit(20, 20),
            "Tier3": Limit(50, 50),
            "Tier4": Limit(100, 100),
            "Special": Limit(600, 600),
            "Posting": Limit(60, 5),  # one a second in one channel, short bursts
        }
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def wait_s(self, method: str, channel: str, now: float) -> int:
        """Takes one call from the method's allowance: 0, or the seconds to wait for one."""
        tier = TIERS[method]
        limit = self.limits[tier]
        key = (method, channel if tier == "Posting" else "")
        bucket = self._buckets.setdefault(key, _Bucket(limit.burst, now))
        gained = (now - bucket.at) * limit.per_minute / 60
        bucket.left, bucket.at = min(limit.burst, bucket.left + gained), now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return math.ceil((1 - bucket.left) * 60 / limit.per_minute)
