"""
Reads where one can go back to, and makes the changes in `adapters.rds.restores`.

No call has a token. What was made is known by its name and our run's tag; what was renamed by its
resource id, which no rename alters.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.aws_calls import Answer, AwsCalls, answered_at
from adapters.aws_errors import NotThere
from adapters.rds.facts import Database
from adapters.rds.originals import (
    members_of,
    of_cluster,
    of_instance,
    place_of_cluster,
    place_of_instance,
    tags_of,
)
from adapters.rds.points import AVAILABLE, Original, Place, RecoveryPoints, SavedState
from adapters.rds.restores import (
    ORIGIN_TAG,
    RUN_TAG,
    CreateMember,
    RenameDatabase,
    RestoreSnapshot,
    RestoreToPointInTime,
)
from bot.runbook import Adapter, Key, Seen, pair

READS: tuple[str, ...] = (
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBInstanceAutomatedBackups",
)
MOST_SNAPSHOTS = 200
#: Ends of a restore that will not become anything; the rest is on its way.
FAILED = ("failed", "incompatible-restore", "incompatible-network", "incompatible-parameters")
FAILED_MORE = ("inaccessible-encryption-credentials", "restore-error", "deleting")


class Recovery(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def points(self, database: Database) -> RecoveryPoints:
        """Raises Unreachable, Refused."""
        snapshots, is_complete = await self._snapshots(database)
        earliest, latest, as_of = await self._window(database)
        return RecoveryPoints(
            database=database.name,
            snapshots=tuple(sorted(snapshots, key=_newest_first)),
            is_complete=is_complete,
            earliest=earliest,
            latest=latest,
            as_of=as_of,
        )

    async def original(self, database: Database) -> Original:
        """How the live database is set up. Raises Unreachable, Refused, NotThere."""
        if not database.is_cluster:
            instance = (await self._described("instance", database.name))[0]
            return Original(
                database=database,
                place=place_of_instance(instance),
                settings=of_instance(instance),
                tags=tags_of(instance),
            )
        cluster = (await self._described("cluster", database.name))[0]
        members = await self._members(database.name)
        return Original(
            database=database,
            place=place_of_cluster(cluster, members),
            settings=of_cluster(cluster, database),
            tags=tags_of(cluster),
            members=members_of(members, database),
        )

    async def place(self, name: str, is_cluster: bool) -> Place | None:
        """None: nothing is called so. Raises Unreachable, Refused."""
        try:
            found = await self._described("cluster" if is_cluster else "instance", name)
        except NotThere:
            return None
        if is_cluster:
            return place_of_cluster(found[0], await self._members(name))
        return place_of_instance(found[0])

    async def _see_restore(self, change: RestoreSnapshot | RestoreToPointInTime) -> Seen:
        """Applied once RDS is at it: how far it is takes hours to watch."""
        kind = "cluster" if change.is_cluster else "instance"
        return await self._see_made(kind, change.to, change.own_tags)

    async def _see_member(self, change: CreateMember) -> Seen:
        cluster = await self.place(change.cluster, is_cluster=True)
        if cluster is None:
            return Seen("drifted", f"cluster {change.cluster} does not exist")
        seen = await self._see_made("instance", change.to, change.own_tags)
        if seen.state == "before" and cluster.status != AVAILABLE:
            return Seen("applying", f"{change.cluster} is {cluster.status}: it takes none yet")
        return seen

    async def _see_made(self, kind: str, name: str, tags: Any) -> Seen:
        try:
            found = (await self._described(kind, name))[0]
        except NotThere:
            return Seen("before", f"there is no {kind} {name}")
        theirs = {one["Key"]: one["Value"] for one in found.get("TagList", [])}
        status = found["Status" if kind == "cluster" else "DBInstanceStatus"]
        if any(theirs.get(key) != value for key, value in tags.items()):
            return Seen("drifted", f"{name} exists, and is not what this run makes")
        origin = f" of {theirs[ORIGIN_TAG]}" if ORIGIN_TAG in tags else ""
        now = f"{name} is {status}, made by run {theirs[RUN_TAG]}{origin}"
        return Seen("drifted" if has_failed(status) else "applied", now)

    async def _make(
        self, change: RestoreSnapshot | RestoreToPointInTime | CreateMember, key: Key
    ) -> None:
        await self._calls.write("rds", change.operation, **change.params())

    async def _see_rename(self, change: RenameDatabase) -> Seen:
        """By the id that stays; then whether the name it is to have is another one's."""
        named = "cluster" if change.is_cluster else "instance"
        found = await self._by_resource_id(named, change.resource_id)
        if not found:
            return Seen("drifted", f"{named} {change.resource_id} does not exist any more")
        of = "Cluster" if change.is_cluster else "Instance"
        name = found[0][f"DB{of}Identifier"]
        status = found[0]["Status" if change.is_cluster else "DBInstanceStatus"]
        now = f"{change.resource_id} is called {name}, {status}"
        waits = (found[0].get("PendingModifiedValues") or {}).get(f"DB{of}Identifier")
        if name == change.to:
            return Seen("applied" if status == AVAILABLE else "applying", now)
        if name != change.replacing:
            return Seen("drifted", now)
        if status != AVAILABLE or waits == change.to:
            return Seen("applying", now)
        if await self.place(change.to, change.is_cluster):
            return Seen("drifted", f"{now}; another one is called {change.to}")
        return Seen("before", now)

    async def _rename(self, change: RenameDatabase, key: Key) -> None:
        await self._calls.write("rds", change.operation, **change.params())

    alters = (
        pair(
            RestoreSnapshot,
            observe=_see_restore,
            apply=_make,
            permissions=(
                "rds:RestoreDBInstanceFromDBSnapshot",
                "rds:RestoreDBClusterFromSnapshot",
                "rds:AddTagsToResource",
            ),
        ),
        pair(
            RestoreToPointInTime,
            observe=_see_restore,
            apply=_make,
            permissions=(
                "rds:RestoreDBInstanceToPointInTime",
                "rds:RestoreDBClusterToPointInTime",
                "rds:AddTagsToResource",
            ),
        ),
        pair(
            CreateMember,
            observe=_see_member,
            apply=_make,
            permissions=("rds:CreateDBInstance", "rds:AddTagsToResource"),
        ),
        pair(
            RenameDatabase,
            observe=_see_rename,
            apply=_rename,
            permissions=("rds:ModifyDBInstance", "rds:ModifyDBCluster"),
        ),
    )

    async def _described(self, kind: str, name: str) -> list[Answer]:
        """Raises NotThere."""
        of = "Cluster" if kind == "cluster" else "Instance"
        answer = await self._calls.read(
            "rds", f"describe_db_{kind}s", **{f"DB{of}Identifier": name}
        )
        found: list[Answer] = answer[f"DB{of}s"]
        return found

    async def _by_resource_id(self, kind: str, resource_id: str) -> list[Answer]:
        of, by = ("Cluster", "db-cluster") if kind == "cluster" else ("Instance", "dbi")
        by_id = [{"Name": f"{by}-resource-id", "Values": [resource_id]}]
        answer = await self._calls.read("rds", f"describe_db_{kind}s", Filters=by_id)
        found: list[Answer] = answer[f"DB{of}s"]
        return found

    async def _members(self, cluster: str) -> Sequence[Answer]:
        of = [{"Name": "db-cluster-id", "Values": [cluster]}]
        answer = await self._calls.read("rds", "describe_db_instances", Filters=of)
        found: list[Answer] = answer["DBInstances"]
        return found

    async def _snapshots(self, database: Database) -> tuple[list[SavedState], bool]:
        of, word = ("Cluster", "cluster_") if database.is_cluster else ("", "")
        named = f"DB{of or 'Instance'}Identifier"
        pages = await self._calls.read_pages(
            "rds",
            f"describe_db_{word}snapshots",
            f"DB{of}Snapshots",
            MOST_SNAPSHOTS,
            **{named: database.name},
        )
        return [_saved(one, f"DB{of}SnapshotIdentifier") for one in pages.items], pages.is_complete

    async def _window(
        self, database: Database
    ) -> tuple[datetime | None, datetime | None, datetime]:
        """The earliest and the latest moment, and when RDS said so."""
        if database.is_cluster:
            answer = await self._calls.read(
                "rds", "describe_db_clusters", DBClusterIdentifier=database.name
            )
            cluster = answer["DBClusters"][0]
            first, last = cluster.get("EarliestRestorableTime"), cluster["LatestRestorableTime"]
            return first, last, answered_at(answer)
        try:
            answer = await self._calls.read(
                "rds",
                "describe_db_instance_automated_backups",
                DbiResourceId=database.resource_id,
            )
        except NotThere:
            return None, None, database.as_of
        kept = [one.get("RestoreWindow", {}) for one in answer["DBInstanceAutomatedBackups"]]
        window = kept[0] if kept else {}
        return window.get("EarliestTime"), window.get("LatestTime"), answered_at(answer)


def has_failed(status: str) -> bool:
    """Whether what is restored has come to an end that is none."""
    return status in (*FAILED, *FAILED_MORE)


def _newest_first(snapshot: SavedState) -> float:
    """One without a time has just been begun."""
    return -snapshot.at.timestamp() if snapshot.at else -math.inf


def _saved(snapshot: Answer, named: str) -> SavedState:
    return SavedState(
        name=snapshot[named],
        kind=snapshot.get("SnapshotType", ""),
        status=snapshot["Status"],
        at=snapshot.get("SnapshotCreateTime"),
    )
