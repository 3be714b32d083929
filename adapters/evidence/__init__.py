"""What an incident left behind, kept where nobody can alter it until its day has come."""

from adapters.evidence.adapter import KEEPS, READS, Evidence
from adapters.evidence.changes import CopySessionRows, ExportLogs
from adapters.evidence.facts import Kept, KeptEvidence, LogGroups

__all__ = [
    "KEEPS",
    "READS",
    "CopySessionRows",
    "Evidence",
    "ExportLogs",
    "Kept",
    "KeptEvidence",
    "LogGroups",
]
