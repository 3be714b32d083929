"""Meta's answers about tokens, limits and versions, told apart in every known way."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.meta import AdAccount, Headroom, StoredToken, graph
from adapters.meta.usage import usages_in
from adapters.meta.versions import VERSIONS, version
from bot.runbook.errors import NothingDone, Refused, StepError, Unreachable
from bot.runbook.values import Secret
from bot.secrets.redaction import REDACTOR
from bot.secrets.vault import NotAccepted
from sandbox.meta.limits import ACCOUNT as OF_ACCOUNT
from sandbox.meta.limits import APP, BUSINESS, USER
from sandbox.meta.state import OTHER_APP, WRONG, State, Token
from tests.adapters.meta_world import ACCOUNT, NOW, OURS, PLACE, TOKEN, TYPED, Town, town

pytestmark = pytest.mark.slow
STORED = StoredToken(business_account=7)


@pytest.fixture
async def here(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(graph, "PAUSE_S", 0.01)
    async with town() as made:
        yield made


def change(here: Town, **told: object) -> Token:
    token = here.graph.token(TOKEN)
    assert token
    for name, value in told.items():
        setattr(token, name, value)
    return token


# Tokens.


async def test_a_good_token_is_ours_and_may_do_what_it_must(here: Town) -> None:
    found = await here.meta().token(STORED)
    assert (found.is_valid, found.is_ours, found.trouble) == (True, True, "")
    assert (found.kind, found.app, found.expires_at, found.left) == (
        "SYSTEM_USER", "ComplyAI", None, None,
    )  # fmt: skip


async def test_a_typed_token_is_asked_about_where_it_is_kept(here: Town) -> None:
    assert (await here.meta().token(PLACE)).is_valid
    assert (await here.meta().try_token(PLACE, ACCOUNT)).works


async def test_a_token_that_will_expire_says_when_and_the_first_end_counts(here: Town) -> None:
    now = datetime.now(UTC).timestamp()
    change(here, expires_at=now + 90_000 + NOW, data_access_until=now + 7200)
    found = await here.meta().token(STORED)
    assert found.is_valid and found.expires_at and found.left
    assert timedelta(minutes=119) < found.left < timedelta(minutes=121)


@pytest.mark.parametrize("state", WRONG)
async def test_a_token_that_is_not_valid_says_why_also_when_it_has_not_expired(
    here: Town, state: State
) -> None:
    change(here, state=state, expires_at=NOW + 1_000_000)
    found = await here.meta().token(STORED)
    assert not found.is_valid and WRONG[state][1][:100].rstrip(".") in found.trouble


async def test_a_token_of_another_app_or_with_too_few_rights_is_none_for_us(here: Town) -> None:
    change(here, scopes=("ads_read",))
    found = await here.meta().token(STORED)
    assert found.trouble == "The token may not do enough: it lacks ads_management"
    change(here, app=OTHER_APP)
    with pytest.raises(Refused, match="did not match the Viewing App"):
        await here.meta().token(STORED)
    here.graph.fail("strange", times=1)  # Should Meta tell of it all the same.
    here.graph.strange = {"data": {"is_valid": True, "app_id": "42", "application": "Another"}}
    found = await here.meta().token(STORED)
    assert found.trouble == "The token belongs to another app (Another)"


async def test_a_token_that_meta_never_made_is_not_valid(here: Town) -> None:
    here.stored.tokens[7] = "nonsense-that-is-long"
    found = await here.meta().token(STORED)
    assert found.trouble == "Meta says that the token is not valid: Invalid OAuth access token."


async def test_of_many_tokens_one_that_cannot_be_asked_about_keeps_none_of_the_others(
    here: Town,
) -> None:
    here.stored.tokens[8] = "nonsense-that-is-long"
    good, strange, gone = await here.meta().tokens([7, 8, 99])
    assert good.state and good.state.is_valid and good.business_account == 7
    assert strange.state and not strange.state.is_valid
    assert gone.business_account == 99 and gone.state is None and gone.says


async def test_of_many_accounts_one_that_cannot_be_asked_keeps_none_of_the_others(
    here: Town,
) -> None:
    strange = AdAccount(account="act_1", business_account=OURS.business_account)
    found = await here.meta().headrooms([OURS, strange])
    assert [one.account for one in found.accounts] == [OURS.account]
    assert len(found.unread) == 1 and found.unread[0].startswith("act_1: ")
    assert (await here.meta().headrooms([])).accounts == ()


async def test_what_meta_does_not_answer_is_said_of_each_account(here: Town) -> None:
    here.graph.fail("error")
    found = await here.meta().headrooms([OURS, OURS])
    assert found.accounts == () and len(found.unread) == 2


SUBCODES = [
    ("removed", "the user has removed our app"),
    ("checkpoint", "the user must confirm their account"),
    ("password", "the user has changed their password"),
    ("expired", "it has expired"),
    ("revoked", "it was revoked, or its user signed out"),
]


@pytest.mark.parametrize(("state", "says"), SUBCODES)
async def test_a_token_that_does_not_work_is_a_fact_and_says_why(
    here: Town, state: State, says: str
) -> None:
    assert (await here.meta().try_token(STORED, ACCOUNT)).works
    change(here, state=state)
    tried = await here.meta().try_token(STORED, ACCOUNT)
    assert not tried.works
    assert tried.says.startswith(f"Meta does not accept the token: {says}")
    assert f"code 190, {WRONG[state][0]}" in tried.says


async def test_a_token_works_only_if_an_ads_call_does(here: Town) -> None:
    change(here, scopes=("ads_read",))
    tried = await here.meta().try_token(STORED, ACCOUNT)
    assert not tried.works and "may not do this (code 200)" in tried.says
    tried = await here.meta().try_token(STORED, "act_1")
    assert not tried.works and "does not exist" in tried.says


@pytest.mark.parametrize("strange", ["me", "act_1/../x", "act_", "act_1?x=1", "act_\u0661"])
async def test_only_an_account_becomes_part_of_an_address(here: Town, strange: str) -> None:
    account = AdAccount(account=strange, business_account=7)
    with pytest.raises(Refused, match="no id of an app or ad account"):
        await here.meta().headroom(account)


# Limits.


async def test_headroom_is_read_from_an_ads_call_and_grows_with_calls(here: Town) -> None:
    first = await here.meta().headroom(OURS)
    for _ in range(5):
        found = await here.meta().headroom(OURS)
    assert first.percent is not None and found.percent is not None
    assert first.percent < found.percent < 10
    assert {one.of for one in found.usages} == {
        "our app's calls", "ads_management of business 66782684", "the ad account's calls",
    }  # fmt: skip
    assert (found.limited, found.regain) == ("", None)
    here.moved_s = 3600
    recovered = await here.meta().headroom(OURS)
    assert recovered.percent == first.percent


LIMITED = [
    (APP, "Meta limits us: our app has made too many calls (code 4)"),
    (USER, "Meta limits us: too many calls were made for this ad account (code 17, 2446079)"),
    (OF_ACCOUNT, "Meta limits us: too many calls of this kind were made for this ad account"),
    (BUSINESS, "Meta limits us: too many calls of ads management were made for this ad account"),
]


@pytest.mark.parametrize(("code", "says"), LIMITED)
async def test_being_limited_is_a_fact_with_its_code(here: Town, code: int, says: str) -> None:
    here.graph.limits.exhaust(code, 23, NOW)
    found = await here.meta().headroom(OURS)
    assert found.code == code and found.limited.startswith(says)
    here.moved_s = 24 * 60
    assert not (await here.meta().headroom(OURS)).limited


async def test_the_minutes_to_regain_are_meta_s_and_go_by(here: Town) -> None:
    here.graph.limits.exhaust(BUSINESS, 23, NOW)
    found = await here.meta().headroom(OURS)
    assert found.regain == timedelta(minutes=23)
    assert found.says().endswith("; 23 min until calls are let through")
    here.moved_s = 600
    assert (await here.meta().headroom(OURS)).regain == timedelta(minutes=13)


async def test_a_limit_without_a_time_says_that_nobody_knows(here: Town) -> None:
    here.graph.limits.exhaust(APP, 23, NOW)
    found = await here.meta().headroom(OURS)
    assert found.regain is None and found.says().endswith("Meta does not say for how long")


async def test_no_headers_are_not_known_and_no_0(here: Town) -> None:
    here.graph.fail("no usage")
    found = await here.meta().headroom(OURS)
    assert (found.percent, found.usages) == (None, ())
    assert found.says() == f"{ACCOUNT}: Meta told nothing of its limits"


async def test_headers_that_cannot_be_read_are_named(here: Town) -> None:
    here.graph.fail("strange usage")
    found = await here.meta().headroom(OURS)
    assert found.percent is None and len(found.unread) == 3
    assert "that can be read (x-app-usage," in found.says()


@pytest.mark.parametrize(
    "told",
    [
        '{"call_count": "28"}', '{"call_count": true}', '{"call_count": -1}', "[]", "{}", "7",
        '{"call_count": 1e999}', '{"call_count": NaN}', "", "null", '{"66": {}}', '{"66": [7]}',
        '{"66": [{"type": "ads_management"}]}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_header_of_another_shape_is_unread_and_never_0_percent(told: str) -> None:
    for name in ("x-app-usage", "x-ad-account-usage"):
        assert usages_in({name: told}) == ((), (name,))
    found, unread = usages_in({"x-business-use-case-usage": told})
    assert found == () and (unread or told in ("{}",))


async def test_another_call_that_is_limited_says_when_to_try_again(here: Town) -> None:
    here.graph.limits.exhaust(BUSINESS, 23, NOW)
    with pytest.raises(NothingDone, match="Nothing was done") as limited:
        await here.meta().try_token(STORED, ACCOUNT)
    assert limited.value.again_after_s == 23 * 60


# Meta's errors.


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("passing error", Unreachable, "has trouble of its own (code 2)"),
        ("unknown error", Unreachable, "has trouble of its own (code 1)"),
        ("not allowed", Refused, "says that the token or our app may not do this (code 200)"),
        ("blocked", Refused, "breach of its policies (code 368)"),
        ("error", Unreachable, "an error of its own (HTTP 503)"),
        ("html", Unreachable, "a web page instead of data"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
        ("lost request", Unreachable, "broke the connection"),
        ("half an answer", Unreachable, "broke the connection"),
    ],
)
async def test_errors_are_told_apart(
    here: Town, fault: str, error: type[StepError], says: str
) -> None:
    here.graph.fail(fault)
    with pytest.raises(error) as raised:
        await here.meta().headroom(OURS)
    assert says in str(raised.value) and type(raised.value) is error


async def test_a_passing_error_is_asked_again_once(here: Town) -> None:
    here.graph.fail("passing error", times=1)
    assert (await here.meta().headroom(OURS)).percent is not None
    assert len(here.graph.calls) == 2


@pytest.mark.parametrize(
    ("status", "code", "subcode", "says"),
    [
        (400, 32, 0, "limits us: too many calls were made for this page"),
        (400, 613, 1487742, "limits us: too many changes were made to this ad account"),
        (400, 80007, 0, "limits us: too many calls of one kind were made for this business"),
        (400, 10, 0, "may not do this (code 10)"),
        (400, 299, 0, "may not do this (code 299)"),
        (400, 190, 464, "the user's account is not confirmed"),
        (400, 102, 0, "does not accept the token: it has expired, was revoked, or never was one"),
        (400, 100, 33, "refused (code 100, 33): they said so"),
        (500, 99, 0, "refused (code 99): they said so"),
        (200, 4, 0, "limits us: our app has made too many calls"),
    ],
)
async def test_the_code_in_the_body_counts_whatever_the_status(
    here: Town, status: int, code: int, subcode: int, says: str
) -> None:
    here.graph.fail("strange")
    here.graph.strange = {
        "error": {"message": "they said so", "code": code, "error_subcode": subcode}
    }
    here.graph.status = status
    try:
        said = (await here.meta().headroom(OURS)).limited
    except StepError as error:
        said = str(error)
    assert says in said


@pytest.mark.parametrize(
    ("strange", "status"),
    [
        ([], 200), (None, 200), ("ok", 200), ({"data": {}}, 200), ({"data": {"is_valid": 1}}, 200),
        ({"data": {"is_valid": True, "scopes": "ads_management"}}, 200),
        ({"data": {"is_valid": True, "expires_at": "soon"}}, 200),
        ({"data": {"is_valid": True, "expires_at": -1}}, 200),
        ({"data": {"is_valid": True, "expires_at": 10**18}}, 200),
        ({"data": {"is_valid": True, "error": "none"}}, 200),
        ({"error": "broken"}, 502),
    ],
)  # fmt: skip
async def test_another_shape_is_unreadable_and_no_valid_token(
    here: Town, strange: object, status: int
) -> None:
    here.graph.fail("strange")
    here.graph.strange, here.graph.status = strange, status
    with pytest.raises(Unreachable, match="Meta answered"):
        await here.meta().token(STORED)


# Versions.


async def test_a_version_that_is_gone_is_said_and_not_taken_for_a_bad_token(here: Town) -> None:
    here.graph.gone = {"v19.0", "v20.0"}
    meta = here.meta(version="v19.0")
    with pytest.raises(Refused, match=r"does not serve this version .*set meta\.version"):
        await meta.headroom(OURS)
    assert (await meta.token(STORED)).is_valid  # Not an ads call: served by the oldest there is.
    assert (await here.meta().headroom(OURS)).percent is not None


@pytest.mark.parametrize(
    ("name", "days", "says"),
    [
        ("v19.0", -662, "over for 662 days"),
        ("v25.0", 87, "87 days left"),
        ("v26.0", None, "Meta has not said until when"),
        ("v99.0", None, "Nobody here knows"),
    ],
)
def test_a_version_says_how_long_it_is_served(name: str, days: int | None, says: str) -> None:
    found = version(name, datetime(2026, 11, 28, tzinfo=UTC))
    assert (found.left.days if found.left else None) == days
    assert says in found.says() and found.is_known == (name in VERSIONS)


async def test_the_version_is_the_one_of_the_settings_and_in_every_address(here: Town) -> None:
    assert here.meta().version().name == "v26.0"
    await here.meta(version="v25.0").headroom(OURS)
    assert here.graph.calls[-1].path == f"/v25.0/{ACCOUNT}"


# Secrets.


async def test_the_secret_of_the_app_proves_that_calls_are_ours(here: Town) -> None:
    here.graph.demands_proof = True
    assert (await here.meta(app_secret=True).headroom(OURS)).percent is not None
    assert (await here.meta(app_secret=True).token(STORED)).is_valid
    with pytest.raises(Refused, match="require an appsecret_proof"):
        await here.meta().headroom(OURS)


@pytest.mark.parametrize("fault", ["", "error", "passing error", "html", "lost response"])
async def test_tokens_are_in_headers_and_forms_and_nowhere_else(
    here: Town, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    meta, told = here.meta(app_secret=True), []
    if fault:
        here.graph.fail(fault)
    for asked in (
        meta.token(PLACE), meta.token(STORED), meta.try_token(STORED, ACCOUNT),
        meta.headroom(OURS), meta.subscriptions(), meta.hearings([OURS]), meta.endpoint(),
    ):  # fmt: skip
        try:
            told.append(repr(await asked))
        except StepError as error:
            told.append(f"{error} {error.__cause__}")
    secrets = (TOKEN, TYPED, here.graph.app_secret, here.callback.verify_token)
    addresses = [f"{call.path} {dict(call.query)}" for call in here.graph.calls]
    ours = [one.getMessage() for one in caplog.records if one.name != "aiohttp.access"]
    assert len(addresses) >= 7
    for text in (*told, *addresses, *ours):
        assert not [one for one in secrets if one in text]


async def test_an_error_that_repeats_a_token_is_told_without_it(here: Town) -> None:
    REDACTOR.learn(TOKEN, "stored")
    here.graph.fail("strange")
    here.graph.strange = {"error": {"message": f"Malformed access token {TOKEN}", "code": 190}}
    tried = await here.meta().try_token(STORED, ACCOUNT)
    assert TOKEN not in tried.says and "Malformed access token" in tried.says


async def test_an_app_token_that_is_not_accepted_is_a_clear_no(here: Town) -> None:
    with pytest.raises(NotAccepted, match="does not accept the token"):
        await here.meta(app_token=f"{here.graph.app}|another-secret").subscriptions()


async def test_what_is_not_set_is_said(here: Town) -> None:
    with pytest.raises(Refused, match=r"meta\.app_id is not set"):
        await here.meta(app_id="").subscriptions()
    with pytest.raises(Refused, match="no business account 9"):
        await here.meta().token(StoredToken(business_account=9))


def test_a_place_of_a_token_is_no_token() -> None:
    assert TYPED not in repr(Secret(name="a", version="b")) and Headroom(account=ACCOUNT)
