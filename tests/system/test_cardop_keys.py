# SPDX-License-Identifier: Apache-2.0
"""cps-cardop beyond a login: both keys, decryption, codes, data objects, cards without contact."""

import struct
import subprocess

import pytest

from cpsworld.cardop import Cardop, CardError, code_of
from cpsworld.fixtures import (  # noqa: F401
    card, cards, digest_info, encrypted, pcscd, put, slot, verified_by)
from cpsworld.p11 import OPENSC
from cpsworld.pcsc import PcscProbe

CONTACT_ID = "E828BD080F8025000001FF0010"


def sha256_state(blocks):
    """The inner state of SHA-256 after whole blocks, computed here: no library gives it."""
    def root(x, n, bits):  # the fractional bits of the n-th root of a prime
        low, high = 0, 1 << (bits + 16)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle ** n <= x << (n * bits) else (low, middle)
        return low & ((1 << bits) - 1)
    primes = [p for p in range(2, 312) if all(p % d for d in range(2, p))]
    constants = [root(p, 3, 32) for p in primes]
    state = [root(p, 2, 32) for p in primes[:8]]

    def turn(x, n):
        return (x >> n | x << (32 - n)) & 0xFFFFFFFF
    for at in range(0, len(blocks), 64):
        w = list(struct.unpack(">16I", blocks[at:at + 64]))
        for i in range(16, 64):
            s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3
            s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10
            w.append((w[i - 16] + s0 + w[i - 7] + s1) & 0xFFFFFFFF)
        a, b, c, d, e, f, g, h = state
        for i in range(64):
            s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
            t1 = h + s1 + (e & f ^ ~e & g) + constants[i] + w[i]
            t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = ((t1 + t2) & 0xFFFFFFFF, a, b, c, (d + t1) & 0xFFFFFFFF, e, f,
                                      g)
        state = [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e, f, g, h))]
    return struct.pack(">8I", *state)


@pytest.mark.parametrize("name", ["physician", "physician-t1", "variant"])
def test_signature_key(pcscd, card, tmp_path, name):
    slot = card(name)
    message = bytes(range(200))
    with Cardop(pcscd) as cardop:
        cardop.open()
        assert code_of(cardop.sign, usage="signature") == "PIN_REQUIRED"
        cardop.verify(slot.cards[name]["pin"])
        der = cardop.certificate("signature")
        assert der == slot.cards.certificate(name, "sig").read_bytes()
        assert verified_by(der, message, cardop.sign(message, usage="signature"), tmp_path)
        for hash_name in ("sha1", "sha256"):
            signature = cardop.sign_last_round(hash_name, b"", 0, message[:64])
            assert verified_by(der, message[:64], signature, tmp_path, hash_name)
            assert not verified_by(der, message, signature, tmp_path, hash_name)
        before = slot.counters()["apdus"]
        signature = cardop.sign_last_round("sha256", sha256_state(message[:192]), 192,
                                           message[192:])
        assert slot.counters()["apdus"] - before == (4 if name.endswith("t1") else 5)
        assert verified_by(der, message, signature, tmp_path)
        assert code_of(cardop.sign, message, "sha384", usage="signature") == "CARD_UNSUPPORTED"
        assert cardop.sign(message) != signature  # the other key


def test_a_digest_info_of_any_kind(pcscd, card):
    """The authentication key signs whatever it is given, to 102 bytes."""
    slot = card()
    with Cardop(pcscd) as cardop:
        cardop.open()
        cardop.verify(slot.cards["physician"]["pin"])
        info = digest_info(b"message")
        assert cardop.sign_info(info) == cardop.sign(b"message")
        assert len(cardop.sign_info(bytes(36))) == 256  # MD5 and SHA-1, as old TLS has it
        assert len(cardop.sign_info(bytes(range(102)))) == 256
        assert code_of(cardop.sign_info, bytes(103)) == "INVALID_PARAMS"
        assert code_of(cardop.sign_info, b"") == "INVALID_PARAMS"
        assert slot.counters()["rsa_ops"] == 4


