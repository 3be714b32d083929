"""
The catalogue of backfills: what RB-DB-002 offers. A file each; one that is over is taken out.

The names are shown in Slack's menu and kept with the runs: never use one again for something else.
"""

from adapters.postgres import catalogue
from backfills.activity_events_network import backfill as activity_events_network
from backfills.org_ads_search_name import backfill as org_ads_search_name

BACKFILLS = catalogue(activity_events_network, org_ads_search_name)
