"""
Events to the app: only those its manifest subscribes to, and again until it acks.

Slack tries again at once, after one minute and after five; every attempt says how often it was
tried before.
"""

from sandbox.slack.acks import Line
from sandbox.slack.clock import Clock
from sandbox.slack.team import App, Team
from sandbox.slack.wire import Json, new_id

RETRIES_AFTER_S = (0.0, 60.0, 300.0)

#: A message event is subscribed to by the kind of channel it is in.
_MESSAGE_EVENTS = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


class Events:
    def __init__(self, team: Team, line: Line) -> None:
        self._team = team
        self._line = line
        self.delivered = 0  #: Events the app has acked.
        self.missed = 0  #: Attempts that it has not.

    def emit(self, event: Json) -> None:
        if _subscribed(self._team.app, event):
            self._team.background.start(self._deliver(self._callback(event)))

    def _callback(self, event: Json) -> Json:
        team = self._team
        authorization = {
            "enterprise_id": None,
            "team_id": team.id,
            "user_id": team.app.user_id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        return {
            "token": "sandbox",
            "team_id": team.id,
            "api_app_id": team.app.id,
            "event": event,
            "type": "event_callback",
            "event_id": new_id("Ev"),
            "event_time": team.now(),
            "authorizations": [authorization],
            "is_ext_shared_channel": False,
        }

    async def _deliver(self, payload: Json) -> None:
        clock: Clock = self._team.clock
        for attempt, pause_s in enumerate((0.0, *RETRIES_AFTER_S)):
            await clock.sleep(pause_s)
            acked = (await self._line.carry("events_api", payload, attempt)).acked
            self.delivered += acked
            self.missed += not acked
            self._team.changes.tell({"type": "attempt"})
            if acked:
                return


def _subscribed(app: App, event: Json) -> bool:
    name = str(event["type"])
    if name == "message":
        name = _MESSAGE_EVENTS[event["channel_type"]]
    return name in app.events
