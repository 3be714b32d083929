"""A wrong runbook file is told so in a sentence when it is imported, never in an incident."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.runbook import (
    CHANGE,
    DESTROY,
    Adapter,
    Answer,
    Change,
    Done,
    Facts,
    Found,
    Key,
    Nothing,
    Plan,
    Question,
    Runbook,
    RunbookInputs,
    Secret,
    Seen,
    index,
    pair,
)
from bot.runbook.changes import dump, load
from bot.runbook.durations import minutes, seconds
from bot.runbook.errors import BookError, Outdated
from bot.runbook.outline import outline, text
from bot.runbook.section import Section
from bot.runbook.words import choose, ok, plan


class Inputs(RunbookInputs):
    service: str = "core"


class OtherInputs(RunbookInputs):
    pass


class Disks(Facts):
    full: int = 0


class Memory(Facts):
    free: int = 0


class Host(Adapter):
    async def disks(self) -> Disks:
        raise NotImplementedError


class Clean(Change):
    effect = CHANGE

    def target(self) -> str:
        return "host"

    def command(self) -> str:
        return "clean"

    def then(self) -> str:
        return "clean"


class Wipe(Change):
    effect = DESTROY

    def target(self) -> str:
        return "host"

    def command(self) -> str:
        return "wipe"

    def then(self) -> str:
        return "empty"


def fresh(id: str = "RB-X-001") -> Runbook:
    return Runbook(id=id, title="X", severity="P3", category="X", inputs=Inputs)


def with_disks(section: Section) -> Callable[..., Found[Disks]]:
    @section.check("Check disks")
    def disks(inputs: Inputs) -> Found[Disks]:
        return ok("fine", Disks())

    return disks


def test_a_step_gets_an_earlier_result_by_the_name_of_its_step() -> None:
    book = fresh()
    steps = book.section("Steps")
    with_disks(steps)

    @steps.action("Clean")
    def clean(disks: Disks, host: Host) -> Plan[Clean]:
        return plan(Clean())

    assert [(n.name, n.source, n.step) for n in book.steps["clean"].needs] == [
        ("disks", "result", "disks"),
        ("host", "adapter", None),
    ]


def test_a_misspelt_ask_is_told_what_it_may_have_meant() -> None:
    steps = fresh().section("Steps")
    with_disks(steps)
    with pytest.raises(BookError, match=r"X-001\.clean asks for disk; .* Did you mean disks\?"):

        @steps.action("Clean")
        def clean(disk: Disks) -> Plan[Clean]:
            return plan(Clean())


def test_a_result_is_asked_for_with_the_type_it_has() -> None:
    steps = fresh().section("Steps")
    with_disks(steps)
    with pytest.raises(BookError, match="disks gives Disks, not Memory"):

        @steps.action("Clean")
        def clean(disks: Memory) -> Plan[Clean]:
            return plan(Clean())


def test_a_parameter_without_a_type_is_refused() -> None:
    steps = fresh().section("Steps")
    with pytest.raises(BookError, match="annotate disks"):

        @steps.check("Check")
        def check(disks) -> Found[Disks]:  # type: ignore[no-untyped-def]
            return ok("fine", disks)


def test_the_inputs_of_another_book_are_refused() -> None:
    steps = fresh().section("Steps")
    with pytest.raises(BookError, match="takes OtherInputs; this book has Inputs"):

        @steps.check("Check")
        def check(inputs: OtherInputs) -> Found[Disks]:
            return ok("fine", Disks())


def test_an_adapter_never_hides_behind_the_name_of_a_step() -> None:
    steps = fresh().section("Steps")
    with_disks(steps)
    with pytest.raises(BookError, match="disks is the name of a step, but asks for Host"):

        @steps.check("Check")
        def check(disks: Host) -> Found[Disks]:
            return ok("fine", Disks())


def test_checks_that_start_together_cannot_ask_each_other() -> None:
    together = fresh().section("Diagnosis", together=True)
    with_disks(together)
    with pytest.raises(BookError, match="asks for disks, but the two start together"):

        @together.check("Check memory")
        def memory(disks: Disks) -> Found[Memory]:
            return ok("fine", Memory())


def test_what_runs_only_if_picked_is_asked_for_with_or_none() -> None:
    book = fresh()
    disks = with_disks(book.section("Diagnosis"))
    recovery = book.section("Recovery", pick=True)

    @recovery.action("Clean", suggested_by=disks)
    def clean(disks: Disks) -> Plan[Clean]:
        return plan(Clean())

    after = book.section("After")
    with pytest.raises(
        BookError, match=r"asks for clean, which runs only if picked: add `\| None`"
    ):

        @after.check("Look")
        def look(clean: Done[Clean]) -> Found[Disks]:
            return ok("fine", Disks())

    @after.check("Look")
    def look_again(clean: Done[Clean] | None) -> Found[Disks]:
        return ok("fine", Disks())

    assert book.steps["look_again"].needs[0].optional


def test_a_destroying_step_cannot_ask_for_less_than_two_people() -> None:
    steps = fresh().section("Steps")
    with pytest.raises(BookError, match="DESTROY needs 2; a step may only ask more"):

        @steps.action("Wipe", people=1)
        def wipe() -> Plan[Wipe]:
            return plan(Wipe())


def test_a_plan_can_be_decided_for_as_long_as_its_step_says() -> None:
    book = fresh()
    steps = book.section("Steps")
    with pytest.raises(BookError, match="expires must be longer than nothing"):

        @steps.action("Clean", expires=seconds(0))
        def never() -> Plan[Clean]:
            return plan(Clean())

    @steps.action("Clean", expires=minutes(5))
    def clean() -> Plan[Clean]:
        return plan(Clean())

    assert outline(book).step("clean").expires_s == 300
    assert "CHANGE, 1 agree within 300 s" in "\n".join(text(outline(book)))


def test_a_plan_of_several_changes_has_the_worst_effect_of_them() -> None:
    book = fresh()

    @book.section("Steps").action("Wipe and clean")
    def wipe() -> Plan[Clean | Wipe]:
        return plan(Clean(), Wipe())

    gate = book.steps["wipe"].gate
    assert gate and gate.people == 2


def test_only_what_touches_nothing_but_ours_goes_without_approval() -> None:
    steps = fresh().section("Steps")
    with pytest.raises(BookError, match="Clean needs approval, it is not only ours"):

        @steps.action("Clean", unattended="because")
        def clean() -> Plan[Clean]:
            return plan(Clean())


def test_an_action_names_its_exact_changes() -> None:
    steps = fresh().section("Steps")
    with pytest.raises(BookError, match="name the exact changes"):

        @steps.action("Anything")
        def anything() -> Plan[Change]:
            return plan(Clean())


def test_a_check_that_promises_something_else_is_refused() -> None:
    steps = fresh().section("Steps")
    with pytest.raises(BookError, match=r"of kind check: it returns Found\[SomeFacts\], or that"):

        @steps.check("Check")  # type: ignore[type-var]
        def check() -> Plan[Clean]:
            return plan(Clean())


def test_a_book_has_no_two_steps_of_one_name() -> None:
    book = fresh()
    with_disks(book.section("One"))
    with pytest.raises(BookError, match="has two steps called disks"):
        with_disks(book.section("Two"))


def test_a_step_that_nothing_would_ever_run_is_found_out() -> None:
    book = fresh()
    pick = book.section("Recovery", pick=True)

    @pick.ask("Which?")
    def which() -> Question[Disks] | Nothing:
        return choose([], str, if_none="none")

    with pytest.raises(BookError, match="which would never run"):
        index(book)


def test_a_link_leads_to_a_runbook_that_exists_and_fills_what_it_asks() -> None:
    book = fresh()
    book.next_hop("RB-X-002", "more", fills=("servce",))
    with pytest.raises(BookError, match=r"RB-X-002, which does not exist"):
        index(book)
    with pytest.raises(BookError, match="has no servce"):
        index(book, fresh("RB-X-002"))


def test_steps_of_an_included_book_have_its_prefix_and_take_its_inputs() -> None:
    inner = fresh("RB-X-002")
    with_disks(inner.section("Steps"))
    outer = Runbook(id="RB-X-001", title="X", severity="P3", category="X", inputs=OtherInputs)

    @outer.section("Steps").include(inner, "The other one")
    def first(inputs: OtherInputs) -> Inputs:
        return Inputs(service="api")

    assert list(outer.steps) == ["first", "first.disks"]
    assert outer.steps["first.disks"].needs[0].step == "first"


def test_a_value_that_would_keep_a_secret_in_the_clear_cannot_be_written() -> None:
    with pytest.raises(BookError, match="would put a secret into the store"):

        class Bad(Answer):
            new_token: str

    with pytest.raises(BookError, match="Make it a Secret"):

        class Worse(Answer):
            value: SecretStr

    class Good(Answer):
        new_token: Secret


def test_a_change_says_its_effect_its_target_and_its_command() -> None:
    with pytest.raises(BookError, match="say `effect = CHANGE` or `effect = DESTROY`"):

        class Vague(Change):
            pass

    with pytest.raises(BookError, match=r"Silent: write target\(\)"):

        class Silent(Change):
            effect = CHANGE


def test_durations_carry_their_unit() -> None:
    assert minutes(15) == timedelta(minutes=15)
    assert datetime(2026, 1, 1) + seconds(30) == datetime(2026, 1, 1, 0, 0, 30)


def test_an_empty_plan_is_refused_because_it_has_no_reason() -> None:
    with pytest.raises(BookError, match="nothing"):
        plan()


def test_a_stored_plan_comes_back_as_it_was() -> None:
    planned: Plan[Change] = plan(Clean(), Wipe(), because="it is full")
    kinds: dict[str, type[Change]] = {"Clean": Clean, "Wipe": Wipe}
    assert load(dump(planned), kinds) == planned
    with pytest.raises(Outdated, match="older version"):
        load(dump(planned), {"Clean": Clean})


def test_a_stored_change_is_not_read_as_one_that_does_more_than_was_shown() -> None:
    class Clean2(Clean):
        force: bool = True

    stored = dump(plan(Clean(), because="it is full"))
    with pytest.raises(Outdated, match="older version"):
        load(stored, {"Clean": Clean2})


def test_what_alters_the_world_is_out_of_reach_of_a_runbook() -> None:
    with pytest.raises(BookError, match=r"Loud\.clean is reached by runbooks: call it _clean"):

        class Loud(Adapter):
            async def _see(self, change: Clean) -> Seen:
                raise NotImplementedError

            async def clean(self, change: Clean, key: Key) -> None:
                raise NotImplementedError

            alters = (pair(Clean, observe=_see, apply=clean),)


def test_a_rollback_is_not_proved_by_the_check_that_asked_for_it() -> None:
    book = fresh()
    disks = with_disks(book.section("Steps"))
    rollback = book.section("Rollback", standby=True)

    @rollback.action("Clean", suggested_by=disks)
    def clean() -> Plan[Clean]:
        return plan(Clean())

    with pytest.raises(BookError, match=r"X-001\.clean: write a check that proves it"):
        index(book)


def test_a_book_has_no_two_sections_of_one_title() -> None:
    book = fresh()
    book.section("Steps")
    with pytest.raises(BookError, match="has two sections called Steps"):
        book.section("Steps", pick=True)


def test_a_section_has_one_mode() -> None:
    with pytest.raises(BookError, match="together, pick or standby, one of them"):
        fresh().section("Steps", together=True, pick=True)


def test_only_what_is_picked_is_suggested() -> None:
    steps = fresh().section("Steps")
    disks = with_disks(steps)
    with pytest.raises(BookError, match="suggested_by and reread are for sections one picks from"):

        @steps.action("Clean", suggested_by=disks)
        def clean() -> Plan[Clean]:
            return plan(Clean())


def test_a_check_that_suggests_is_a_step_of_the_same_book() -> None:
    disks = with_disks(fresh("RB-X-002").section("Steps"))
    pick = fresh().section("Recovery", pick=True)
    with pytest.raises(BookError, match="mentions disks, which is no step of this book"):

        @pick.action("Clean", suggested_by=disks)
        def clean() -> Plan[Clean]:
            return plan(Clean())


def test_an_included_book_is_given_its_own_inputs_by_a_section_in_order() -> None:
    inner = fresh("RB-X-002")
    outer = fresh()
    with pytest.raises(BookError, match="first returns the inputs of RB-X-002"):

        @outer.section("Steps").include(inner, "The other one")
        def first(inputs: Inputs) -> OtherInputs:
            return OtherInputs()

    with pytest.raises(BookError, match="only a section in order includes a runbook"):

        @outer.section("Together", together=True).include(inner, "The other one")
        def second(inputs: Inputs) -> Inputs:
            return inputs


def test_a_live_menu_is_for_a_field_that_exists_and_rests_on_nothing_that_ran() -> None:
    book = fresh()
    with pytest.raises(BookError, match="Inputs has no field servce"):

        @book.choices("servce")
        async def wrong(host: Host) -> list[str]:
            return []

    with pytest.raises(BookError, match="nothing has run yet"):

        @book.choices("service")
        async def services(inputs: Inputs) -> list[str]:
            return []


def test_two_books_have_two_ids() -> None:
    with pytest.raises(BookError, match="two runbooks have the same id"):
        index(fresh(), fresh())


def test_a_link_is_filled_with_exactly_what_it_declares() -> None:
    hop = fresh().next_hop("RB-X-002", "more", fills=("service",))
    with pytest.raises(BookError, match="RB-X-001 -> RB-X-002 fills service"):
        hop()
    assert hop(service="api").filled == {"service": "api"}


def test_choosing_among_nothing_asks_nobody() -> None:
    nobody: list[Disks] = []
    assert choose(nobody, str, if_none="no disk is full") == Nothing("no disk is full")
