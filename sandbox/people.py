"""Who works at the company: the people one can be at the sandbox's page, and their user groups."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.slack.workspace import Workspace


@dataclass(frozen=True)
class Colleague:
    id: str
    name: str
    title: str
    groups: tuple[str, ...] = ()
    is_guest: bool = False
    deleted: bool = False

    @property
    def email(self) -> str:
        return f"{self.name}@complyai.example"


@dataclass(frozen=True)
class UserGroup:
    id: str
    handle: str


#: What they may do with the bot, as an operator would write it.
POLICY = Path(__file__).with_name("policy.toml")
GROUPS = (
    UserGroup("S0ENGINEERS", "engineers"),
    UserGroup("S0OPERATORS", "operators"),
    UserGroup("S0DBAS", "dbas"),
    UserGroup("S0SECURITY", "security-team"),
    UserGroup("S0LEADERS", "leadership-team"),
    UserGroup("S0ONCALL", "on-call"),
)
COLLEAGUES = (
    Colleague("U0DANA", "dana", "Software engineer", ("S0ENGINEERS", "S0OPERATORS")),
    Colleague("U0RAVI", "ravi", "Site reliability engineer", ("S0OPERATORS", "S0ONCALL")),
    Colleague("U0LENA", "lena", "Database administrator", ("S0OPERATORS", "S0DBAS")),
    Colleague("U0OMAR", "omar", "Security engineer", ("S0ENGINEERS", "S0SECURITY")),
    Colleague("U0NINA", "nina", "Security engineer", ("S0ENGINEERS", "S0SECURITY")),
    Colleague("U0THEO", "theo", "Head of security", ("S0SECURITY",)),
    Colleague("U0IRIS", "iris", "Chief technology officer", ("S0LEADERS",)),
    Colleague("U0MARA", "mara", "General counsel", ("S0LEADERS",)),
    Colleague("U0VERA", "vera", "Customer support"),
    Colleague("U0GUY", "guy", "Contractor", ("S0OPERATORS",), is_guest=True),
    Colleague("U0EX", "ex", "Has left", ("S0OPERATORS",), deleted=True),
)
CHANNELS = ("general", "alerts", "support")
ON_CALL = COLLEAGUES[1]
#: Who must know of a breach.
LEADERS = {"CTO": "U0IRIS", "Legal": "U0MARA"}


def settle_in(workspace: Workspace) -> None:
    """Everybody, their groups, and the channels they talk in."""
    for colleague in COLLEAGUES:
        workspace.add_person(
            colleague.id,
            colleague.name,
            colleague.email,
            title=colleague.title,
            is_guest=colleague.is_guest,
            deleted=colleague.deleted,
        )
    for group in GROUPS:
        members = [one.id for one in COLLEAGUES if group.id in one.groups]
        workspace.add_group(group.id, group.handle, members)
    here = [one.id for one in COLLEAGUES if not one.deleted]
    for name in CHANNELS:
        workspace.add_channel(name, here, id=f"C0{name.upper()}", is_general=name == "general")
