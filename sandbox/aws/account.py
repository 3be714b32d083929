"""
What moto answers for, as the company has it: users with access keys, the services' roles, and the
bucket for evidence. It is there from the first call on that moto answers.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.wire import ACCOUNT, REGION

BUCKET = "complyai-evidence"
DEPLOYER, CI = "deployer", "ci"
DEPLOYERS_KEY, CIS_KEY = "AKIA3COMPLYAI0DEPLOY", "AKIA3COMPLYAI0CI0000"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["ecs:*", "ecr:*"], "Resource": ["*"]}],
}
TASKS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@dataclass(frozen=True)
class KeyOf:
    user: str
    id: str
    is_active: bool


def furnish(roles: Sequence[str]) -> None:
    """Once; what another sandbox of this process has put there already stays."""
    from moto.s3.models import s3_backends

    s3 = s3_backends[ACCOUNT]["aws"]
    if BUCKET in s3.buckets:
        return
    bucket = s3.create_bucket(BUCKET, REGION)
    bucket.object_lock_enabled, bucket.versioning_status = True, "Enabled"
    iam = _iam()
    for name, key in ((DEPLOYER, DEPLOYERS_KEY), (CI, CIS_KEY)):
        iam.create_user(REGION, name)
        iam.put_user_policy(name, "deploys", json.dumps(POLICY))
        add_key(name, key, timedelta(days=200))
    for role in roles:
        iam.create_role(role, json.dumps(TASKS), "/", None, "", [], None)


def add_key(user: str, key_id: str, ago: timedelta = timedelta(0)) -> None:
    """As IAM makes one, but with this id."""
    made = _iam().create_access_key(user)
    made.access_key_id = key_id
    made.create_date = (datetime.now(UTC) - ago).replace(tzinfo=None)


def remove_key(key_id: str) -> None:
    for user in _iam().users.values():
        user.access_keys = [one for one in user.access_keys if one.access_key_id != key_id]


def access_keys() -> Iterator[KeyOf]:
    for user in _iam().users.values():
        for one in user.access_keys:
            yield KeyOf(user.name, one.access_key_id, one.status == "Active")


def activate(key_id: str, is_active: bool = True) -> None:
    for user in _iam().users.values():
        for one in user.access_keys:
            if one.access_key_id == key_id:
                one.status = "Active" if is_active else "Inactive"


def deny_older(role: str, policy: str, document: str) -> None:
    _iam().put_role_policy(role, policy, document)


def kept(prefix: str) -> int:
    """How often anything was put into the bucket below this, one over the other too."""
    from moto.s3.models import s3_backends

    keys = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys
    return sum(len(keys.getlist(name)) for name in keys if name.startswith(prefix))


def denied_roles() -> set[str]:
    """Whose older sessions are denied everything."""
    roles = _iam().roles.values()
    return {one.name for one in roles if any("Revoke" in name for name in one.policies)}


def _iam() -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[ACCOUNT]["aws"]