@pytest.mark.parametrize("name", ["physician", "variant"])
def test_keys_are_told_as_the_card_has_them(pcscd, card, name):
    card(name)
    with Cardop(pcscd) as cardop:
        cardop.open()
        keys = cardop.keys()
        suffix = {"physician": ("02", "01"), "variant": ("20", "10")}[name]
        assert {usage: key["id"] for usage, key in keys.items()} == {
            "authentication": CONTACT_ID + suffix[0], "signature": CONTACT_ID + suffix[1]}
        assert keys["authentication"]["label"] == "CPS_PRIV_AUT"
        assert keys["signature"]["certificate_label"] == "Certificat de Signature CPS"
        assert keys["authentication"]["mechanisms"] == ["RSA_PKCS", "DECRYPT_RSA_PKCS"]
        assert keys["signature"]["mechanisms"] == ["RSA_PKCS", "SHA1_RSA_PKCS", "SHA256_RSA_PKCS"]
        assert (keys["authentication"]["input_max"], keys["signature"]["input_max"]) == (102, 51)


def test_decryption(pcscd, card, tmp_path):
    slot = card()
    cryptogram = encrypted(slot.cards.certificate("physician").read_bytes(), b"secret", tmp_path)
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        cardop.open()
        assert code_of(cardop.decrypt, cryptogram) == "PIN_REQUIRED"
        cardop.verify("1234")
        assert cardop.decrypt(cryptogram) == b"secret"
        cardop.sign()
        before = slot.counters()["apdus"]
        assert cardop.decrypt(cryptogram) == b"secret"
        assert slot.counters()["apdus"] - before == 4
        wrong = bytearray(cryptogram)
        wrong[-1] ^= 1
        for bad in (bytes(wrong), cryptogram[:-1], bytes(256), b"\xff" * 256):
            assert code_of(cardop.decrypt, bad) == "DECRYPT_FAILED"
        assert code_of(cardop.decrypt, cryptogram, usage="signature") == "CARD_UNSUPPORTED"
        # Another program goes elsewhere in between, then resets the card.
        assert probe.connect()["rv"] == 0
        assert probe.transmit("00A4090C023F00")["answer"] == "9000"
        assert cardop.decrypt(cryptogram) == b"secret"
        assert probe.reconnect()["rv"] == 0
        assert code_of(cardop.decrypt, cryptogram) == "PIN_REQUIRED"
        assert slot.counters()["verifies"] == 1


def opensc_logs_in(pcscd, pin):
    return subprocess.run(
        ["pkcs11-tool", "--module", OPENSC, "--login", "--pin", pin, "-O"], env=pcscd.env(),
        capture_output=True, check=False).returncode == 0


def test_change_and_unblock_as_opensc_sees_it(pcscd, card):
    slot = card()
    with Cardop(pcscd) as cardop:
        cardop.open()
        assert cardop.change_pin("1234", "4826") == {"tries_left": 3}
        assert code_of(cardop.verify, "1234") == "PIN_WRONG"
        assert opensc_logs_in(pcscd, "4826")
        slot.tries(pin=0)
        assert code_of(cardop.verify, "4826") == "PIN_BLOCKED"
        with pytest.raises(CardError) as error:
            cardop.unblock_pin("00000000", "1357")
        assert (error.value.code, error.value.tries_left) == ("PUK_WRONG", 9)
        assert cardop.unblock_pin("12345678", "1357") == {"tries_left": 3}
        assert cardop.pin_status() == {"tries_left": 3, "blocked": False, "verified": False}
        assert opensc_logs_in(pcscd, "1357")
        cardop.verify("1357")
        cardop.sign()


def test_the_last_tries_need_a_yes(pcscd, card):
    slot = card()
    slot.tries(pin=1, puk=1)
    with Cardop(pcscd) as cardop:
        cardop.open()
        for call in (cardop.change_pin, cardop.unblock_pin):
            with pytest.raises(CardError) as error:
                call("1234" if call == cardop.change_pin else "12345678", "1357")
            assert (error.value.code, error.value.tries_left) == ("PIN_LAST_TRY", 1)
        assert slot.counters()["verifies"] == 0
        assert cardop.change_pin("1234", "1357", last_try=True)["tries_left"] == 3
        assert cardop.unblock_pin("12345678", "1234", last_try=True)["tries_left"] == 3
        slot.tries(puk=1)
        with pytest.raises(CardError) as error:
            cardop.unblock_pin("00000000", "1357", last_try=True)
        assert (error.value.code, error.value.tries_left) == ("PUK_BLOCKED", 0)
        assert code_of(cardop.unblock_pin, "12345678", "1357", last_try=True) == "PUK_BLOCKED"


@pytest.mark.parametrize("op,typed,code", [
    ("change_pin", ("", ""), "PIN_INVALID"), ("change_pin", ("1234", ""), "PIN_INVALID"),
    ("change_pin", ("1234", "123"), "PIN_INVALID"), ("change_pin", ("1234", "1\n23"), "PIN_INVALID"),
    ("unblock_pin", ("1234567", "1234"), "PIN_INVALID"),
    ("unblock_pin", ("12345678", "éàü1"), "PIN_INVALID")])
