# SPDX-License-Identifier: Apache-2.0
"""pytest fixtures and helpers around a card world: import the names that a test file uses."""

import hashlib
import pathlib
import subprocess

import pytest

from .card import VirtualCard
from .cards import CardSet
from .pcsc import PcscProbe
from .pcscd import Pcscd

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@pytest.fixture(scope="module")
def cards():
    return CardSet()


@pytest.fixture(scope="module")
def pcscd():
    with Pcscd() as p:
        yield p


@pytest.fixture(scope="module")
def slot(pcscd, cards):
    with VirtualCard(pcscd, cards=cards) as c:
        yield c


@pytest.fixture
def put(slot):
    """put(name): that card in the slot, as new, with counters at zero."""
    def swap_to(name):
        slot.remove()
        slot.reload(name)
        slot.insert(name)
        slot.reset_counters()
        return slot.cards[name]
    slot.clear_faults()
    slot.latency(apdu_us=0, byte_us=0, rsa_us=0)
    yield swap_to
    slot.mute(False)
    slot.trace(None)
    slot.clear_faults()


@pytest.fixture
def run(pcscd):
    """run(program, argument…): its result, with pcscd's way in the environment."""
    def execute(*command, check=True, **env):
        result = subprocess.run([str(c) for c in command], env=pcscd.env(**env), text=True,
                                capture_output=True, timeout=60)
        if check:
            assert result.returncode == 0, result.stdout + result.stderr
        return result
    return execute


@pytest.fixture
def probe(pcscd):
    with PcscProbe(pcscd) as p:
        yield p


def public_key(cards, name, use, tmp_path) -> pathlib.Path:
    path = tmp_path / f"{name}-{use}.pem"
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", cards.certificate(name, use),
                    "-noout", "-pubkey", "-out", path], check=True)
    return path


def verified(key: pathlib.Path, message: bytes, signature: bytes, tmp_path) -> bool:
    """Does openssl accept this RSA PKCS#1 v1.5 SHA-256 signature?"""
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "signature").write_bytes(signature)
    return subprocess.run(["openssl", "dgst", "-sha256", "-verify", key, "-signature",
                           tmp_path / "signature", tmp_path / "message"],
                          capture_output=True).returncode == 0


def digest_info(message: bytes) -> bytes:
    return DIGEST_INFO + hashlib.sha256(message).digest()
