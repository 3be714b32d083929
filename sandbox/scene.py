"""What can be made to go wrong, by a name: how it is switched on and off, and when it is over."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.box import Box

Switch = Callable[["Box"], Awaitable[None]]
Look = Callable[["Box"], bool]


def _until_switched_off(box: "Box") -> bool:
    return False


@dataclass(frozen=True)
class Scene:
    name: str
    title: str
    what: str  #: What one sees, and what cures it.
    on: Switch
    off: Switch
    is_over: Look = _until_switched_off  #: Cured, or used up; it can be switched on again.
