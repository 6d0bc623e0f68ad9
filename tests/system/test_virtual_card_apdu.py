# SPDX-License-Identifier: Apache-2.0
"""The virtual CPS card, APDU by APDU: what OpenSC does not show."""

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld.fixtures import (  # noqa: E402, F401
    cards, pcscd, probe, public_key, put, run, slot, transmit_all, verified)

CONTACT_AID = "E828BD080F8025000001FF0010"


def test_select_and_read_forms(put, probe):
    put("physician")
    assert probe.connect() == {"rv": 0, "protocol": 1}
    transmit_all(probe, (
        ("00A4090402 2F00", "6A82"), ("00A4090004 3F002F00", "6A86"),
        ("00A4090404 3F002F01", "6127"), ("00B0000000", "8043..6282"),
        ("00A4040008 8025000001FF0100", "9000"), ("00B09C00C0", "5A0A8025000001..6282"),
        ("00A4040C0D " + CONTACT_AID, "9000"), ("00B09C00C0", "6A82"),
        ("00A4020402 A001", "6127"), ("00C0000000", "6C27"), ("00C0000027", "62..9000"),
        ("00B0000000", "3082..9000"), ("00B07F0001", "6B00"),
        ("00A4040006 A00000000304", "6A82"), ("A0A40000023F00", "6E00"), ("00E4000000", "6D00"),
    ))


def test_access_rules(put, probe):
    card = put("physician")
    pin = card["pin"].encode().hex()
    probe.connect()
    transmit_all(probe, (
        ("00A4090C06 3F000001D120", "9000"), ("00B0000000", "6982"),
        ("00A4090C06 3F000001D107", "9000"), ("00B0000000", "00..6282"), ("00D600000155", "6982"),
        ("00A4090C04 3F000001", "9000"), ("002241A406 840182 800102", "9000"),
        ("0088000003 010203", "6982"),
        ("0020000104" + pin, "9000"),
        ("0088000003 010203", "6100"), ("00C0000000", "..9000"),
        ("00A4090C06 3F000001D120", "9000"), ("00B0000000", "EE..6282"),
        ("00A4090C06 3F000001D107", "9000"), ("00D600000155", "9000"), ("00B0000001", "559000"),
        ("00A4090C06 3F000001D106", "9000"), ("00D600000155", "6982"),
    ))
    probe.reconnect()  # a reset takes the PIN back, not what was written
    transmit_all(probe, (
        ("0020000100", "63C3"), ("00A4090C06 3F000001D107", "9000"), ("00B0000001", "559000"),
        ("00D600000156", "6982"),
    ))


def test_security_data_objects(put, probe):
    put("physician")
    probe.connect()
    transmit_all(probe, (
        ("00CB3FFF0A 4D087006BF810102A080", "6118"),
        ("00C0000018", "7016BF810112A0109A01039B0103A1088C06F300001 3FF00 9000"),
        ("00CB3FFF0A 4D087006BF810202A080", "611C"),
        ("00C000001C", "..9A010A9B010A9D020064A1088C06F3FF00FFFF00 9000"),
        ("00CB3FFF0B 4D097007BF8101037F4180", "6A80"),
        ("00CB3FFF0A 4D087006BF900202A080", "6A88"),  # keys answer in the application only
        ("00CB3FFF0A 4D087006BFFB0102A080", "61.."),
        ("00A4090C04 3F000001", "9000"),
        ("00CB3FFF0A 4D087006BF810102A080", "6A88"),
        ("00CB3FFF0A 4D087006BFFB0102A080", "6A88"),
        ("00CB3FFF0B 4D097007BF9002037F4880", "6A80"),
        ("00CB3FFF0A 4D087006BF900202A080", "611A"),
        ("00C000001A", "7018BF900214A012A1098C077BFF1111FFFF00800201009E0100 9000"),
        ("00CB3FFF0B 4D097007BFA002037F4980", "6100"),
        ("00C0000000", "70820114BFA00282010E7F49820109818201..6118"),
        ("00C0000018", "..82030100019000"),
    ))


def test_signature_key_with_last_hash_round(put, probe, cards, tmp_path):
    """What OpenSC cannot do: hash on card, then COMPUTE DIGITAL SIGNATURE."""
    card = put("physician")
    key = public_key(cards, "physician", "sig", tmp_path)
    message = b"a message of less than one block"
    probe.connect()
    transmit_all(probe, (
        ("0020000104" + card["pin"].encode().hex(), "9000"), ("00A4090C04 3F000001", "9000"),
        ("002241AA03 800140", "9000"), ("002241B606 800142 840181", "9000"),
        ("002A9E9A00", "6985"),
        (f"002A90A0{len(message) + 4:02X} 9000 80{len(message):02X}" + message.hex(), "9000"),
        ("002A9E9A00", "6100"),
    ))
    answer = bytes.fromhex(probe.transmit("00C0000000")["answer"])
    assert verified(key, message, answer[:-2], tmp_path)
    transmit_all(probe, (("002A9E9A20" + hashlib.sha256(b"other").hexdigest(), "6100"),))
    answer = bytes.fromhex(probe.transmit("00C00000E7")["answer"])
    assert answer[-2:].hex() == "6119"
    rest = bytes.fromhex(probe.transmit("00C0000019")["answer"])
    assert verified(key, b"other", answer[:-2] + rest[:-2], tmp_path)
    # Each key for its own use.
    transmit_all(probe, (
        ("002241A406 840181 800102", "9000"), ("0088000001 00", "6982"),
        ("002241B606 800142 840182", "9000"), ("002A9E9A20" + "00" * 32, "6982"),
        ("002241A406 840185 800102", "6A88"),
    ))


def test_t1_card(put, probe):
    """The same card announcing T=1: data come with the answer, no GET RESPONSE."""
    card = put("physician-t1")
    assert probe.wait(True)["atr"] == "3bac0081010012250064800003100090007c"
    assert probe.connect() == {"rv": 0, "protocol": 2}
    transmit_all(probe, (
        ("00A40904043F000001 00", "622D..9000"), ("00A4090404 3F000001", "9000"),
        ("00B09C00 0C", "6A82"), ("00200001 04" + card["pin"].encode().hex(), "9000"),
        ("002241A406 840182 800102", "9000"), ("0088000001 00 00", "[0-9a-f]{512}9000"),
        ("0088000001 00 10", "6C00"),
        ("00CB3FFF 00000B 4D097007BFA002037F4980 0000", "7082..9000"),
        ("00CB3FFF0B 4D097007BFA002037F4980 00", "7082..6118"),
    ))


def test_foreign_card(put, run, probe):
    put("foreign")
    assert run("pkcs15-tool", "-D", check=False).returncode != 0
    probe.connect()
    transmit_all(probe, (("00A4040000", "6A82"), ("00B0000000", "6D00"), ("0020000100", "6D00"),
                         ("00C0000000", "6D00")))
