"""What goes wrong between a client and AWS looks to boto3 as it would in life."""

import httpx
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.sandbox.aws.conftest import CORE, Account, client

pytestmark = pytest.mark.slow


def test_a_lost_response_was_applied(account: Account) -> None:
    before = account.service()["deployments"][0]["id"]
    account.world.faults.lose_response("ecs", "UpdateService")
    with pytest.raises(ConnectionClosedError):
        account.update(forceNewDeployment=True)
    assert account.service()["deployments"][0]["id"] != before


def test_a_lost_request_was_not_applied(account: Account) -> None:
    before = account.service()["deployments"][0]["id"]
    account.world.faults.lose_request("ecs", "UpdateService")
    with pytest.raises(ConnectionClosedError):
        account.update(forceNewDeployment=True)
    assert account.service()["deployments"][0]["id"] == before


def test_a_late_answer_was_applied_though_the_client_gave_up(account: Account) -> None:
    before = account.service()["deployments"][0]["id"]
    account.world.faults.late_answer("ecs", "UpdateService", seconds=30)
    impatient = client(account.world, "ecs", timeout_s=0.3)
    with pytest.raises(ReadTimeoutError):
        impatient.update_service(cluster="production", service=CORE, forceNewDeployment=True)
    assert account.service()["deployments"][0]["id"] != before


def test_a_denial_names_the_role_the_action_and_the_resource(account: Account) -> None:
    account.world.faults.deny("ecs", "UpdateService")
    with pytest.raises(ClientError) as error:
        account.update(forceNewDeployment=True)
    said = error.value.response["Error"]
    assert said["Code"] == "AccessDeniedException"
    assert said["Message"].startswith(
        "User: arn:aws:sts::123456789012:assumed-role/runbook-bot-write/i is not authorized to"
        " perform: ecs:UpdateService on resource:"
        " arn:aws:ecs:us-east-1:123456789012:service/production/complyai-core"
    )


def test_a_denial_in_the_query_protocol_has_its_own_code(account: Account) -> None:
    account.world.faults.deny("rds", "DescribeDBClusters")
    with pytest.raises(ClientError) as error:
        account.client("rds").describe_db_clusters()
    assert error.value.response["Error"]["Code"] == "AccessDenied"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_fault_strikes_as_often_as_it_was_told_to(account: Account) -> None:
    account.world.faults.throttle("ecs", "DescribeServices", times=2)
    for _ in range(2):
        with pytest.raises(ClientError, match="Rate exceeded"):
            account.service()
    assert account.service()["status"] == "ACTIVE"


def test_an_error_has_the_code_and_status_it_was_given(account: Account) -> None:
    account.world.faults.error("rds", "*", code="ServiceUnavailable", status=503)
    with pytest.raises(ClientError) as error:
        account.client("rds").describe_db_instances()
    assert error.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_every_call_is_written_down(account: Account) -> None:
    account.world.faults.lose_response("ecs", "UpdateService")
    with pytest.raises(ConnectionClosedError):
        account.update(desiredCount=5)
    call = account.world.calls[-1]
    assert (call.service, call.operation) == ("ecs", "UpdateService")
    assert call.params == {"cluster": "production", "service": CORE, "desiredCount": 5}


def test_faults_strike_services_that_moto_answers_for(account: Account) -> None:
    sts = account.client("sts")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    account.world.faults.deny("sts", "GetCallerIdentity", times=1)
    with pytest.raises(ClientError, match="not authorized"):
        sts.get_caller_identity()


def test_secrets_are_not_written_down(account: Account) -> None:
    account.client("secretsmanager").create_secret(Name="token", SecretString="hunter2")
    account.client("ssm").put_parameter(Name="/key", Value="hunter2", Type="SecureString")
    assert "hunter2" not in repr(account.world.calls)


def test_a_request_that_lacks_what_it_must_have_is_refused(account: Account) -> None:
    sent = httpx.post(
        account.world.endpoint_url,
        content=b"{}",
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.UpdateService",
            "Authorization": "AWS4-HMAC-SHA256 Credential=a/20261124/us-east-1/ecs/aws4_request",
        },
    )
    assert sent.status_code == 400
    assert sent.json()["__type"] == "ValidationException"
