"""What people may want of the house, as a runbook; and who must agree to what of it."""

from pydantic import Field

from bot.runbook import Found, Nothing, Plan, Runbook, RunbookInputs, Watched
from bot.runbook.durations import seconds
from bot.runbook.outline import outline
from bot.runbook.words import not_yet, nothing, ok, plan, problem
from tests.engine.approval_world import GONE, Bulb, Scrap, Swap, Tell, Yard
from tests.engine.small_world import Lamp, Paint


class Inputs(RunbookInputs):
    lamp: str = Field(default="hall", pattern=r"^[a-z]+$")
    other: str = Field(default="attic", pattern=r"^[a-z]+$")
    color: str = Field(default="green", pattern=r"^[a-z]+$")


def make_book() -> Runbook:
    book = Runbook(id="RB-T-020", title="House", severity="P3", category="Test", inputs=Inputs)
    first = book.section("First", holds=False)

    @first.action("Say that it begins", unattended="our own voice")
    def begin(inputs: Inputs) -> Plan[Tell]:
        return plan(Tell(text=f"{inputs.lamp} {inputs.color} begins"))

    look = book.section("Look", together=True)

    @look.check("What color is the lamp?")
    async def color(inputs: Inputs, yard: Yard) -> Found[Lamp]:
        return problem("a lamp", await yard.lamp(inputs.lamp))

    @look.check("What color is the other?")
    async def other_color(inputs: Inputs, yard: Yard) -> Found[Lamp]:
        return ok("a lamp", await yard.lamp(inputs.other))

    @look.check("Which bulb is in it?")
    async def watts(inputs: Inputs, yard: Yard) -> Found[Bulb]:
        return ok("a bulb", await yard.bulb(inputs.lamp))

    cure = book.section("Cure", pick=True)

    @cure.action("Paint it", suggested_by=color)
    def paint(inputs: Inputs, color: Lamp) -> Plan[Paint] | Nothing:
        if color.color == GONE:
            return nothing("It is gone")
        return plan(Paint(lamp=inputs.lamp, color=inputs.color, replacing=color.color))

    @cure.action("Swap its bulb", role="dba", people=2)
    def swap(inputs: Inputs, watts: Bulb) -> Plan[Swap]:
        new = "60" if watts.watts == "40" else "40"
        return plan(Swap(lamp=inputs.lamp, watts=new, replacing=watts.watts))

    @cure.action("Scrap it")
    def scrap(inputs: Inputs, color: Lamp) -> Plan[Scrap] | Nothing:
        if color.color == GONE:
            return nothing("It is gone")
        return plan(Scrap(lamp=inputs.lamp, replacing=color.color))

    @cure.action("Paint both")
    def both(inputs: Inputs, color: Lamp, other_color: Lamp) -> Plan[Paint]:
        now = {inputs.lamp: color.color, inputs.other: other_color.color}
        new = dict.fromkeys(now, inputs.color)
        return plan(*(Paint(lamp=n, color=new[n], replacing=now[n]) for n in now))

    @cure.action("Paint the other and scrap it")
    def renew(inputs: Inputs, color: Lamp, other_color: Lamp) -> Plan[Paint | Scrap]:
        return plan(
            Paint(lamp=inputs.other, color=inputs.color, replacing=other_color.color),
            Scrap(lamp=inputs.lamp, replacing=color.color),
        )

    @cure.watch(
        "Watch it", every=seconds(1), lasting=seconds(4), until="ok", proves=(paint, swap, scrap)
    )
    async def proof(inputs: Inputs, yard: Yard) -> Watched[Lamp]:
        lamp = await yard.lamp(inputs.lamp)
        return ok("as wanted", lamp) if lamp.color == inputs.color else not_yet("not yet", lamp)

    after = book.section("After", holds=False)

    @after.action("Say that it is over", unattended="our own voice")
    def end(inputs: Inputs) -> Plan[Tell]:
        return plan(Tell(text=f"{inputs.lamp} {inputs.color} is over"))

    return book


#: By the rules as they are written down, not by what the bot makes of them: who decides each
#: action, and how many of them must agree.
NEEDS = {
    "paint": ("operator", 1),
    "swap": ("dba", 2),
    "scrap": ("operator", 2),
    "both": ("operator", 1),
    "renew": ("operator", 2),
}
BOOK = make_book()
OUTLINE = outline(BOOK)
