# SPDX-License-Identifier: Apache-2.0
"""cps-cardop on virtual cards behind a real pcscd: what it gives, what it costs, what goes wrong."""

import os
import subprocess
import time

import pytest

from cpsworld import Pcscd, VirtualCard, processes
from cpsworld.cardop import Cardop, CardError, b64, code_of
from cpsworld.fixtures import (  # noqa: F401
    card, cards, digest_info, pcscd, put, slot, verified_by)
from cpsworld.p11 import OPENSC, Pkcs11
from cpsworld.paths import slowness
from cpsworld.pcsc import PcscProbe
from cpsworld.stopwatch import Stopwatch

CPS3_CARDS = ["physician", "physician-t1", "variant"]
LOGIN_APDUS = 16  # of a first login on the usual layout, T=0
OPENSC_KEY = "CPS_PRIV_AUT"
OPENSC_KEY_ID = "E828BD080F8025000001FF001002"


def login(cardop, pin):
    cardop.open()
    cardop.certificate()
    cardop.verify(pin)
    return cardop.sign()


@pytest.mark.parametrize("name", CPS3_CARDS)
def test_identity_certificate_and_signature(pcscd, card, tmp_path, name):
    known = card(name).cards
    with Cardop(pcscd) as cardop:
        info = cardop.open()
        assert info["family"] == "CPS3" and info["driver"] == "cps3"
        assert info["serial"] == known[name]["serial"]
        assert info["serial"] in info["label"]
        assert info["issuer_number"] == "8025000001"
        assert info["protocol"] == f"T={known[name]['protocol']}"
        assert info["atr"].startswith("3BAC00")
        assert info["pin"] == {"tries_left": 3, "blocked": False, "verified": False}
        der = cardop.certificate()
        assert der == known.certificate(name).read_bytes()
        assert cardop.verify(known[name]["pin"]) == {"tries_left": 3}
        assert cardop.pin_status() == {"tries_left": 3, "blocked": False, "verified": True}
        for hash_name in ("sha256", "sha384", "sha512"):
            signature = cardop.sign(b"challenge", hash_name)
            assert verified_by(der, b"challenge", signature, tmp_path, hash_name)
            assert not verified_by(der, b"other", signature, tmp_path, hash_name)


@pytest.mark.parametrize("name,first,known,following", [
    ("physician", 16, 7, 4), ("physician-t1", 16, 7, 4), ("variant", 28, 7, 4)])
def test_apdus_within_the_goals(pcscd, card, name, first, known, following):
    slot = card(name)
    pin = slot.cards[name]["pin"]

    def cost(call):
        before = slot.counters()["apdus"]
        call()
        return slot.counters()["apdus"] - before

    with Cardop(pcscd) as cardop:
        assert cost(lambda: login(cardop, pin)) <= first
        assert cost(cardop.sign) <= following
        cardop.logout()
        assert cost(lambda: login(cardop, pin)) <= known


def test_large_certificate_is_refused(pcscd, card):
    card("large")
    with Cardop(pcscd) as cardop:
        cardop.open()
        assert code_of(cardop.certificate) == "CERTIFICATE_INVALID"
        assert cardop.pin_status()["tries_left"] == 3


def test_key_that_is_not_the_certificate_s(pcscd, card):
    slot = card("mismatched")
    with Cardop(pcscd) as cardop:
        assert code_of(login, cardop, slot.cards["mismatched"]["pin"]) == "SIGNATURE_INVALID"


def test_certificate_of_the_other_key(pcscd, card):
    """What the card calls the authentication certificate is the signature certificate."""
    card("swapped")
    with Cardop(pcscd) as cardop:
        cardop.open()
        assert code_of(cardop.certificate) == "CERTIFICATE_INVALID"


# The PIN.

