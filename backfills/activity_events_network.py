"""The network that an event came from. Events of our own jobs have no address, so no network."""

from adapters.postgres import Backfill

backfill = Backfill(
    name="activity-events-network",
    title="Networks that events came from",
    table="activity_events",
    column="network",
    expression="network(set_masklen(ip, CASE family(ip) WHEN 4 THEN 24 ELSE 48 END))",
    right="network >>= ip",
    take_back="UPDATE activity_events SET network = NULL, in batches: nobody writes it but this",
)
