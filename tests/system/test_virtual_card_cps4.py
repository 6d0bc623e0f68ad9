# SPDX-License-Identifier: Apache-2.0
"""The virtual CPS4, APDU by APDU, as a driver of the card is known to speak; openssl judges."""

import hashlib
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld.fixtures import (  # noqa: E402, F401
    cards, digest_info, pcscd, probe, public_key, put, run, slot, transmit_all, verified)

ROOT = "01A4040C08 8025000001FF0100"
APPLICATION = "01A4080002 0001"
CONTACT_AID = "E828BD080F8025000001FF0010"
KEYS = {"sig": 0x10, "aut": 0x20}
ALGORITHMS = {"0A": ("sha1", "pkcs1"), "28": ("sha256", "pkcs1"), "2C": ("sha256", "pss")}


@pytest.fixture
def card(put, probe):
    """A CPS4 connected, its root applet selected; what is known of it."""
    known = put("cps4")
    assert probe.wait(True)["atr"] == "3bdc18ff00001225006480000401009000"
    assert probe.connect() == {"rv": 0, "protocol": 1}
    transmit_all(probe, ((ROOT, "9000"),))
    return known


def verify(pin, reference="01"):
    return f"012000{reference}{len(pin):02X}" + pin.encode().hex()


def fetch(probe, command):
    """The data of an answer of 256 bytes."""
    transmit_all(probe, ((command, "6100"),))
    answer = bytes.fromhex(probe.transmit("01C0000000")["answer"])
    assert len(answer) == 258 and answer[-2:] == b"\x90\x00"
    return answer[:-2]


def read_file(probe, path):
    """A file by its path, 3F00 left out: FCI, then blocks of 256."""
    length = len(path) // 2
    sw = probe.transmit(f"01A40800{length:02X}{path}")["answer"]
    assert sw.startswith("61"), sw
    fci = probe.transmit("01C00000" + sw[2:])["answer"]
    size = int(re.fullmatch(r"6f[0-9a-f]{2}8002([0-9a-f]{4})[0-9a-f]*9000", fci)[1], 16)
    data = b""
    while len(data) < size:
        block = min(256, size - len(data))
        got = probe.transmit(f"01B0{len(data):04X}{block & 0xFF:02X}")["answer"]
        assert got.endswith("9000"), got
        data += bytes.fromhex(got)[:-2]
    return data


def decipher(probe, block):
    """A whole block through the authentication key, by chaining."""
    transmit_all(probe, (("012241B803 830120", "9000"),
                         ("112A8086FF" + block[:255].hex(), "9000")))
    return fetch(probe, "012A808601" + block[255:].hex())


def test_files(card, probe, cards):
    serial = read_file(probe, "D003").hex()
    assert serial.startswith("5a0a8025000001" + card["serial"]) and len(serial) == 24
    assert CONTACT_AID.lower() in read_file(probe, "2F00").hex()
    assert f"CPS4v1-00{card['serial']}".encode() in read_file(probe, "00015032")
    odf = [("A8", "7001"), ("A0", "7002"), ("A1", "7004"), ("A4", "7005"), ("A7", "7006")]
    assert read_file(probe, "00015031").hex().upper() == "".join(
        f"{tag}0630040402{file}" for tag, file in odf)
    keys = read_file(probe, "00017002")
    assert b"CPS_PRIV_SIG" in keys and b"CPS_PRIV_AUT" in keys and b"CPS_PRIV_TECH" not in keys
    for number in ("10", "20"):  # the end of CKA_ID is the key's reference
        assert bytes.fromhex("040E" + CONTACT_AID + number) in keys
        assert bytes.fromhex("0201" + number) in keys
    for use, file in (("sig", "A001"), ("aut", "A002")):
        assert read_file(probe, "0001" + file) == cards.certificate("cps4", use).read_bytes()


