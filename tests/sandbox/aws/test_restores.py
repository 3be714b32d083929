"""RDS's restores and renames: what AWS does by itself, and what it refuses."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws.conftest import START, Account
from tests.sandbox.aws.test_databases import CLUSTER, ONE, cluster, instance

pytestmark = pytest.mark.slow

NEW = "complyai-prod-restored"


def restore(account: Account, **more: Any) -> Any:
    when = {"RestoreToTime": START - timedelta(hours=1)} if "UseLatest" not in more else {}
    return account.client("rds").restore_db_cluster_to_point_in_time(
        SourceDBClusterIdentifier=CLUSTER, DBClusterIdentifier=NEW, **when, **more
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_what_nobody_says_is_as_aws_does_it_and_not_as_the_source_has_it(
    account: Account,
) -> None:
    made = restore(account)["DBCluster"]
    assert made["Status"] == "creating" and made["DBClusterMembers"] == []
    assert (made["DBSubnetGroup"], made["DeletionProtection"]) == ("default", False)
    assert made["DBClusterParameterGroup"] == "default.aurora-postgresql16"
    assert made["DbClusterResourceId"] != cluster(account)["DbClusterResourceId"]


def test_a_name_is_taken_once_and_an_account_has_so_many_instances(account: Account) -> None:
    restore(account)
    with pytest.raises(ClientError) as taken:
        restore(account)
    assert code(taken) == "DBClusterAlreadyExistsFault"
    account.pass_time(minutes=1)
    account.world._parts.restoring.quota = 2
    with pytest.raises(ClientError) as full:
        account.client("rds").create_db_instance(
            DBInstanceIdentifier="one-more",
            DBClusterIdentifier=NEW,
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
        )
    assert code(full) == "InstanceQuotaExceeded"


def test_a_rename_that_is_not_to_be_at_once_waits_for_the_window(account: Account) -> None:
    rds = account.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=ONE, NewDBInstanceIdentifier="Other")
    account.pass_time(hours=1)
    assert instance(account, ONE)["PendingModifiedValues"] == {"DBInstanceIdentifier": "other"}
    with pytest.raises(ClientError) as taken:
        rds.modify_db_cluster(
            DBClusterIdentifier=CLUSTER, NewDBClusterIdentifier=CLUSTER, ApplyImmediately=True
        )
    assert code(taken) == "DBClusterAlreadyExistsFault"


def test_a_renamed_cluster_keeps_its_members_and_its_id(account: Account) -> None:
    before = cluster(account)
    account.client("rds").modify_db_cluster(
        DBClusterIdentifier=CLUSTER, NewDBClusterIdentifier="other", ApplyImmediately=True
    )
    account.pass_time(minutes=1)
    (after,) = account.client("rds").describe_db_clusters(
        Filters=[{"Name": "db-cluster-resource-id", "Values": [before["DbClusterResourceId"]]}]
    )["DBClusters"]
    assert (after["DBClusterIdentifier"], after["Status"]) == ("other", "available")
    assert after["DBClusterMembers"] == before["DBClusterMembers"]
    assert instance(account, ONE)["DBClusterIdentifier"] == "other"
