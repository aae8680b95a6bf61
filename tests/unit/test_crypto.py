"""Sealed values open only where they were put, and only with their key."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.errors import SealBroken
from duecourse.ledger.crypto import Vault, address_place, name_place

MASTER = {1: b"1" * 32}
VAULT = Vault(MASTER, b"i" * 32)


@given(st.text(), st.integers(min_value=1))
def test_what_is_sealed_opens_again_at_its_place(text: str, key_id: int) -> None:
    key, _, _ = VAULT.new_key()
    blob = VAULT.seal(key, name_place(key_id), text)
    assert VAULT.open(key, name_place(key_id), blob) == text


def test_the_same_text_is_never_sealed_to_the_same_bytes() -> None:
    key, _, _ = VAULT.new_key()
    assert VAULT.seal(key, "p", "Ada") != VAULT.seal(key, "p", "Ada")


def test_a_value_moved_to_another_row_column_or_channel_stays_shut() -> None:
    key, _, _ = VAULT.new_key()
    index = VAULT.index("sms", "+12125550123")
    blob = VAULT.seal(key, address_place(7, "sms", index), "+12125550123")
    others = (address_place(8, "sms", index), address_place(7, "push", index), name_place(7))
    for place in others:
        with pytest.raises(SealBroken):
            VAULT.open(key, place, blob)


def test_a_value_does_not_open_with_another_borrowers_key() -> None:
    mine, _, _ = VAULT.new_key()
    other, _, _ = VAULT.new_key()
    with pytest.raises(SealBroken):
        VAULT.open(other, "p", VAULT.seal(mine, "p", "Ada"))


@given(st.integers(min_value=0, max_value=31), st.integers(min_value=1, max_value=255))
def test_any_altered_byte_is_noticed(position: int, flip: int) -> None:
    key, _, _ = VAULT.new_key()
    blob = bytearray(VAULT.seal(key, "p", "Ada"))
    blob[position] ^= flip
    with pytest.raises(SealBroken):
        VAULT.open(key, "p", bytes(blob))


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01" + b"n" * 12, b"\x02" + b"n" * 40])
def test_what_is_no_sealed_value_is_refused(blob: bytes) -> None:
    key, _, _ = VAULT.new_key()
    with pytest.raises(SealBroken):
        VAULT.open_bytes(key, "p", blob)


def test_a_wrapped_key_opens_to_the_same_key() -> None:
    key, wrapped, version = VAULT.new_key()
    again = VAULT.open_key(wrapped, version)
    assert VAULT.open(again, "p", VAULT.seal(key, "p", "Ada")) == "Ada"
    assert VAULT.open_key(wrapped, version) is again


def test_rotation_rewraps_keys_so_that_the_old_master_can_go() -> None:
    key, wrapped, version = VAULT.new_key()
    blob = VAULT.seal(key, "p", "Ada")
    both = Vault({1: b"1" * 32, 2: b"2" * 32}, b"i" * 32)
    rewrapped, newest = both.rewrap(wrapped, version)
    only_new = Vault({2: b"2" * 32}, b"i" * 32)
    assert newest == 2
    assert only_new.open(only_new.open_key(rewrapped, newest), "p", blob) == "Ada"
    with pytest.raises(SealBroken, match="version 1"):
        only_new.open_key(wrapped, version)


def test_a_wrapped_key_under_another_master_of_the_same_version_stays_shut() -> None:
    _, wrapped, version = VAULT.new_key()
    with pytest.raises(SealBroken):
        Vault({1: b"x" * 32}, b"i" * 32).open_key(wrapped, version)


def test_the_blind_index_tells_kinds_values_and_index_keys_apart() -> None:
    index = VAULT.index("sms", "+12125550123")
    assert index == Vault({9: b"9" * 32}, b"i" * 32).index("sms", "+12125550123")
    assert len({index, VAULT.index("email", "+12125550123"), VAULT.index("sms", "+12125550124"),
                Vault(MASTER, b"j" * 32).index("sms", "+12125550123")}) == 4  # fmt: skip


def test_a_key_shows_nothing_and_does_not_travel() -> None:
    key, _, _ = VAULT.new_key()
    assert repr(key) == "DataKey(***)"
    with pytest.raises(TypeError):
        pickle.dumps(key)


@pytest.mark.parametrize("masters", [{}, {1: b"short"}])
def test_a_vault_refuses_weak_master_keys(masters: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(masters, b"i" * 32)
