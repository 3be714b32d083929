"""
What can be made to go wrong, by name.

A fault counts down: it strikes `times` calls of its method and is gone. Faults are what tests and
the people at the page turn on; nothing here happens by chance.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from sandbox.slack.wire import Json

FaultName = Literal[
    "drop_before_storing",  # the connection breaks and nothing happened
    "drop_after_storing",  # it happened, the answer is lost
    "delay",  # nothing happens for `seconds`
    "late_answer",  # it happens at once, the answer comes after `seconds`
    "late_shares",  # files.info does not show yet where a file is shared
    "rate_limit",  # 429 with Retry-After: `seconds`
    "server_error",  # HTTP 503
    "refuse",  # Slack says no with the error name `error`
    "refuse_handshake",  # a Socket Mode handshake is answered with 401
    "no_connection",  # Socket Mode is gone: sockets cut, handshakes refused, until cleared
]

FOREVER = 1_000_000_000


@dataclass
class Fault:
    name: FaultName
    method: str = "*"
    times: int = 1
    seconds: float = 1.0
    error: str = "internal_error"


class Faults:
    def __init__(self) -> None:
        self.active: list[Fault] = []
        self._cut_sockets: Callable[[], None] = lambda: None
        self._changed: Callable[[], None] = lambda: None

    def connect(self, cut_sockets: Callable[[], None], changed: Callable[[], None]) -> None:
        self._cut_sockets, self._changed = cut_sockets, changed

    def add(self, fault: Fault) -> Fault:
        self.active.append(fault)
        if fault.name == "no_connection":
            self._cut_sockets()
        self._changed()
        return fault

    def drop_after_storing(self, method: str, times: int = 1) -> Fault:
        return self.add(Fault("drop_after_storing", method, times))

    def drop_before_storing(self, method: str, times: int = 1) -> Fault:
        return self.add(Fault("drop_before_storing", method, times))

    def delay(self, method: str, seconds: float, times: int = 1) -> Fault:
        return self.add(Fault("delay", method, times, seconds))

    def late_answer(self, method: str, seconds: float, times: int = 1) -> Fault:
        return self.add(Fault("late_answer", method, times, seconds))

    def late_shares(self, times: int = 1) -> Fault:
        return self.add(Fault("late_shares", "files.info", times))

    def rate_limit(self, method: str, times: int = 1, retry_after_s: int = 1) -> Fault:
        return self.add(Fault("rate_limit", method, times, retry_after_s))

    def server_error(self, method: str, times: int = 1) -> Fault:
        return self.add(Fault("server_error", method, times))

    def refuse(self, method: str, error: str, times: int = 1) -> Fault:
        return self.add(Fault("refuse", method, times, error=error))

    def refuse_handshake(self, times: int = 1) -> Fault:
        return self.add(Fault("refuse_handshake", times=times))

    def no_connection(self) -> Fault:
        return self.add(Fault("no_connection", times=FOREVER))

    def kill_sockets(self) -> None:
        """Cut every Socket Mode connection now, without a word."""
        self._cut_sockets()

    def clear(self, name: FaultName | None = None) -> None:
        self.active = [f for f in self.active if name is not None and f.name != name]
        self._changed()

    def take(self, name: FaultName, method: str = "*") -> Fault | None:
        """The fault that strikes this call, counted down; None when there is none."""
        for fault in self.active:
            if fault.name == name and fault.method in ("*", method):
                fault.times -= 1
                if fault.times <= 0:
                    self.active.remove(fault)
                    self._changed()
                return fault
        return None

    def is_on(self, name: FaultName) -> bool:
        return any(fault.name == name for fault in self.active)

    def shape(self) -> list[Json]:
        return [asdict(fault) for fault in self.active]


FAULT_NAMES: tuple[str, ...] = get_args(FaultName)


def read_fault(body: Json) -> Fault:
    """Raises ValueError, saying what is wrong with it."""
    name, times, seconds = body.get("name"), body.get("times", 1), body.get("seconds", 1.0)
    if name not in FAULT_NAMES:
        raise ValueError(f"{name} is no fault; there is: {', '.join(FAULT_NAMES)}")
    if not isinstance(times, int) or not isinstance(seconds, int | float) or times < 1:
        raise ValueError("times is a whole number from 1, seconds a number")
    method, error = str(body.get("method", "*")), str(body.get("error", "internal_error"))
    return Fault(name, method, times, seconds, error)
