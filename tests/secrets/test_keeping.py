"""What a person typed as a secret is stored sealed, once, and read by its reference alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.runbook.errors import Refused
from bot.runbook.values import Secret
from bot.secrets.keeping import OwnKeeper
from bot.secrets.redaction import REDACTOR
from bot.store.shelf import StoreShelf
from bot.store.store import Store
from bot.store.tables import kept_secrets
from tests.credentials import Changing

FIRST, SECOND = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TYPED = SecretStr("EAAG-typed-by-dana")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/bot.db")
    await store.open()
    yield store
    await store.close()


def keeper(store: Store, keys: Changing) -> OwnKeeper:
    return OwnKeeper(StoreShelf(store, lambda: 1000.0), keys.credential, "runbook-bot/")


async def changed(keys: Changing, to: str) -> None:
    keys.change(to)
    await keys.credential.renew(await keys.credential.value())


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def rows(store: Store) -> list[tuple[str, str, bytes]]:
    def read(c: sa.Connection) -> list[tuple[str, str, bytes]]:
        return [(r.name, r.version, r.sealed) for r in c.execute(sa.select(kept_secrets))]

    return await store.read(read)


async def test_what_is_kept_is_sealed_and_read_again_by_its_reference(
    store: Store, tmp_path: Path
) -> None:
    kept = keeper(store, Changing(FIRST))
    secret = await kept.keep("token", TYPED, "V1/h/token")
    assert secret.name == "runbook-bot/token"
    assert await kept.value(secret) == TYPED.get_secret_value()
    assert TYPED.get_secret_value().encode() not in everything_in(tmp_path)
    assert REDACTOR.text(TYPED.get_secret_value()) == "[secret runbook-bot/token]"


async def test_what_came_twice_is_kept_once(store: Store) -> None:
    kept = keeper(store, Changing(FIRST))
    first = await kept.keep("token", TYPED, "V1/h/token")
    assert await kept.keep("token", TYPED, "V1/h/token") == first
    assert await kept.keep("token", TYPED, "V2/h/token") != first
    assert len(await rows(store)) == 2


async def test_when_the_keys_change_everything_is_sealed_with_the_newest(store: Store) -> None:
    keys = Changing(FIRST)
    kept = keeper(store, keys)
    secret = await kept.keep("token", TYPED, "key")
    await changed(keys, f"{SECOND}\n{FIRST}")
    assert await kept.value(secret) == TYPED.get_secret_value()
    assert b"EAAG" in Fernet(SECOND).decrypt((await rows(store))[0][2])
    await changed(keys, SECOND)
    assert await kept.value(secret) == TYPED.get_secret_value()


async def test_at_the_start_what_an_older_key_sealed_is_sealed_anew(store: Store) -> None:
    secret = await keeper(store, Changing(FIRST)).keep("token", TYPED, "key")
    await keeper(store, Changing(f"{SECOND},{FIRST}")).open()
    only_new = keeper(store, Changing(SECOND))
    await only_new.open()
    assert await only_new.value(secret) == TYPED.get_secret_value()


async def test_a_key_that_is_gone_is_said_and_what_it_sealed_is_left_for_its_return(
    store: Store,
) -> None:
    secret = await keeper(store, Changing(FIRST)).keep("token", TYPED, "key")
    other = keeper(store, Changing(SECOND))
    await other.open()
    with pytest.raises(Refused, match="env:GIVEN_BY_A_TEST does not have any"):
        await other.value(secret)
    assert await keeper(store, Changing(FIRST)).value(secret) == TYPED.get_secret_value()


@pytest.mark.parametrize(
    "keys", ["not-a-key-of-fernet", ",", FIRST[:-2]], ids=["words", "nothing", "cut short"]
)
async def test_what_is_no_key_is_refused_without_being_shown(store: Store, keys: str) -> None:
    with pytest.raises(Refused, match="env:GIVEN_BY_A_TEST does not hold keys") as refused:
        await keeper(store, Changing(keys)).open()
    assert len(keys) < 2 or keys not in str(refused.value)


async def test_a_sealed_secret_cannot_be_put_in_the_place_of_another(store: Store) -> None:
    kept = keeper(store, Changing(FIRST))
    harmless = await kept.keep("note", SecretStr("a note nobody cares about"), "1")
    token = await kept.keep("token", TYPED, "2")

    def swap(c: sa.Connection) -> None:
        sealed = c.execute(
            sa.select(kept_secrets.c.sealed).where(kept_secrets.c.name == token.name)
        ).scalar_one()
        there = kept_secrets.c.name == harmless.name
        c.execute(sa.update(kept_secrets).where(there).values(sealed=sealed))

    await store.tx(swap)
    with pytest.raises(Refused, match="another secret"):
        await kept.value(harmless)


async def test_a_secret_that_is_not_there_is_said_with_its_name(store: Store) -> None:
    with pytest.raises(Refused, match="secret:runbook-bot/none"):
        await keeper(store, Changing(FIRST)).value(Secret(name="runbook-bot/none", version="1"))
