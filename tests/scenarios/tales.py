"""
What is told of each runbook in pictures: one entry a runbook, and nothing else is to be written.

`python -m tests.scenarios.pictures` takes the pictures of all of them, or of those that are named.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.slack.views import names
from sandbox import breach
from sandbox.aws.account import DEPLOYERS_KEY


@dataclass(frozen=True)
class Tale:
    """
    People are called by their names in the sandbox. Words are waited for where the run speaks: on
    its card, in its thread, in a message.
    """

    #: After `/runbook`. `{newest}`: the newest version there is of that service; `{before}`: the
    #: moment a minute ago.
    types: str
    found: str  #: Words after which the first picture is taken.
    faults: tuple[str, ...] = ()  #: Of the sandbox's panel, for as long as it is told.
    of: str = "complyai-api"  #: The service that it is about.
    builds: bool = False  #: A pipeline has pushed a version of it, and not rolled it out.
    by: str = "dana"
    passes_s: float = 0.0  #: Of AWS's time, between the faults and the command.
    presses: tuple[str, ...] = ()  #: Buttons, one after another, before the first picture.
    fills: Mapping[str, str] | None = None  #: Into the form behind an *Answer* button, before it.
    opens: bool = False  #: It opens an incident's channel. Else it speaks where it is typed.
    offers: str = ""  #: A button of the card that must be there, too, before the first picture.
    picks: str = ""  #: The action that is picked then; nothing: it asks by itself.
    chooses: str = ""  #: The label of what is chosen before its plan is made.
    plan: str = ""  #: Words of its request; nothing: no change is told of.
    approved_by: tuple[str, ...] = ("ravi",)
    watches: str = ""  #: Words on the card while it watches what was made, as a picture.
    pauses: str = ""  #: The step that is paused then, as a picture, and resumed.
    done: str = ""  #: Words after which the last picture is taken; nothing: there is none.


TALES: Mapping[str, Tale] = {
    "DAILY-001": Tale(
        "DAILY-001",
        faults=("bad-deploy", "vendor-down"),
        found="In trouble: Stripe",
    ),
    "DAILY-002": Tale(
        "DAILY-002",
        faults=("stale-sync", "queue-backlog-dead-worker"),
        found="organization 12: ",
    ),
    "RB-SYNC-001": Tale(
        'RB-SYNC-001 organization="Lumen Learning"',
        faults=("stale-sync",),
        found="Meta accepts the token of Lumen Learning",
        plan="/sync/organization/12",
        watches="RUNNING · Monitor sync progress",
        done="OK · Verify completion",
    ),
    "RB-SYNC-002": Tale(
        'RB-SYNC-002 organization="Maple Media"',
        faults=("expired-token",),
        found="1 of 1 tokens are to be refreshed: Maple Media",
    ),
    "RB-SYNC-003": Tale(
        'RB-SYNC-003 organization="Lumen Learning"',
        faults=("webhook-lost",),
        found="OK · Verify webhook endpoint is accessible",
        offers=f"{names.PICK}:subscribe",
        picks="subscribe",
        plan="object=ad_account",
        done="OK · Check current subscriptions",
    ),
    "RB-INC-001": Tale(
        "RB-INC-001 brief_desc=core-down",
        faults=("bad-deploy",),
        opens=True,
        found="complyai-core runs 2 of 4 tasks",
        offers=f"{names.PICK}:roll_back",
        picks="roll_back",
        plan="--task-definition complyai-core:4",
        done="OK · Watch recovery",
    ),
    "RB-INC-002": Tale(
        f"RB-INC-002 brief_desc=export-abuse access_keys={DEPLOYERS_KEY} roles={breach.ROLE}",
        faults=("breach",),
        by="omar",
        opens=True,
        found="APPROVAL NEEDED · CHANGE · Snapshot affected database",
        plan="create-db-cluster-snapshot",
        approved_by=("nina",),
        done="DONE · Snapshot affected database",
    ),
    "RB-INC-003": Tale(
        "RB-INC-003",
        faults=("lock-pileup",),
        found="40 wait for a lock",
        offers=f"{names.PICK}:end_session",
        picks="end_session",
        chooses="pid ",
        plan="pg_terminate_backend",
        approved_by=("ravi", "lena"),
        done="OK · Check for locks",
    ),
    "RB-DB-001": Tale(
        "RB-DB-001 service=complyai-core revision=a005",
        passes_s=300.0,
        presses=(names.DONE,),
        found="APPROVAL NEEDED · CHANGE",
        plan="create-db-cluster-snapshot",
        done="Steps · 2 of 5",
    ),
    "RB-DB-002": Tale(
        "RB-DB-002 backfill=org-ads-search-name batch_size=1000 pause_ms=1500",
        passes_s=300.0,
        presses=(names.DONE,),
        found="APPROVAL NEEDED · DESTROY",
        plan="UPDATE",
        approved_by=("ravi", "lena"),
        watches="/s · about ",
        pauses="fill",
        done="OK · Verify that no row is left",
    ),
    "RB-DEPLOY-001": Tale(
        "RB-DEPLOY-001 service=complyai-api version={newest}",
        builds=True,
        presses=(names.DONE,),
        found="APPROVAL NEEDED · CHANGE",
        plan="update-service",
        watches="RUNNING · Error rates and response times",
    ),
    "RB-DEPLOY-002": Tale(
        "RB-DEPLOY-002 service=complyai-core version={newest} revision=a005 flag=reviews",
        of="complyai-core",
        builds=True,
        presses=(names.DONE,),
        found="APPROVAL NEEDED · CHANGE",
        plan="update-service",
        done="Steps · 7 of 7",
    ),
    "RB-INT-001": Tale(
        "RB-INT-001",
        faults=("meta-limited",),
        found="PROBLEM · Check current rate limit status",
        offers=f"{names.PICK}:back_off",
        picks="back_off",
        plan="--value on",
        done="back on ",
    ),
    "RB-INT-002": Tale(
        "RB-INT-002",
        faults=("stripe-missed-events",),
        found="5 of 5 can be replayed",
        offers=f"{names.PICK}:process",
        picks="process",
        plan="replay-stripe-event",
        done="OK · Check our table of processed events",
    ),
    "RB-REC-002": Tale(
        "RB-REC-002 service=complyai-api version=1.31.0 count=3 dns_name=complyai-api.complyai.io",
        faults=("service-gone",),
        passes_s=300.0,
        found="APPROVAL NEEDED · CHANGE",
        plan="modify-rule",
    ),
    "RB-REC-001": Tale(
        "RB-REC-001 restore_time={before}",
        faults=("corrupted-database",),
        fills={"in_whose_name": "Iris, CTO"},
        found="APPROVAL NEEDED · DESTROY",
        plan="restore-db-cluster-to-point-in-time",
        approved_by=(),
    ),
}
