# SPDX-License-Identifier: Apache-2.0
"""cps-cardop on the virtual CPS4 behind a real pcscd; openssl judges what comes back."""

import hashlib
import subprocess

import pytest

from cpsworld import VirtualCard
from cpsworld.cardop import Cardop, CardError, b64, code_of, unb64
from cpsworld.fixtures import (  # noqa: F401
    cards, digest_info, pcscd, public_key, put, slot, verified)
from cpsworld.pcsc import PcscProbe

CPS4_CARDS = ["cps4", "cps4-variant", "cps4-t1"]
AID = "E828BD080F8025000001FF0010"
PIN, PUK = "1357", "12345678"


def pss(cardop, message, hash_name, usage="authentication"):
    return cardop.sign(message, hash_name, usage=usage, mechanism="RSA_PKCS_PSS")


def login(cardop):
    cardop.open()
    cardop.certificate()
    cardop.verify(PIN)
    return cardop.sign()


@pytest.mark.parametrize("name", CPS4_CARDS)
def test_identity_certificates_and_signatures(pcscd, put, cards, tmp_path, name):
    known = put(name)
    keys = {usage: public_key(cards, name, use, tmp_path)
            for usage, use in (("authentication", "aut"), ("signature", "sig"))}
    with Cardop(pcscd) as cardop:
        info = cardop.open()
        assert (info["family"], info["driver"], info["interface"]) == ("CPS4", "cps4", "contact")
        assert info["serial"] == known["serial"] and info["serial"] in info["label"]
        assert info["issuer_number"] == "8025000001"
        assert info["protocol"] == ("T=1" if name.endswith("t1") else "T=0")
        assert info["pin"] == {"tries_left": 3, "blocked": False, "verified": False}
        assert cardop.certificate() == cards.certificate(name).read_bytes()
        assert cardop.certificate("signature") == cards.certificate(name, "sig").read_bytes()
        assert code_of(cardop.certificate, "technical") == "CARD_UNSUPPORTED"
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        assert cardop.verify(PIN) == {"tries_left": 3}
        for hash_name in ("sha256", "sha384", "sha512"):
            by_hash = {"pkcs1": cardop.sign(b"one", hash_name), "pss": pss(cardop, b"one", hash_name)}
            for padding, signature in by_hash.items():
                args = (signature, tmp_path, hash_name, padding)
                assert verified(keys["authentication"], b"one", *args)
                assert not verified(keys["authentication"], b"two", *args)
                assert not verified(keys["signature"], b"one", *args)
        for padding, signature in (("pkcs1", cardop.sign(b"one", usage="signature")),
                                   ("pss", pss(cardop, b"one", "sha256", "signature"))):
            assert verified(keys["signature"], b"one", signature, tmp_path, padding=padding)
        for hash_name in ("sha1", "sha256"):
            signature = cardop.sign_last_round(hash_name, b"", 0, b"short")
            assert verified(keys["signature"], b"short", signature, tmp_path, hash_name)
        assert code_of(cardop.sign, b"", "sha384", usage="signature") == "CARD_UNSUPPORTED"
        assert code_of(pss, cardop, b"", "sha512", "signature") == "CARD_UNSUPPORTED"


@pytest.mark.parametrize("name,first,known,following", [
    ("cps4", 16, 7, 4), ("cps4-t1", 16, 7, 4), ("cps4-variant", 28, 7, 4)])
def test_apdus_within_the_goals(pcscd, put, slot, name, first, known, following):
    put(name)

    def cost(call):
        before = slot.counters()["apdus"]
        call()
        return slot.counters()["apdus"] - before

    with Cardop(pcscd) as cardop:
        assert cost(lambda: login(cardop)) <= first
        assert cost(cardop.sign) <= following
        assert cost(lambda: cardop.sign(b"m", "sha512")) <= following
        assert cost(lambda: pss(cardop, b"m", "sha384")) <= following
        cardop.logout()
        assert cost(lambda: login(cardop)) <= known
        assert slot.counters()["verifies"] == 2


@pytest.mark.parametrize("name,ids", [("cps4", ("20", "10")), ("cps4-variant", ("02", "01"))])
def test_keys_as_the_card_tells_them(pcscd, put, name, ids):
    put(name)
    with Cardop(pcscd) as cardop:
        cardop.open()
        keys = cardop.keys()
        assert list(keys) == ["authentication", "signature"]
        aut, sig = keys.values()
        assert (aut["id"], sig["id"]) == (AID + ids[0], AID + ids[1])
        assert (aut["label"], sig["label"]) == ("CPS_PRIV_AUT", "CPS_PRIV_SIG")
        assert aut["certificate_label"] == "Certificat d'Authentification CPS"
        assert sig["certificate_label"] == "Certificat de Signature CPS"
        assert aut["mechanisms"] == ["RSA_PKCS", "RSA_PKCS_PSS", "DECRYPT_RSA_PKCS"]
        assert sig["mechanisms"] == ["RSA_PKCS", "RSA_PKCS_PSS", "SHA1_RSA_PKCS",
                                     "SHA256_RSA_PKCS"]
        assert (aut["input_max"], sig["input_max"]) == (245, 51)


