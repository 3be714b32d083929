"""The Runbook Index: every runbook an operator can run, in the order of the prose index;
after them what the clock starts."""

from collections.abc import Mapping

from bot.runbook import index
from commands.daily_001_morning_health_check import book as daily_001
from commands.daily_002_ad_sync_monitoring import book as daily_002
from commands.rb_db_001_schema_migration import book as rb_db_001
from commands.rb_db_002_data_backfill import book as rb_db_002
from commands.rb_deploy_001_standard_deployment import book as rb_deploy_001
from commands.rb_deploy_002_migration_deployment import book as rb_deploy_002
from commands.rb_inc_001_service_outage import book as rb_inc_001
from commands.rb_inc_002_data_breach_response import book as rb_inc_002
from commands.rb_inc_003_database_performance import book as rb_inc_003
from commands.rb_int_001_meta_rate_limit import book as rb_int_001
from commands.rb_int_002_stripe_webhook_replay import book as rb_int_002
from commands.rb_rec_001_full_database_restore import book as rb_rec_001
from commands.rb_rec_002_service_recovery import book as rb_rec_002
from commands.rb_sync_001_manual_ad_sync import book as rb_sync_001
from commands.rb_sync_002_token_refresh import book as rb_sync_002
from commands.rb_sync_003_webhook_resubscription import book as rb_sync_003

#: What people still follow on paper, title by id: other runbooks may lead to it all the same. Of
#: this company's procedures it is none; another company begins with most of its own here.
IN_PROSE: Mapping[str, str] = {}

RUNBOOKS = index(
    rb_sync_001,
    rb_sync_002,
    rb_sync_003,
    rb_inc_001,
    rb_inc_002,
    rb_inc_003,
    rb_db_001,
    rb_db_002,
    rb_deploy_001,
    rb_deploy_002,
    rb_int_001,
    rb_int_002,
    rb_rec_001,
    rb_rec_002,
    daily_001,
    daily_002,
    in_prose=IN_PROSE,
)