def test_what_it_does_not_know(card, probe):
    transmit_all(probe, (
        ("01A4080002 3F00", "6A82"), ("01A4080004 3F00D003", "6A82"),
        ("01A4080006 3F0000015031", "6A82"), ("01A4090002 D003", "6A86"),
        ("01A4080402 D003", "6A86"), ("01A4080C02 D003", "9000"), ("01B000000C", "5A0A..9000"),
        ("01A4080002 D010", "6A82"), ("01A4040C07 A0000001510000", "6A82"),
        # Nothing on the basic channel.
        ("00A4040C08 8025000001FF0100", "6A82"), ("00A4040C08 8025000001FF0002", "6A82"),
        ("00A4090404 3F002F01", "6A82"), ("00B09C000C", "6E00"), ("0020000100", "6E00"),
        ("01A4080002 D003", "61.."), ("00C0000000", "6E00"), ("01C0000027", "6F25..9000"),
        # Nothing of a CPS3's keys.
        ("01CB3FFF0A 4D087006BF810102A080", "6D00"), ("0188000001 00", "6D00"),
        (APPLICATION, "61.."), ("012241A406 840120 800102", "6A86"),
        ("012A90A004 90008000", "6A86"), ("112000010131", "6883"), ("0170000001", "6D00"),
    ))


@pytest.mark.parametrize("use", KEYS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signature_of_a_digest(card, probe, cards, tmp_path, use, algorithm):
    digest, padding = ALGORITHMS[algorithm]
    key = public_key(cards, "cps4", use, tmp_path)
    value = hashlib.new(digest, b"message").hexdigest()
    sign = f"012A9E9A{len(value) // 2:02X}{value}"
    environment = f"012281B604 9102{algorithm}{KEYS[use] | 0x80:02X}"
    transmit_all(probe, ((environment, "6A88"), (APPLICATION, "61.."), (sign, "6985"),
                         (environment, "9000"), (sign, "6982"), (verify(card["pin"]), "9000")))
    signature = fetch(probe, sign)
    assert verified(key, b"message", signature, tmp_path, digest, padding)
    assert not verified(key, b"other", signature, tmp_path, digest, padding)
    other = "pss" if padding == "pkcs1" else "pkcs1"
    assert not verified(key, b"message", signature, tmp_path, digest, other)
    # Once more without a word in between; PSS never gives the same signature twice.
    again = fetch(probe, sign)
    assert verified(key, b"message", again, tmp_path, digest, padding)
    assert (again == signature) == (padding == "pkcs1")


def test_signature_refusals(card, probe):
    good = "012A9E9A20" + "00" * 32
    transmit_all(probe, (
        (APPLICATION, "61.."), (verify(card["pin"]), "9000"),
        ("012281B604 91022890", "9000"), ("012A9E9A14" + "00" * 20, "6700"),
        ("012A9E9A00", "6700"), (good, "6100"),
        ("012281B604 91022810", "6A80"),  # the key's reference without its bit 80
        ("012281B604 91022990", "6A88"), ("012281B604 91022891", "6A88"),
        ("012281B603 910128", "6A80"), ("012241B604 91022890", "6A86"),
        (good, "6100"),  # what was refused changed nothing
        (APPLICATION, "61.."), (good, "6100"), (ROOT, "9000"), (good, "6985"),
    ))
    probe.reconnect()
    transmit_all(probe, ((ROOT, "9000"), (APPLICATION, "61.."), (good, "6985"),
                         ("012281B604 91022890", "9000"), (good, "6982")))


def test_raw_authentication(card, probe, cards, tmp_path):
    """The host builds the PKCS#1 block: any digest goes."""
    key = public_key(cards, "cps4", "aut", tmp_path)
    transmit_all(probe, ((APPLICATION, "61.."), (verify(card["pin"]), "9000")))
    info = digest_info(b"challenge")
    block = b"\0\1" + b"\xff" * (253 - len(info)) + b"\0" + info
    signature = decipher(probe, block)
    assert verified(key, b"challenge", signature, tmp_path)
    assert not verified(key, b"other", signature, tmp_path)


def test_raw_decipher(card, probe, cards, slot, tmp_path):
    key = public_key(cards, "cps4", "aut", tmp_path)
    cryptogram = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", key],
                                input=b"secret", capture_output=True, check=True).stdout
    rest = "012A808601" + cryptogram[255:].hex()
    transmit_all(probe, (
        (APPLICATION, "61.."), (rest, "6985"), ("012241B803 830120", "9000"), (rest, "6982"),
        (verify(card["pin"]), "9000"), (rest, "6700"), ("112A8086FF" + "00" * 255, "9000"),
        ("012A808602 0000", "6700"), ("112A8086FF" + "FF" * 255, "9000"), ("012A808601 FF", "6A80"),
        ("112A9E9A01 00", "6883"), ("012241B803 830110", "9000"), (rest, "6982"),
        ("012241B803 8301A0", "6A88"), ("012241B803 840120", "6A80"),
    ))
    block = decipher(probe, cryptogram)
    assert block[:2] == b"\0\2" and block[2:].partition(b"\0")[2] == b"secret"
    # A signature in between drops what was gathered; so does a new security environment.
    before = slot.counters()["rsa_ops"]
    transmit_all(probe, (
        ("112A8086FF" + "00" * 255, "9000"), ("012A9E9A20" + "00" * 32, "6985"), (rest, "6700"),
        ("112A8086FF" + "00" * 255, "9000"), ("012241B803 830120", "9000"), (rest, "6700"),
    ))
    assert slot.counters()["rsa_ops"] == before


