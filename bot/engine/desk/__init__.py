"""
Where people's intents are taken in: looked up, judged, made durable, answered.

The order on every intent: who is it, may they, was it here before, does the run wait for it. A
refusal consumes nothing and is an entry in the audit log.
"""

from bot.engine.desk.answering import Answering
from bot.engine.desk.deciding import Deciding
from bot.engine.desk.leading import Leading
from bot.engine.desk.records import Records
from bot.engine.desk.scheduling import Scheduling
from bot.engine.desk.stopping import Stopping


class EngineDesk(Scheduling, Leading, Deciding, Answering, Stopping, Records):
    """Implements bot.engine.intents.Desk."""
