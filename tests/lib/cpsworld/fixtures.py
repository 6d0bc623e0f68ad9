# SPDX-License-Identifier: Apache-2.0
"""pytest fixtures and helpers around a card world: import the names that a test file uses."""

import hashlib
import pathlib
import re
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
def put(pcscd, slot):
    """put(name): that card in the slot, as new, with counters at zero."""
    def swap_to(name):
        slot.remove()
        slot.reload(name)
        slot.insert(name)
        with PcscProbe(pcscd) as watch:  # powered is a moment before known to clients
            assert watch.wait(True)["rv"] == 0
        slot.reset_counters()
        return slot.cards[name]
    slot.clear_faults()
    slot.latency(apdu_us=0, byte_us=0, rsa_us=0)
    yield swap_to
    slot.mute(False)
    slot.clear_faults()


@pytest.fixture
def card(slot, put):
    """card(name): put(name), whatever was asked of the slot before; gives the slot. It is empty
    afterwards."""
    def swap_to(name="physician"):
        slot.clear_faults()
        slot.mute(False)
        slot.latency(0, 0, 0)
        put(name)
        return slot
    yield swap_to
    slot.mute(False)
    slot.remove()


@pytest.fixture
def run(pcscd):
    """run(program, argument…): its result, with pcscd's way in the environment."""
    def execute(*command, check=True, **env):
        result = subprocess.run([str(c) for c in command], env=pcscd.env(**env), text=True,
                                capture_output=True, timeout=120)
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


def key_of(certificate: bytes, tmp_path) -> pathlib.Path:
    """The public key of a certificate in DER form, as a PEM file."""
    path = tmp_path / "key-of-certificate.pem"
    path.write_bytes(subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-pubkey"],
                                    input=certificate, check=True, stdout=subprocess.PIPE).stdout)
    return path


def encrypted(certificate: bytes, plain: bytes, tmp_path) -> bytes:
    """RSA PKCS#1 v1.5, by openssl."""
    return subprocess.run(
        ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", key_of(certificate, tmp_path),
         "-pkeyopt", "rsa_padding_mode:pkcs1"], input=plain, check=True,
        stdout=subprocess.PIPE).stdout


def verified_by(certificate: bytes, message: bytes, signature: bytes, tmp_path,
                digest="sha256") -> bool:
    """verified(), with the key of a certificate in DER form."""
    return verified(key_of(certificate, tmp_path), message, signature, tmp_path, digest)


def verified(key: pathlib.Path, message: bytes, signature: bytes, tmp_path, digest="sha256",
             padding="pkcs1") -> bool:
    """Does openssl accept this RSA signature? padding: pkcs1, or pss with a salt as long as the
    digest."""
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "signature").write_bytes(signature)
    options = ["-sigopt", f"rsa_padding_mode:{padding}"]
    if padding == "pss":
        options += ["-sigopt", "rsa_pss_saltlen:digest"]
    return subprocess.run(["openssl", "dgst", f"-{digest}", *options, "-verify", key, "-signature",
                           tmp_path / "signature", tmp_path / "message"],
                          capture_output=True).returncode == 0


def transmit_all(probe, dialogue):
    """Each (command, expected answer): hexadecimal, `..` for whatever bytes."""
    for command, expected in dialogue:
        got = probe.transmit(command)
        assert got["rv"] == 0, command
        pattern = expected.replace(" ", "").lower().replace("..", "[0-9a-f]*")
        assert re.fullmatch(pattern, got["answer"]), f"{command}: {got['answer']}, not {expected}"


def digest_info(message: bytes) -> bytes:
    return DIGEST_INFO + hashlib.sha256(message).digest()