def test_wrong_pin_then_right(pcscd, card):
    slot = card()
    with Cardop(pcscd) as cardop:
        cardop.open()
        with pytest.raises(CardError) as error:
            cardop.verify("0000")
        assert (error.value.code, error.value.tries_left) == ("PIN_WRONG", 2)
        assert cardop.pin_status()["tries_left"] == 2
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        cardop.verify("1234")
        assert slot.tries()["pin"] == 3


def test_last_try_needs_a_yes(pcscd, card):
    slot = card()
    slot.tries(pin=1)
    with Cardop(pcscd) as cardop:
        assert cardop.open()["pin"]["tries_left"] == 1
        with pytest.raises(CardError) as error:
            cardop.verify("0000")
        assert (error.value.code, error.value.tries_left) == ("PIN_LAST_TRY", 1)
        assert slot.counters()["verifies"] == 0
        with pytest.raises(CardError) as error:
            cardop.verify("0000", last_try=True)
        assert (error.value.code, error.value.tries_left) == ("PIN_BLOCKED", 0)
        assert cardop.pin_status() == {"tries_left": 0, "blocked": True, "verified": False}
        assert code_of(cardop.verify, "1234", last_try=True) == "PIN_BLOCKED"
        assert slot.counters()["verifies"] == 1


def test_another_program_spends_tries_while_the_user_types(pcscd, card):
    slot = card()
    with Cardop(pcscd) as cardop:
        assert cardop.open()["pin"]["tries_left"] == 3
        slot.tries(pin=1)
        assert code_of(cardop.verify, "0000") == "PIN_LAST_TRY"
        assert slot.counters()["verifies"] == 0


@pytest.mark.parametrize("typed,code", [
    ("", "PROMPT_CANCELLED"), ("123", "PIN_INVALID"), ("12345", "PIN_INVALID"),
    ("12a4", "PIN_INVALID"), ("1234\n", "PIN_INVALID"), (b"\xd9\xa1\xd9\xa2", "PIN_INVALID"),
    (b"1" * 5000, "PIN_INVALID")])
def test_what_cannot_be_a_pin_is_not_sent(pcscd, card, typed, code):
    slot = card()
    with Cardop(pcscd) as cardop:
        cardop.open()
        assert code_of(cardop.verify, typed) == code
        assert slot.counters()["verifies"] == 0


def test_a_pipe_that_stays_silent(pcscd, card):
    slot = card()
    with Cardop(pcscd) as cardop:
        cardop.open()
        reading, writing = os.pipe()
        timer = Stopwatch()
        assert code_of(cardop.call, "verify", fd=reading, timeout_s=0.5) == "PROMPT_TIMEOUT"
        assert timer.took_s() < 1
        os.close(reading)
        os.close(writing)
        assert slot.counters()["verifies"] == 0


def test_the_pin_is_forgotten_at_once(pcscd, card):
    """Neither the command that carried it nor the guarded page is left in memory."""
    if os.geteuid() != 0 or slowness() > 1:
        pytest.skip("needs to read another process's memory, and not a sanitizer's terabytes")
    card()
    with Cardop(pcscd) as cardop:
        cardop.open()
        cardop.verify("1234")
        serial = b"29900101"  # found, hence the search sees what there is
        regions = list(processes.memory(cardop.process.pid))
        assert any(serial in region for region in regions)
        assert not any(b"\x20\x00\x01\x041234" in region for region in regions)
        assert not any(region.startswith(b"1234") for region in regions)


def test_logout_resets_the_card(pcscd, card):
    slot = card()
    with Cardop(pcscd) as cardop:
        login(cardop, "1234")
        assert slot.tries()["verified"]
        cardop.logout()
        assert not slot.tries()["verified"]
        assert code_of(cardop.sign) == "PIN_REQUIRED"


# Other cards, no card.

def test_foreign_card(pcscd, card):
    slot = card()
    slot.swap("foreign")
    with Cardop(pcscd) as cardop:
        assert code_of(cardop.open) == "CARD_UNSUPPORTED"
        assert code_of(cardop.sign) == "INVALID_REQUEST"


