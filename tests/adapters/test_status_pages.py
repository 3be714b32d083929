"""Vendors' status pages, in their shapes, in other shapes, and silent."""

from collections.abc import AsyncIterator
from typing import get_args

import pytest

from adapters.http_calls import HttpCalls
from adapters.status_pages import StatusPages, _auth0, _meta, _Strange, _stripe
from bot.settings import StatusPageSettings
from sandbox.peers.status_pages import Condition, Vendor, VendorPages

pytestmark = pytest.mark.slow


@pytest.fixture
async def vendors() -> AsyncIterator[VendorPages]:
    async with VendorPages() as pages:
        yield pages


@pytest.fixture
async def pages(vendors: VendorPages) -> AsyncIterator[StatusPages]:
    calls = HttpCalls(timeout_s=1)
    settings = StatusPageSettings(
        meta_url=vendors.page("Meta"),
        stripe_url=vendors.page("Stripe"),
        auth0_url=vendors.page("Auth0"),
    )
    yield StatusPages(calls, settings)
    await calls.close()


async def test_vendors_that_are_well_report_no_trouble(pages: StatusPages) -> None:
    statuses = await pages.statuses()
    assert [one.vendor for one in statuses.vendors] == ["Meta", "Stripe", "Auth0"]
    assert {one.state for one in statuses.vendors} == {"well"}
    assert statuses.down == statuses.unreadable == () and statuses.troubles == ""


@pytest.mark.parametrize(
    ("vendor", "says"),
    [
        ("Meta", "Meta: Marketing API: Major disruptions"),
        ("Stripe", "Stripe: Some API requests are slower than usual; api is degraded"),
        ("Auth0", "Auth0: Elevated errors when signing in"),
    ],
)
async def test_a_vendor_in_trouble_is_told_in_its_own_words(
    vendors: VendorPages, pages: StatusPages, vendor: Vendor, says: str
) -> None:
    vendors.vendors[vendor] = "trouble"
    statuses = await pages.statuses()
    assert statuses.down == (vendor,) and statuses.unreadable == ()
    assert statuses.troubles == says


@pytest.mark.parametrize("vendor", get_args(Vendor))
@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("unknown shape", "has changed its shape"),
        ("strange word", "an unknown"),
        ("html", "a web page instead of data"),
        ("error", "HTTP 502"),
        ("slow", "did not answer within 1 s"),
    ],
)
async def test_a_page_that_cannot_be_read_is_never_no_trouble(
    vendors: VendorPages, pages: StatusPages, vendor: Vendor, condition: Condition, why: str
) -> None:
    vendors.vendors[vendor] = condition
    statuses = await pages.statuses()
    assert statuses.unreadable == (vendor,) and statuses.down == ()
    assert why in statuses.troubles
    assert sum(one.state == "well" for one in statuses.vendors) == 2


async def test_half_a_page_is_no_page(vendors: VendorPages, pages: StatusPages) -> None:
    vendors.fail("half an answer")
    assert (await pages.statuses()).unreadable == ("Meta", "Stripe", "Auth0")


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        "up",
        [{"id": "a", "services": []}],
        [{"services": [{"name": "a"}]}],
        [{"services": [1]}],
        {"statuses": {}, "largestatus": "up"},
        {"statuses": {"api": None}, "largestatus": "up"},
        {"statuses": {"api": "up"}},
        {"status": {"indicator": None}},
        {"status": {"indicator": "ok"}},
    ],
)
def test_no_strange_content_is_taken_for_well(content: object) -> None:
    for read in (_meta, _stripe, _auth0):
        with pytest.raises(_Strange):
            read(content)


def test_a_known_trouble_counts_beside_a_strange_word() -> None:
    services = [{"name": "a", "status": "???"}, {"name": "b", "status": "Some disruptions"}]
    assert _meta([{"services": services}]) == ["b: Some disruptions"]


def test_foreign_words_are_plain_and_bounded() -> None:
    status = {"indicator": "major", "description": "bad\n<!channel>\x00" + "x" * 500}
    (says,) = _auth0({"status": status})
    assert "\n" not in says and len(says) == 200