def test_any_digest_info_with_the_authentication_key(pcscd, put, slot, cards, tmp_path):
    put("cps4")
    key = public_key(cards, "cps4", "aut", tmp_path)
    with Cardop(pcscd) as cardop:
        login(cardop)
        assert verified(key, b"m", cardop.sign_info(digest_info(b"m")), tmp_path)
        for data in (b"\x01", hashlib.md5(b"m").digest() + hashlib.sha1(b"m").digest(), b"x" * 245):
            signed = subprocess.run(
                ["openssl", "pkeyutl", "-verifyrecover", "-pubin", "-inkey", key], check=True,
                input=cardop.sign_info(data), capture_output=True).stdout
            assert signed == data
        before = slot.counters()["rsa_ops"]
        assert code_of(cardop.sign_info, b"x" * 246) == "INVALID_PARAMS"
        assert code_of(cardop.sign_info, b"x" * 36, usage="signature") == "CARD_UNSUPPORTED"
        assert slot.counters()["rsa_ops"] == before


def test_decryption(pcscd, put, slot, cards, tmp_path):
    put("cps4")
    keys = {use: public_key(cards, "cps4", use, tmp_path) for use in ("aut", "sig")}

    def encrypt(plain, use="aut", padding="pkcs1"):
        return subprocess.run(
            ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", keys[use], "-pkeyopt",
             f"rsa_padding_mode:{padding}"], input=plain, capture_output=True, check=True).stdout

    with Cardop(pcscd) as cardop:
        cardop.open()
        assert code_of(cardop.decrypt, encrypt(b"secret")) == "PIN_REQUIRED"
        cardop.verify(PIN)
        for plain in (b"secret", b"x" * 245):
            assert cardop.decrypt(encrypt(plain)) == plain
        # Made for the other key, without padding, of another padding: one and the same answer.
        for wrong in (encrypt(b"secret", "sig"), encrypt(b"\0" + b"\x42" * 255, padding="none"),
                      encrypt(b"secret", padding="oaep"), b"\xff" * 256, b"\x01" * 255):
            with pytest.raises(CardError) as error:
                cardop.decrypt(wrong)
            assert error.value.code == "DECRYPT_FAILED"
        assert code_of(cardop.decrypt, encrypt(b"", "sig"), "signature") == "CARD_UNSUPPORTED"


def test_data_objects(pcscd, put):
    known = put("cps4")
    with Cardop(pcscd) as cardop:
        cardop.open()
        objects = cardop.objects()
        assert [label for label, one in objects.items() if one["private"]] == [
            "CPS_ACTIVITY_02_PS", "CPS_ACTIVITY_05_PS"]
        assert known["holder"]["national_id"].encode() in cardop.object("CPS_INFO_PS")
        assert code_of(cardop.object, "CPS_ACTIVITY_05_PS") == "PIN_REQUIRED"
        assert code_of(cardop.object, "CPS_ACTIVITY_03_PS") == "CARD_UNSUPPORTED"
        cardop.verify(PIN)
        assert known["practices"][1]["name"].encode() in cardop.object("CPS_ACTIVITY_05_PS")


# PIN and PUK.

def test_wrong_pins_and_the_last_try(pcscd, put, slot):
    put("cps4")
    with Cardop(pcscd) as cardop:
        cardop.open()
        for left in (2, 1):
            with pytest.raises(CardError) as error:
                cardop.verify("0000")
            assert (error.value.code, error.value.tries_left) == ("PIN_WRONG", left)
        assert code_of(cardop.verify, PIN) == "PIN_LAST_TRY"
        assert code_of(cardop.change_pin, PIN, "2468") == "PIN_LAST_TRY"
        assert slot.counters()["verifies"] == 2
        assert code_of(cardop.verify, "0000", last_try=True) == "PIN_BLOCKED"
        assert cardop.pin_status() == {"tries_left": 0, "blocked": True, "verified": False}
        assert code_of(cardop.verify, PIN, last_try=True) == "PIN_BLOCKED"
        assert slot.counters()["verifies"] == 3
        with pytest.raises(CardError) as error:
            cardop.unblock_pin("00000000", "2468")
        assert (error.value.code, error.value.tries_left) == ("PUK_WRONG", 9)
        assert cardop.unblock_pin(PUK, "2468") == {"tries_left": 3}
        with PcscProbe(pcscd) as probe:  # nobody finds the PUK presented
            probe.connect()
            assert probe.transmit("01200002 00")["answer"] == "63ca"
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        cardop.verify("2468")
        cardop.sign()
        slot.tries(puk=1)
        assert code_of(cardop.unblock_pin, PUK, PIN) == "PIN_LAST_TRY"
        assert code_of(cardop.unblock_pin, "00000000", PIN, last_try=True) == "PUK_BLOCKED"


