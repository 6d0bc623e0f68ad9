# SPDX-License-Identifier: Apache-2.0
"""The virtual CPS3 on a contactless reader: one application, one key, no PIN."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld.fixtures import (  # noqa: E402, F401
    cards, digest_info, pcscd, probe, public_key, put, run, slot, transmit_all, verified)
from cpsworld.p11 import OPENSC  # noqa: E402

ATR = "3b8f80010031b86404b0ecc1739401808290000e"
CONTACT_AID, CONTACTLESS_AID = "E828BD080F8025000001FF0010", "E828BD080F8025000001FF0020"
SELECT_APPLICATION = "00A4090C04 3F000002"
USE_KEY = "002241A406 840183 800102"


@pytest.fixture
def card(put, probe):
    known = put("contactless")
    assert probe.wait(True)["atr"] == ATR
    assert probe.connect() == {"rv": 0, "protocol": 2}
    return known


def internal_authenticate(data):
    return f"00880000{len(data):02X}{data.hex()}00"


def opensc_conf(tmp_path):
    """What OpenSC has to be told: its own entry for this ATR is misspelt."""
    atr = ":".join(ATR[i:i + 2] for i in range(0, len(ATR), 2))
    conf = tmp_path / "opensc.conf"
    conf.write_text(f'app default {{ card_atr {atr} {{ driver = "iasecc"; type = 25008; }}\n'
                    f"framework pkcs15 {{ application {CONTACT_AID} {{ disable = true; }} }} }}\n")
    return str(conf)


def test_files_without_get_response(card, probe, cards):
    transmit_all(probe, (
        ("00A4090404 3F00D003 00", "6225..9000"),
        ("00B000000C", f"5A0A8025000001{card['serial']}..9000"),
        ("00A4090C04 3F002F00", "9000"),
        ("00B0000000", f"..{CONTACTLESS_AID}..{CONTACT_AID}..6282"),
        (f"00A404040D {CONTACTLESS_AID} 00", "622D..9000"),
        ("00A4020C02 5031", "9000"),
        # No AODF.
        ("00B0000000", "A00630040402 7002 A10630040402 7004 A40630040402 7005 A70630040402 7006"
                       " 6282"),
        ("00A4020C02 7006", "9000"), ("00B0000000", "..4350535F49445F43415244..6282"),
        ("00A4020C02 D103", "9000"), ("00B0000000", "38303235303030303031..6282"),
        ("00A4020C02 D106", "6A82"),
    ))
    certificate = cards.certificate("contactless", "tech").read_bytes()
    transmit_all(probe, (("00A4020C02 A003", "9000"),
                         ("00B00000 000000", certificate[:256].hex() + "9000")))


def test_nothing_of_the_contact_application(card, probe):
    transmit_all(probe, (
        ("00A4090C04 3F000001", "6A82"), (f"00A4040C0D {CONTACT_AID}", "6A82"),
        ("00A4090C06 3F000001A002", "6A82"), ("00A4090C06 3F000001D106", "6A82"),
        ("0020000100", "6A88"), ("0020000104" + card["pin"].encode().hex(), "6A88"),
        ("0024000108 3132333431323334", "6A88"), ("002C020104 31323334", "6A88"),
        ("00CB3FFF0A 4D087006BF810102A080 00", "6A88"),
        (SELECT_APPLICATION, "9000"), ("002241A406 840182 800102", "6A88"),
    ))


def test_technical_key_without_pin(card, probe, cards, slot, tmp_path):
    key = public_key(cards, "contactless", "tech", tmp_path)
    info = digest_info(b"badge")
    transmit_all(probe, ((SELECT_APPLICATION, "9000"), (internal_authenticate(info), "6985"),
                         (USE_KEY, "9000")))
    answer = bytes.fromhex(probe.transmit(internal_authenticate(info))["answer"])
    assert answer[-2:] == b"\x90\x00" and verified(key, b"badge", answer[:-2], tmp_path)
    assert not verified(key, b"other", answer[:-2], tmp_path)
    assert slot.counters()["get_responses"] == slot.counters()["verifies"] == 0
    transmit_all(probe, (
        (internal_authenticate(b"x" * 102), "[0-9a-f]{512}9000"),
        (internal_authenticate(b"x" * 103), "6A80"),
        ("002241B606 840183 800142", "9000"), ("002A9E9A20" + "00" * 32 + "00", "6982"),
        ("002241B806 840183 80011A", "9000"), ("102A8086FF" + "81" * 255, "6982"),
        ("00CB3FFF0A 4D087006BF900302A080 00",
         "..8C077BFFFFFFFFFF009C077BFF00FFFFFF00..9000"),
        (SELECT_APPLICATION, "9000"), (internal_authenticate(info), "[0-9a-f]{512}9000"),
    ))
    probe.reconnect()
    transmit_all(probe, ((SELECT_APPLICATION, "9000"), (internal_authenticate(info), "6985")))


def test_technical_key_is_not_for_contacts(put, probe):
    """The same card, its contacts in a reader: the key is there, out of reach even with the PIN."""
    known = put("physician")
    assert known["serial"] == probe_serial(probe)
    transmit_all(probe, (
        ("0020000104" + known["pin"].encode().hex(), "9000"), (SELECT_APPLICATION, "9000"),
        (USE_KEY, "9000"), ("0088000001 00", "6982")))


def probe_serial(probe):
    probe.connect()
    return probe.transmit("00B09C000C")["answer"][14:22]


def test_opensc_lists_it_when_told(card, probe, run, tmp_path):
    probe.disconnect()
    assert run("pkcs15-tool", "-D", check=False).returncode != 0
    conf = opensc_conf(tmp_path)
    text = run("pkcs15-tool", "-D", OPENSC_CONF=conf).stdout
    for name in (f"[CPS3v3-00{card['serial']}]", "Private RSA Key [CPS_PRIV_TECH]",
                 "Key ref        : 131 (0x83)", "Public RSA Key [CPS_PUB_TECH]",
                 "X.509 Certificate [Certificat Technique CPS]", "Data object 'CPS_ID_CARD'"):
        assert name in text, name
    assert "PIN [" not in text and "CPS_PRIV_AUT" not in text and "CPS_NAME_PS" not in text
    token = run("pkcs11-tool", "--module", OPENSC, "-L", OPENSC_CONF=conf).stdout
    assert "token flags        : rng, token initialized\n" in token  # neither PIN nor login