def test_pin_counters(card, probe, slot):
    transmit_all(probe, (
        ("0120000100", "63C3"), ("01200001", "63C3"), ("0120000200", "63CA"),
        (verify("0000"), "63C2"), ("0120000100", "63C2"), (verify(card["pin"]), "9000"),
        ("0120000100", "9000"), ("0120000300", "6A88"), (verify("12345"), "6700"),
        ("0120000100", "9000"), (verify("0000"), "63C2"), (verify("0000"), "63C1"),
        (verify("0000"), "63C0"), ("0120000100", "6983"), (verify(card["pin"]), "6983"),
    ))
    assert slot.tries() == {"pin": 0, "puk": 10, "verified": False}
    assert slot.counters()["verifies"] == 7


def test_change_pin(card, probe):
    change = "0124010104" + b"8642".hex()
    transmit_all(probe, (
        (change, "6982"), (verify("0000"), "63C2"), (change, "6982"),
        (verify(card["pin"]), "9000"), ("0124010103 383634", "6700"),
        ("0124000108 3133353738363432", "6A86"), ("0124010208 3132333435363738", "6982"),
        ("0124018104 38363432", "6A88"), (change, "9000"),
    ))
    probe.reconnect()
    transmit_all(probe, ((verify(card["pin"]), "63C2"), (verify("8642"), "9000")))


def test_unblock(card, probe):
    change, restore = "0124010104" + b"8642".hex(), "012C0381"
    transmit_all(probe, (
        (verify("0000"), "63C2"), (verify("0000"), "63C1"), (verify("0000"), "63C0"),
        (change, "6983"), (restore, "6982"), (verify("00000000", "02"), "63C9"), (restore, "6982"),
        (verify(card["puk"], "02"), "9000"), (change, "6983"), ("012C0201", "6A86"),
        ("012C0301", "6A88"), (restore, "9000"), ("0120000100", "63C3"), (change, "9000"),
        (verify(card["pin"]), "63C2"), (verify("8642"), "9000"),
    ))
    probe.reconnect()  # the PUK does not stay presented
    transmit_all(probe, ((restore, "6982"), (change, "6982")))


def test_practices_and_data(card, probe):
    """Read under the PIN; there is nothing between the numbers used."""
    for practice in card["practices"]:
        path = f"0001D1{0x1F + practice['number']:02X}"
        transmit_all(probe, (("01A4080C04" + path, "9000"), ("01B0000000", "6982")))
    assert [p["number"] for p in card["practices"]] == [2, 5]
    transmit_all(probe, (("01A4080C04 0001D120", "6A82"), (verify(card["pin"]), "9000")))
    for practice in card["practices"]:
        value = read_file(probe, f"0001D1{0x1F + practice['number']:02X}")
        assert value[0] == 0xEE and practice["name"].encode() in value
    transmit_all(probe, (
        ("01A4080C04 0001D107", "9000"), ("01D6000002 4142", "9000"), ("01B0000002", "41429000"),
        ("0184000008", "[0-9a-f]{16}9000")))
    assert card["holder"]["national_id"].encode() in read_file(probe, "0001D106")


def test_a_card_torn_out_inside_a_signature(card, probe, slot):
    transmit_all(probe, ((APPLICATION, "61.."), (verify(card["pin"]), "9000"),
                         ("012281B604 91022890", "9000")))
    slot.tear(ins="2A", when="inside")
    assert len(probe.transmit("012A9E9A20" + "00" * 32)["answer"]) < 4
    slot.insert("cps4")
    assert not slot.tries()["verified"]


def test_opensc_takes_it_for_a_cps3_and_fails(card, run):
    result = run("pkcs15-tool", "-D", check=False)
    assert result.returncode != 0 and "File not found" in result.stdout + result.stderr
