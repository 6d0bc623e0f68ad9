# SPDX-License-Identifier: Apache-2.0
"""Holders out of the ordinary: nobody named, several practice situations; two readers at once."""

import hashlib
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld import VirtualCard  # noqa: E402
from cpsworld.fixtures import (  # noqa: E402, F401
    cards, digest_info, pcscd, probe, public_key, put, run, slot, transmit_all, verified)
from cpsworld.p11 import Pkcs11  # noqa: E402
from cpsworld.pcsc import PcscProbe  # noqa: E402

SELECT_ACTIVITY = "00A4090C06 3F000001 D1"
ACTIVITIES = 16


def subject(cards, name, use):
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-nameopt",
                           "sep_multiline,utf8,lname", "-in", cards.certificate(name, use)],
                          capture_output=True, text=True, check=True).stdout
    return dict(line.strip().split("=", 1) for line in text.splitlines()[1:])


@pytest.mark.parametrize("name", ["cpe", "cps4", "locum", "contactless"])
@pytest.mark.parametrize("use", ["aut", "sig", "tech"])
def test_certificates_are_valid(cards, name, use):
    result = subprocess.run(
        ["openssl", "verify", "-CAfile", cards.root, "-untrusted", cards.chain, "-CRLfile",
         cards.igc / "persons.crl.pem", "-crl_check", cards.certificate(name, use)],
        capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_serial_numbers_differ(cards):
    """Two certificates of one authority never share a serial number, unless they are one."""
    seen = {}
    for name in cards.names():
        for certificate in cards[name].get("certificates", {}).values():
            known = seen.setdefault(certificate["serial"], certificate["sha256"])
            assert known == certificate["sha256"]


def test_cpe_names_nobody(cards):
    structure = cards["cpe"]["structure"]
    for use in ("aut", "sig"):
        assert subject(cards, "cpe", use) == {
            "countryName": "FR", "organizationName": structure["name"],
            "localityName": structure["locality"],
            "organizationalUnitName": structure["identifier"],
            "commonName": structure["common_name"]}
    assert "holder" not in cards["cpe"] and cards["cpe"]["family"] == "CPE"
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text", "-in",
                           cards.certificate("cpe")], capture_output=True, text=True).stdout
    assert "1.2.250.1.71.1.2.3" in text and "1.2.250.1.71.1.2.7" not in text


def test_technical_certificate_names_the_card_only(cards):
    assert subject(cards, "contactless", "tech") == {
        "countryName": "FR", "commonName": "8025000001/00" + cards["contactless"]["serial"]}


def test_cpe_signs_as_any_cps3(put, pcscd, cards, run, tmp_path):
    card = put("cpe")
    text = run("pkcs15-tool", "-D").stdout
    assert "Data object 'CPS_INFO_PS'" in text and "CPS_NAME_PS" not in text
    key = public_key(cards, "cpe", "aut", tmp_path)
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        assert p11.login(card["pin"])["rv"] == 0
        value = p11.sign("CPS_PRIV_AUT", digest_info(b"cpe"))["value"]
    assert verified(key, b"cpe", bytes.fromhex(value), tmp_path)


def parse_activity(value):
    """EE { 84 name, 85 structure, 86 sector }"""
    assert value[0] == 0xEE and value[1] == len(value) - 2
    fields, rest = {}, value[2:]
    while rest:
        fields[rest[0]] = rest[2:2 + rest[1]].decode()
        rest = rest[2 + rest[1]:]
    return {"name": fields[0x84], "structure": fields[0x85], "sector": fields[0x86]}


def test_practices_with_gaps(put, probe, run):
    card = put("locum")
    text = run("pkcs15-tool", "-D").stdout
    numbers = [p["number"] for p in card["practices"]]
    assert numbers == [1, 4, 9, 16]
    listed = [n for n in range(1, ACTIVITIES + 1) if f"'CPS_ACTIVITY_{n:02}_PS'" in text]
    assert listed == numbers
    probe.connect()
    transmit_all(probe, (("0020000104" + card["pin"].encode().hex(), "9000"),))
    found = []
    for number in range(1, ACTIVITIES + 1):
        sw = probe.transmit(f"{SELECT_ACTIVITY}{0x1F + number:02X}")["answer"]
        assert sw == ("9000" if number in numbers else "6a82")
        if sw == "9000":
            answer = bytes.fromhex(probe.transmit("00B0000000")["answer"])
            found.append({"number": number, **parse_activity(answer[:-2])})
    assert found == card["practices"]
    assert any(not p["name"].isascii() for p in found)


def test_two_readers_at_once(put, pcscd, cards, slot, probe, tmp_path):
    """A CPS3 and a CPS4, their dialogues interleaved: neither disturbs the other."""
    first = put("locum")
    with VirtualCard(pcscd, slot=1, cards=cards, insert="cps4") as other, \
            PcscProbe(pcscd, pcscd.READERS[1]) as second_probe:
        second = other.cards["cps4"]
        assert probe.connect()["rv"] == second_probe.connect()["rv"] == 0
        verify = "{}20000104{}"
        transmit_all(probe, (("00A4090C04 3F000001", "9000"),))
        transmit_all(second_probe, (("01A4080C02 0001", "9000"),))
        transmit_all(probe, ((verify.format("00", first["pin"].encode().hex()), "9000"),))
        assert slot.tries()["verified"] and not other.tries()["verified"]
        transmit_all(second_probe, ((verify.format("01", "30303030"), "63C2"),
                                    (verify.format("01", second["pin"].encode().hex()), "9000"),
                                    ("012281B604 910228A0", "9000")))
        transmit_all(probe, (("002241A406 840182 800102", "9000"),
                             ("0088000033" + digest_info(b"one").hex(), "6100")))
        transmit_all(second_probe, (("012A9E9A20" + hashlib.sha256(b"two").hexdigest(), "6100"),))
        one = bytes.fromhex(probe.transmit("00C0000000")["answer"])[:-2]
        slot.remove()
        two = bytes.fromhex(second_probe.transmit("01C0000000")["answer"])[:-2]
        assert slot.tries(card="locum")["pin"] == other.tries()["pin"] == 3
        assert slot.counters()["rsa_ops"] == other.counters()["rsa_ops"] == 1
    assert verified(public_key(cards, "locum", "aut", tmp_path), b"one", one, tmp_path)
    assert verified(public_key(cards, "cps4", "aut", tmp_path), b"two", two, tmp_path)
