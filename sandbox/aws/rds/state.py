"""What RDS knows: clusters, instances, snapshots, events. Times are seconds since the epoch."""

from dataclasses import dataclass, field
from typing import Literal

from sandbox.aws.wire import ACCOUNT, REGION

ARN = f"arn:aws:rds:{REGION}:{ACCOUNT}"
#: How RDS makes the host names of an account in a region.
DOMAIN = f"cx1ahqyeqc2b.{REGION}.rds.amazonaws.com"
PORT = 5432
Tags = list[dict[str, str]]
SourceType = Literal["db-instance", "db-cluster", "db-snapshot", "db-cluster-snapshot"]


@dataclass
class Setup:
    """How an instance or a cluster is set up; as AWS does it unless it is told otherwise."""

    subnet_group: str = "default"
    security_groups: tuple[str, ...] = ("sg-0defa017defa017de",)
    parameter_group: str = "default.postgres16"
    log_exports: tuple[str, ...] = ()
    storage_type: str = "gp3"
    has_protection: bool = False  #: It cannot be deleted.
    has_iam_logins: bool = False
    copies_tags: bool = False
    is_public: bool = False
    port: int = PORT
    retention_days: int = 14  #: 0: no backups, and so no point in time to go back to.


@dataclass
class Instance:
    name: str
    resource_id: str
    engine: str
    engine_version: str
    instance_class: str
    zone: str
    created_at: float
    cluster: str | None = None
    promotion_tier: int | None = None
    standby_zone: str | None = None  #: It is Multi-AZ.
    status: str = "available"
    pending: dict[str, str | int | bool] = field(default_factory=dict)  #: Wait for the window.
    storage_gib: int = 200
    tags: Tags = field(default_factory=list)
    setup: Setup = field(default_factory=Setup)

    @property
    def arn(self) -> str:
        return f"{ARN}:db:{self.name}"


@dataclass
class Cluster:
    """`members` are instances' names; `writer` is one of them."""

    name: str
    resource_id: str
    engine: str
    engine_version: str
    created_at: float
    members: list[str]
    writer: str
    status: str = "available"
    tags: Tags = field(default_factory=list)
    setup: Setup = field(default_factory=Setup)
    pending_name: str = ""  #: It is about to be called so.

    @property
    def arn(self) -> str:
        return f"{ARN}:cluster:{self.name}"


@dataclass
class Snapshot:
    """Of an instance or, with `is_cluster`, of a cluster."""

    name: str
    source: str
    source_resource_id: str
    is_cluster: bool
    engine: str
    engine_version: str
    created_at: float
    takes_s: float  #: How long it takes, in seconds of the clock.
    kind: Literal["manual", "automated"] = "manual"
    status: str = "creating"
    tags: Tags = field(default_factory=list)

    @property
    def arn(self) -> str:
        return f"{ARN}:{'cluster-snapshot' if self.is_cluster else 'snapshot'}:{self.name}"

    def percent(self, now: float) -> int:
        if self.status == "available":
            return 100
        return min(99, int((now - self.created_at) / self.takes_s * 100)) if self.takes_s else 0


@dataclass(frozen=True)
class Event:
    at: float
    source: str
    source_type: SourceType
    message: str
    categories: tuple[str, ...]
    arn: str
