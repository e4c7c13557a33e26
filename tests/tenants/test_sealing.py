"""Secrets at rest: bound to their place, opened by either of two keys."""

import base64
import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.db import models

from tenants import sealing
from tenants.models import BrandModel

PLACE = "b_1_acme/inbox_credential/17/access_token"
FIRST, SECOND, THIRD = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))


@pytest.fixture(autouse=True)
def one_key(settings):
    settings.SEALING_KEY, settings.SEALING_KEY_BEFORE = FIRST, ""


def rotated(settings):
    settings.SEALING_KEY, settings.SEALING_KEY_BEFORE = SECOND, FIRST


def sealed_long_ago(secret: str, key: str = FIRST) -> bytes:
    """As it was sealed before keys had ids."""
    nonce = os.urandom(12)
    return nonce + AESGCM(base64.b64decode(key)).encrypt(nonce, secret.encode(), PLACE.encode())


def test_what_is_sealed_opens_at_its_place_alone():
    sealed = sealing.seal("secret", place=PLACE)

    assert sealing.unseal(sealed, place=PLACE) == "secret"
    with pytest.raises(InvalidTag):
        sealing.unseal(sealed, place=PLACE.replace("17", "18"))


def test_with_a_new_key_the_old_values_open_and_new_ones_are_sealed_anew(settings):
    old = sealing.seal("secret", place=PLACE)
    rotated(settings)
    new = sealing.seal("secret", place=PLACE)

    assert [sealing.unseal(each, place=PLACE) for each in (old, new)] == ["secret", "secret"]
    assert [sealing.is_newest(each) for each in (old, new)] == [False, True]


def test_once_the_old_key_is_gone_its_values_do_not_open(settings):
    old = sealing.seal("secret", place=PLACE)
    settings.SEALING_KEY, settings.SEALING_KEY_BEFORE = THIRD, SECOND

    with pytest.raises(InvalidTag):
        sealing.unseal(old, place=PLACE)


def test_what_was_sealed_before_keys_had_ids_opens_with_either_key(settings):
    sealed = sealed_long_ago("secret")
    assert sealing.unseal(sealed, place=PLACE) == "secret"

    rotated(settings)

    assert sealing.unseal(sealed, place=PLACE) == "secret"
    assert not sealing.is_newest(sealed)


def test_an_old_value_that_looks_like_a_new_one_opens_all_the_same(settings):
    key = base64.b64decode(FIRST)
    nonce = sealing.seal("x", place=PLACE)[:5] + os.urandom(7)  # by chance, once in a trillion
    sealed = nonce + AESGCM(key).encrypt(nonce, b"secret", PLACE.encode())

    assert sealing.unseal(sealed, place=PLACE) == "secret"


@pytest.mark.parametrize("spoil", [b"", b"\x01", b"\x01" * 17, b"\x00" * 40])
def test_nonsense_does_not_open(spoil: bytes):
    with pytest.raises(InvalidTag):
        sealing.unseal(spoil, place=PLACE)


def test_every_column_of_bytes_that_holds_a_secret_says_so_by_its_name():
    found = {
        f"{model._meta.label}.{column}"
        for model in apps.get_models()
        if issubclass(model, BrandModel)
        for column in sealing.sealed_columns(model)
    }

    assert found == {
        "inbox.ConnectAttempt.sealed_verifier",
        "inbox.Credential.sealed_access_token",
        "inbox.Credential.sealed_refresh_token",
        "inbox.Webhook.sealed_secret",
        "inbox.Webhook.sealed_old_secret",
    }
    assert all(
        isinstance(model._meta.get_field(column), models.BinaryField)
        for model in apps.get_models()
        for column in sealing.sealed_columns(model)
    )