def test_what_cannot_be_codes_is_not_sent(pcscd, card, op, typed, code):
    slot = card()
    with Cardop(pcscd) as cardop:
        cardop.open()
        before = slot.counters()["apdus"]
        assert code_of(getattr(cardop, op), *typed) == code
        assert slot.counters()["apdus"] == before


def test_data_objects(pcscd, card):
    slot = card("locum")
    numbers = [practice["number"] for practice in slot.cards["locum"]["practices"]]
    assert numbers == [1, 4, 9, 16]
    private = {f"CPS_ACTIVITY_{number:02}_PS" for number in numbers}
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        cardop.open()
        objects = cardop.objects()
        assert {label for label, one in objects.items() if one["private"]} == private
        assert {one["application"] for one in objects.values()} == {"CPS"}
        assert cardop.object("CPS_LANG_PS") == b"FR"
        for label in private:
            assert code_of(cardop.object, label) == "PIN_REQUIRED"
        assert code_of(cardop.object, "CPS_ACTIVITY_02_PS") == "CARD_UNSUPPORTED"
        cardop.verify(slot.cards["locum"]["pin"])
        assert cardop.object("CPS_ACTIVITY_16_PS").startswith(b"\xee")
        # CPS_DATA may be written by anybody who has the PIN: it is read each time.
        assert cardop.object("CPS_DATA") == bytes(64)
        assert probe.connect()["rv"] == 0
        assert probe.transmit("00A4090C063F000001D107")["answer"] == "9000"
        assert probe.transmit("00D6000003414243")["answer"] == "9000"
        assert cardop.object("CPS_DATA") == b"ABC" + bytes(61)
        cardop.logout()
        assert code_of(cardop.object, "CPS_ACTIVITY_16_PS") == "PIN_REQUIRED"


# Without contact.

def test_contactless(pcscd, card, tmp_path):
    slot = card("contactless")
    with Cardop(pcscd) as cardop:
        info = cardop.open()
        assert (info["interface"], info["protocol"], info["pin"]) == ("contactless", "T=1", None)
        assert info["serial"] == slot.cards["contactless"]["serial"]
        assert cardop.pin_status() is None
        der = cardop.certificate("technical")
        assert der == slot.cards.certificate("contactless", "tech").read_bytes()
        assert verified_by(der, b"hello", cardop.sign(b"hello", usage="technical"), tmp_path)
        assert slot.counters()["apdus"] <= 12
        before = slot.counters()["apdus"]
        cardop.sign(usage="technical")
        assert slot.counters()["apdus"] - before == 2
        key = cardop.keys()["technical"]
        assert (key["label"], key["mechanisms"]) == ("CPS_PRIV_TECH", ["RSA_PKCS"])
        assert key["id"] == "E828BD080F8025000001FF002003"
        assert list(cardop.objects()) == ["CPS_ID_CARD"]
        assert cardop.object("CPS_ID_CARD").startswith(b"8025000001/")
        for usage in ("authentication", "signature"):
            assert code_of(cardop.certificate, usage) == "CARD_UNSUPPORTED"
            assert code_of(cardop.sign, usage=usage) == "CARD_UNSUPPORTED"
        assert code_of(cardop.verify, "1234") == "CARD_UNSUPPORTED"
        assert code_of(cardop.change_pin, "1234", "1357") == "CARD_UNSUPPORTED"
        assert code_of(cardop.unblock_pin, "12345678", "1357") == "CARD_UNSUPPORTED"
        assert slot.counters()["verifies"] == 0


def test_contactless_after_a_reset_by_another_program(pcscd, card):
    card("contactless")
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        cardop.open()
        cardop.sign(usage="technical")
        assert probe.connect()["rv"] == 0
        assert probe.reconnect()["rv"] == 0
        cardop.sign(usage="technical")
        assert probe.transmit("00A4090C023F00")["answer"] == "9000"
        cardop.sign(usage="technical")


def test_the_technical_key_is_not_offered_over_contacts(pcscd, card):
    card()
    with Cardop(pcscd) as cardop:
        assert cardop.open()["interface"] == "contact"
        assert set(cardop.keys()) == {"authentication", "signature"}
        assert code_of(cardop.certificate, "technical") == "CARD_UNSUPPORTED"
        assert code_of(cardop.sign, usage="technical") == "CARD_UNSUPPORTED"