def test_no_card_and_no_reader(pcscd, card, slot):
    card()
    slot.remove()
    with Cardop(pcscd) as cardop:
        assert code_of(cardop.open) == "CARD_REMOVED"
        assert code_of(cardop.call, "open", reader="No Such Reader") == "NO_READER"
        assert code_of(cardop.call, "open", reader="x" * 200) == "NO_READER"


def test_mute_card_is_left_by_a_kill(pcscd, card):
    slot = card()
    slot.mute()
    with Cardop(pcscd) as cardop:
        cardop.send("open", {"reader": cardop.reader})
        with pytest.raises(TimeoutError):
            cardop.receive(1)
        cardop.process.kill()
        timer = Stopwatch()
        cardop.process.wait(30)
        assert timer.took_s() < 0.5
    slot.mute(False)
    slot.remove()
    slot.insert("physician")
    with Cardop(pcscd) as cardop:
        login(cardop, "1234")


# Removal; torn out at each APDU: test_cardop_torn.py.

def test_card_put_back_is_another_session(pcscd, card):
    slot = card()
    with Cardop(pcscd) as cardop:
        login(cardop, "1234")
        slot.remove()
        slot.insert("physician")
        assert code_of(cardop.sign) == "CARD_REMOVED"
        assert not cardop.open()["pin"]["verified"]
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        login(cardop, "1234")


def test_another_card_hidden_by_a_reset(pcscd, card):
    """The news of a reset replaces, in pcscd, the one that the card was exchanged."""
    slot = card()
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        login(cardop, "1234")
        slot.remove()
        slot.insert("nurse")
        assert probe.connect()["rv"] == 0
        assert probe.reconnect()["rv"] == 0
        slot.reset_counters()
        assert code_of(cardop.verify, "1234") == "CARD_REMOVED"
        assert slot.counters()["verifies"] == 0
        assert cardop.open()["serial"] == slot.cards["nurse"]["serial"]


# Status words out of place.

@pytest.mark.parametrize("ins,sw", [
    ("A4", "6F00"), ("B0", "6982"), ("20", "6A88"), ("20", "63CF"), ("20", "63FF"), ("20", "6C04"), ("22", "6A80"),
    ("88", "6982"), ("88", "6F00"), ("C0", "6F00"), ("88", "9000"), ("B0", "9000")])
def test_instruction_that_always_fails(pcscd, card, ins, sw):
    slot = card()
    with Cardop(pcscd) as cardop:
        slot.inject(sw, times=1000, ins=ins)
        with pytest.raises(CardError) as error:
            login(cardop, "1234")
        if ins == "B0":
            assert error.value.code == "CARD_UNSUPPORTED"
        elif sw == "63CF":
            assert error.value.code == "PIN_WRONG"
        elif (ins, sw) == ("88", "9000"):
            assert error.value.code == "SIGNATURE_INVALID"
        else:
            assert error.value.code == "CARD_PROTOCOL"
            assert any(sw in cause for cause in error.value.causes)
        assert slot.counters()["apdus"] < 80
        slot.clear_faults()
        slot.tries(pin=3)
        login(cardop, "1234")


@pytest.mark.parametrize("at", range(1, LOGIN_APDUS + 1))
def test_one_wrong_status_word(pcscd, card, at):
    """Once, at each APDU: the login succeeds or says CARD_PROTOCOL, and works the next time."""
    slot = card()
    with Cardop(pcscd) as cardop:
        slot.inject("6F00", at=at)
        assert code_of(login, cardop, "1234") in (None, "CARD_PROTOCOL")
        assert slot.counters()["verifies"] <= 1
        login(cardop, "1234")


# Other programs on the same card.