def test_a_new_pin(pcscd, put, slot):
    put("cps4")
    with Cardop(pcscd) as cardop:
        cardop.open()
        for new in ("246", "24680", "24a8", ""):
            assert code_of(cardop.change_pin, PIN, new) == "PIN_INVALID"
        assert slot.counters()["verifies"] == 0
        assert code_of(cardop.change_pin, "0000", "2468") == "PIN_WRONG"
        assert cardop.change_pin(PIN, "2468") == {"tries_left": 3}
        cardop.sign()
        cardop.logout()
        assert code_of(cardop.verify, PIN) == "PIN_WRONG"
        cardop.verify("2468")


# Other programs.

def test_reset_by_another_program(pcscd, put, slot):
    put("cps4")
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        login(cardop)
        probe.connect()
        probe.reconnect()
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        assert slot.counters()["verifies"] == 1
        # That program presents the PIN: it is not ours.
        assert probe.transmit("0120000104" + PIN.encode().hex())["answer"] == "9000"
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        assert not cardop.pin_status()["verified"]
        cardop.verify(PIN)
        cardop.sign()


@pytest.mark.parametrize("selection", ["01A4040C088025000001FF0100", "01A4080C02D003",
                                       "01A4080C0400017001", "012281B604910228 90"])
def test_another_program_on_the_same_channel(pcscd, put, slot, cards, tmp_path, selection):
    put("cps4")
    key = public_key(cards, "cps4", "aut", tmp_path)
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        login(cardop)
        probe.connect()
        for call in (lambda: verified(key, b"m", cardop.sign(b"m"), tmp_path),
                     lambda: verified(key, b"m", cardop.sign(b"m", "sha384"), tmp_path, "sha384"),
                     lambda: cardop.object("CPS_LANG_PS") == b"FR",
                     lambda: cardop.verify(PIN) == {"tries_left": 3},
                     lambda: cardop.open()["pin"]["verified"]):
            assert probe.transmit(selection)["answer"] == "9000"
            assert call()


def test_two_readers_at_once(pcscd, put, cards, tmp_path):
    """A CPS4 and a CPS3, one cardop each, in turns; what happens to one is nothing to the other."""
    put("cps4")
    keys = [public_key(cards, name, "aut", tmp_path) for name in ("cps4", "physician")]
    with VirtualCard(pcscd, insert="physician", slot=1, cards=cards) as second, \
            Cardop(pcscd) as one, Cardop(pcscd, slot=1) as two:
        assert [one.open()["family"], two.open()["family"]] == ["CPS4", "CPS3"]
        one.verify(PIN)
        two.verify("1234")
        for _ in range(3):
            assert verified(keys[0], b"m", one.sign(b"m"), tmp_path)
            assert verified(keys[1], b"m", two.sign(b"m"), tmp_path)
        second.remove()
        assert code_of(two.sign) == "CARD_REMOVED"
        one.sign()


def test_a_cps4_where_a_cps3_was(pcscd, put, slot):
    put("physician")
    with Cardop(pcscd) as cardop:
        assert cardop.open()["driver"] == "cps3"
        slot.swap("cps4")
        assert cardop.open()["driver"] == "cps4"
        slot.swap("physician")
        assert cardop.open()["driver"] == "cps3"
        cardop.verify("1234")
        cardop.sign()


@pytest.mark.parametrize("ins,sw", [
    ("A4", "6F00"), ("B0", "6982"), ("20", "6A88"), ("22", "6A80"), ("2A", "6982"),
    ("2A", "6F00"), ("C0", "6F00"), ("2A", "9000"), ("B0", "9000")])
def test_instruction_that_always_fails(pcscd, put, slot, ins, sw):
    put("cps4")
    with Cardop(pcscd) as cardop:
        slot.inject(sw, times=1000, ins=ins)
        code = code_of(login, cardop)
        expected = {"A4": "CARD_UNSUPPORTED", "B0": "CARD_UNSUPPORTED"}.get(ins, "CARD_PROTOCOL")
        assert code == ("SIGNATURE_INVALID" if (ins, sw) == ("2A", "9000") else expected)
        assert slot.counters()["apdus"] < 80
        slot.clear_faults()
        login(cardop)


def test_digests_as_they_are(pcscd, put):
    """A digest of the wrong length, a hash that PSS has not."""
    put("cps4")
    with Cardop(pcscd) as cardop:
        login(cardop)
        for params in ({"hash": "sha256", "digest": b64(bytes(20))},
                       {"hash": "sha1", "digest": b64(bytes(20))},
                       {"hash": "sha256"}):
            assert code_of(cardop.call, "sign", usage="authentication", mechanism="RSA_PKCS_PSS",
                           **params) == "INVALID_PARAMS"
        first, second = (unb64(cardop.call(
            "sign", usage="authentication", mechanism="RSA_PKCS_PSS", hash="sha384",
            digest=b64(bytes(48)))["signature"]) for _ in range(2))
        assert first != second  # each has a salt of its own
