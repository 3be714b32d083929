"""
The objects of the API, as far as they are read. What has another shape is not understood, and said
to be so; what is left out, or null, is empty.
"""

from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from adapters.kubernetes.errors import Call

S = TypeVar("S", bound="Shape")
#: What names of Kubernetes' objects are made of: nothing that would lead elsewhere in a path.
NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
Name = Annotated[str, Field(pattern=NAME)]


class Shape(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )


Texts = Annotated[dict[str, str], BeforeValidator(lambda given: given or {})]
Text = Annotated[str, BeforeValidator(lambda given: "" if given is None else given)]


def _listed(given: Any) -> Any:
    return [] if given is None else given


class Metadata(Shape):
    name: Name
    uid: str = Field(min_length=1)
    resource_version: str = Field(min_length=1)  #: Without one nothing would guard a change.
    generation: int = 1
    creation_timestamp: AwareDatetime
    deletion_timestamp: AwareDatetime | None = None
    annotations: Texts = Field(default_factory=dict)
    labels: Texts = Field(default_factory=dict)


class Condition(Shape):
    type: str
    status: str
    reason: Text = ""
    message: Text = ""


class Requirement(Shape):
    key: str
    operator: str
    values: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()


class Selector(Shape):
    match_labels: Texts = Field(default_factory=dict)
    match_expressions: Annotated[tuple[Requirement, ...], BeforeValidator(_listed)] = ()

    def __str__(self) -> str:
        """As a query has it. A selector of nothing would select everything: it is empty here."""
        equal = [f"{key}={value}" for key, value in self.match_labels.items()]
        return ",".join([*equal, *map(_required, self.match_expressions)])


def _required(one: Requirement) -> str:
    match one.operator:
        case "Exists":
            return one.key
        case "DoesNotExist":
            return f"!{one.key}"
        case word:
            return f"{one.key} {word.lower()} ({','.join(one.values)})"


class Container(Shape):
    name: str
    image: Text = ""


class PodSpec(Shape):
    containers: tuple[Container, ...]


class Template(Shape):
    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: PodSpec


class DeploymentSpec(Shape):
    replicas: int = 1
    paused: bool = False
    selector: Selector
    template: Template


class DeploymentStatus(Shape):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    conditions: Annotated[tuple[Condition, ...], BeforeValidator(_listed)] = ()


class DeploymentShape(Shape):
    metadata: Metadata
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()


class Waiting(Shape):
    reason: Text = ""
    message: Text = ""


class Terminated(Shape):
    exit_code: int
    reason: Text = ""
    finished_at: AwareDatetime | None = None


class ContainerState(Shape):
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Shape):
    name: str
    ready: bool
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Shape):
    phase: Text = ""
    reason: Text = ""
    container_statuses: Annotated[tuple[ContainerStatus, ...], BeforeValidator(_listed)] = ()


class PodShape(Shape):
    metadata: Metadata
    spec: PodSpec
    status: PodStatus = PodStatus()


class Involved(Shape):
    kind: Text = ""
    name: Text = ""


class Series(Shape):
    count: int = 0
    last_observed_time: AwareDatetime | None = None


class EventShape(Shape):
    metadata: Metadata
    involved_object: Involved
    type: Text = ""
    reason: Text = ""
    message: Text = ""
    count: int | None = None
    first_timestamp: AwareDatetime | None = None
    last_timestamp: AwareDatetime | None = None
    event_time: AwareDatetime | None = None
    series: Series | None = None


class ScaleSpec(Shape):
    replicas: int = 0


class ScaleShape(Shape):
    metadata: Metadata
    spec: ScaleSpec = ScaleSpec()


def shaped(kind: type[S], found: Any, call: Call) -> S:
    """Raises Unreachable for what is not understood."""
    try:
        return kind.model_validate(found)
    except (ValidationError, RecursionError):
        raise call.unreadable() from None