def test_reset_by_another_program(pcscd, card):
    slot = card()
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        login(cardop, "1234")
        assert probe.connect()["rv"] == 0
        assert probe.reconnect()["rv"] == 0
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        assert slot.counters()["verifies"] == 1
        # That program presents the PIN: it is not ours.
        assert probe.transmit("00 20 00 01 04 31 32 33 34")["answer"] == "9000"
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        assert not cardop.pin_status()["verified"]
        cardop.verify("1234")
        cardop.sign()


@pytest.mark.parametrize("selection", ["00A4090C023F00", "00A4090C043F000002", "00A4090C043F002F00"])
def test_another_program_selects_elsewhere(pcscd, card, selection):
    card()
    with Cardop(pcscd) as cardop, PcscProbe(pcscd) as probe:
        login(cardop, "1234")
        assert probe.connect()["rv"] == 0
        assert probe.transmit(selection)["answer"] == "9000"
        cardop.sign()
        assert probe.transmit(selection)["answer"] == "9000"
        cardop.verify("1234")
        assert probe.transmit(selection)["answer"] == "9000"
        assert cardop.open()["pin"]["tries_left"] == 3


def test_turns_with_opensc(pcscd, card, tmp_path):
    """pkcs11-tool, a new process each time, and one cardop: 20 logins and signatures each."""
    slot = card()
    (tmp_path / "in").write_bytes(digest_info(b"message"))
    with Cardop(pcscd) as cardop:
        certificate = slot.cards.certificate("physician").read_bytes()
        for _ in range(20):
            assert verified_by(certificate, b"message", login(cardop, "1234"), tmp_path)
            subprocess.run(
                ["pkcs11-tool", "--module", OPENSC, "--login", "--pin", "1234", "--sign", "--mechanism", "RSA-PKCS",
                 "--id", OPENSC_KEY_ID, "--input-file", tmp_path / "in", "--output-file",
                 tmp_path / "out"], env=pcscd.env(), check=True, capture_output=True)
            signature = (tmp_path / "out").read_bytes()
            assert verified_by(certificate, b"message", signature, tmp_path)


def test_opensc_keeps_its_session_meanwhile(pcscd, card):
    card()
    info = digest_info(b"message")
    with Cardop(pcscd) as cardop, Pkcs11(pcscd.env()) as opensc:
        assert opensc.initialize()["rv"] == 0
        slot = next(s for s in opensc.slots() if "porteur" in opensc.token(s)["label"])
        assert opensc.open(slot)["rv"] == 0
        assert opensc.login("1234")["rv"] == 0
        login(cardop, "1234")
        for _ in range(20):
            assert cardop.sign() == bytes.fromhex(opensc.sign(OPENSC_KEY, info)["value"])


# pcscd.

def test_pcscd_absent_killed_restarted(card):
    with Pcscd(start=False) as pcscd:
        with Cardop(pcscd) as cardop:
            assert code_of(cardop.open) == "PCSC_UNAVAILABLE"
            pcscd.start()
            with VirtualCard(pcscd, insert="physician"):
                login(cardop, "1234")
                pcscd.stop(kill=True)
                assert code_of(cardop.sign) == "PCSC_UNAVAILABLE"
                assert code_of(cardop.open) == "PCSC_UNAVAILABLE"
                pcscd.start()
                with PcscProbe(pcscd) as probe:
                    assert probe.wait(present=True)["rv"] == 0
                login(cardop, "1234")


def test_pcscd_frozen(pcscd, card):
    card()
    with Cardop(pcscd) as cardop:
        login(cardop, "1234")
        pcscd.freeze()
        try:
            cardop.send("sign", {"usage": "authentication", "hash": "sha256",
                                 "digest": b64(bytes(32))})
            with pytest.raises(TimeoutError):
                cardop.receive(1)
            cardop.process.kill()
            cardop.process.wait(30)
        finally:
            pcscd.thaw()
    with Cardop(pcscd) as cardop:
        login(cardop, "1234")
