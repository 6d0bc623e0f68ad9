# SPDX-License-Identifier: Apache-2.0
"""The virtual CPS card, judged by Debian's OpenSC: is it what it claims to be?"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld.fixtures import (  # noqa: E402, F401
    cards, digest_info, pcscd, probe, public_key, put, run, slot, verified)
from cpsworld.p11 import OPENSC, Pkcs11  # noqa: E402

AUT_LABEL = "Certificat d'Authentification CPS"
CONTACT_AID = "E828BD080F8025000001FF0010"
CKR_OK, CKR_GENERAL_ERROR, CKR_DATA_INVALID, CKR_PIN_LOCKED = 0, 5, 0x20, 0xA4


def test_pkcs15_dump(put, run, slot):
    card = put("physician")
    text = run("pkcs15-tool", "-D").stdout
    assert f"[CPS3v3-00{card['serial']}]" in text
    for name in ("PIN [Code porteur de la carte CPX]", "PIN [Code de déblocage de la carte CPX]",
                 "Private RSA Key [CPS_PRIV_SIG]", "Private RSA Key [CPS_PRIV_AUT]",
                 "Public RSA Key [CPS_PUB_SIG]", "Public RSA Key [CPS_PUB_AUT]",
                 "X.509 Certificate [Certificat de Signature CPS]",
                 f"X.509 Certificate [{AUT_LABEL}]", "Data object 'CPS_ID_CARD'",
                 "Data object 'CPS_INFO_PS'", "Data object 'CPS_ACTIVITY_02_PS'",
                 "Access Rules   : pso_decrypt:01; int_auth:01;", "soPin",
                 "mechanism  : [0x40] CKM_SHA256_RSA_PKCS"):
        assert name in text, name
    assert slot.counters()["apdus"] == 65


def test_pkcs11_objects(put, run):
    card = put("physician")
    text = run("pkcs11-tool", "--module", OPENSC, "-O").stdout
    assert card["holder"]["family_name"] in text and "Private Key" not in text
    text = run("pkcs11-tool", "--module", OPENSC, "-O", "--login", "--pin", card["pin"]).stdout
    assert "CPS_PRIV_AUT" in text and "CPS_PRIV_SIG" in text


def test_opensc_self_test(put, run):
    """One error, known: OpenSC built on OpenSSL 3 cannot use the signature key."""
    card = put("physician")
    result = run("pkcs11-tool", "--module", OPENSC, "--test", "--login", "--pin", card["pin"],
                 check=False)
    text = result.stdout + result.stderr
    assert "1 errors" in text
    assert "SHA1-RSA-PKCS:   ERR: C_Sign() returned CKR_FUNCTION_NOT_SUPPORTED" in text


def test_sequence_to_first_signature(put, slot, pcscd, cards, tmp_path):
    """The same 121 APDUs and 976 bytes that OpenSC 0.23 is known to spend, step by step."""
    card = put("physician")
    key = public_key(cards, "physician", "aut", tmp_path)
    counts = []
    with Pkcs11(pcscd.env()) as p11:
        def step(answer):
            assert answer["rv"] == CKR_OK
            counts.append(slot.counters()["apdus"])
            return answer
        step(p11.initialize())
        first = p11.slots()[0]
        assert step(p11.token(first))["label"] == "Code porteur de la carte CPX"
        p11.open(first)
        certificate = step(p11.certificate(AUT_LABEL))
        step(p11.login(card["pin"]))
        signature = step(p11.sign("CPS_PRIV_AUT", digest_info(b"one")))
        total = slot.counters()
        step(p11.sign("CPS_PRIV_AUT", digest_info(b"two")))
    assert bytes.fromhex(certificate["value"]) == cards.certificate("physician").read_bytes()
    assert verified(key, b"one", bytes.fromhex(signature["value"]), tmp_path)
    assert not verified(key, b"two", bytes.fromhex(signature["value"]), tmp_path)
    assert counts == [88, 100, 100, 113, 121, 131]
    assert (total["get_responses"], total["bytes_to_card"], total["rsa_ops"]) == (43, 976, 1)


def test_sign_with_pkcs11_tool(put, run, slot, cards, tmp_path):
    card = put("physician")
    (tmp_path / "in").write_bytes(digest_info(b"text"))
    run("pkcs11-tool", "--module", OPENSC, "--login", "--pin", card["pin"], "--sign", "-m",
        "RSA-PKCS", "--id", CONTACT_AID + "02", "-i", tmp_path / "in", "-o", tmp_path / "out")
    key = public_key(cards, "physician", "aut", tmp_path)
    assert verified(key, b"text", (tmp_path / "out").read_bytes(), tmp_path)
    assert slot.counters()["apdus"] == 134


def test_input_limits_of_the_authentication_key(put, pcscd):
    card = put("physician")
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        assert p11.sign("CPS_PRIV_AUT", b"x" * 102)["rv"] == CKR_OK
        assert p11.sign("CPS_PRIV_AUT", b"x" * 103)["rv"] == CKR_DATA_INVALID


def test_decrypt(put, pcscd, cards, tmp_path):
    card = put("physician")
    key = public_key(cards, "physician", "aut", tmp_path)
    cryptogram = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", key],
                                input=b"secret", capture_output=True, check=True).stdout
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        assert bytes.fromhex(p11.decrypt("CPS_PRIV_AUT", cryptogram)["value"]) == b"secret"
        broken = bytes([cryptogram[0] ^ 1]) + cryptogram[1:]
        assert p11.decrypt("CPS_PRIV_AUT", broken)["rv"] != CKR_OK


def test_wrong_blocked_unblocked(put, run, slot, pcscd):
    card = put("physician")

    def verify(pin):
        return run("pkcs15-tool", "--verify-pin", "-a", "01", "--pin", pin, check=False)

    assert "PIN code or key incorrect" in verify("0000").stderr
    assert slot.tries()["pin"] == 2
    assert verify(card["pin"]).returncode == 0
    assert slot.tries()["pin"] == 3
    for left in (2, 1, 0):
        assert verify("0000").returncode != 0
        assert slot.tries()["pin"] == left
    assert "Authentication method blocked" in verify(card["pin"]).stderr
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        first = p11.slots()[0]
        assert p11.token(first)["flags"] & 0x40000  # CKF_USER_PIN_LOCKED
        p11.open(first)
        assert p11.login(card["pin"])["rv"] == CKR_PIN_LOCKED
    wrong = run("pkcs15-tool", "-u", "-a", "01", "--puk", "00000000", "--new-pin", "4321",
                check=False)
    assert wrong.returncode != 0 and slot.tries() == {"pin": 0, "puk": 9, "verified": False}
    run("pkcs15-tool", "-u", "-a", "01", "--puk", card["puk"], "--new-pin", "4321")
    assert slot.tries()["pin"] == 3 and slot.tries()["puk"] == 10
    assert verify(card["pin"]).returncode != 0
    assert verify("4321").returncode == 0


def test_change_pin(put, run, slot):
    card = put("nurse")
    assert run("pkcs15-tool", "--change-pin", "-a", "01", "--pin", "0000", "--new-pin", "4321",
               check=False).returncode != 0
    assert slot.tries()["pin"] == 2
    run("pkcs15-tool", "--change-pin", "-a", "01", "--pin", card["pin"], "--new-pin", "4321")
    run("pkcs15-tool", "--verify-pin", "-a", "01", "--pin", "4321")
    # A card keeps its codes while it is out, and a reset forgets that they were presented.
    slot.swap("physician")
    slot.swap("nurse")
    assert not slot.tries()["verified"]
    run("pkcs15-tool", "--verify-pin", "-a", "01", "--pin", "4321")


def test_low_count_flags(put, slot, pcscd):
    put("physician")
    for tries, flag in ((2, 0x10000), (1, 0x20000)):
        slot.tries(pin=tries)
        with Pkcs11(pcscd.env()) as p11:
            p11.initialize()
            assert p11.token(p11.slots()[0])["flags"] & flag


def test_variant_layout(put, run, pcscd, cards, tmp_path):
    """Other identifiers, orders and sizes: nothing that a reader may assume."""
    card = put("variant")
    text = run("pkcs15-tool", "-D", "--aid", CONTACT_AID).stdout
    assert "Key ref        : 132 (0x84)" in text and "::b019" in text
    assert "::a00" not in text and "[Code porteur de la carte CPX]" in text
    for identifier in ("10", "20"):
        assert run("pkcs15-tool", "--aid", CONTACT_AID, "--read-certificate",
                   CONTACT_AID + identifier).stdout.startswith("-----BEGIN CERTIFICATE")
    key = public_key(cards, "variant", "aut", tmp_path)
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        # The contact application comes first in EF.DIR, hence last among OpenSC's slots.
        labels = {p11.token(s)["label"]: s for s in p11.slots()}
        p11.open(labels["Code porteur de la carte CPX"])
        assert p11.login(card["pin"])["rv"] == CKR_OK
        value = p11.sign("CPS_PRIV_AUT", digest_info(b"v"))["value"]
    assert verified(key, b"v", bytes.fromhex(value), tmp_path)


def test_large_certificate(put, run, cards):
    put("large")
    pem = run("pkcs15-tool", "--read-certificate", CONTACT_AID + "02").stdout
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem.encode(),
                         capture_output=True, check=True).stdout
    assert len(der) > 9000 and der == cards.certificate("large").read_bytes()


def test_opensc_on_t1_card(put, run, cards, tmp_path):
    """OpenSC knows no such ATR; told of it, it finds the same card."""
    card = put("physician-t1")
    conf = tmp_path / "opensc.conf"
    conf.write_text("app default { card_atr 3b:ac:00:81:01:00:12:25:00:64:80:00:03:10:00:90:00:7c"
                    ' { driver = "iasecc"; type = 25007; } }\n')
    (tmp_path / "in").write_bytes(digest_info(b"t1"))
    run("pkcs11-tool", "--module", OPENSC, "--login", "--pin", card["pin"], "--sign", "-m",
        "RSA-PKCS", "--id", CONTACT_AID + "02", "-i", tmp_path / "in", "-o", tmp_path / "out",
        OPENSC_CONF=str(conf))
    key = public_key(cards, "physician", "aut", tmp_path)
    assert verified(key, b"t1", (tmp_path / "out").read_bytes(), tmp_path)


def test_swapped_certificates(put, run, cards):
    """The object of the authentication certificate leads to the signature certificate."""
    put("swapped")
    pem = run("pkcs15-tool", "--read-certificate", CONTACT_AID + "02").stdout
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem.encode(),
                         capture_output=True, check=True).stdout
    assert der == cards.certificate("physician", "sig").read_bytes()


def test_mismatched_key(put, pcscd, cards, tmp_path):
    card = put("mismatched")
    key = public_key(cards, "mismatched", "aut", tmp_path)
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        assert p11.login(card["pin"])["rv"] == CKR_OK
        value = p11.sign("CPS_PRIV_AUT", digest_info(b"m"))["value"]
    assert not verified(key, b"m", bytes.fromhex(value), tmp_path)
