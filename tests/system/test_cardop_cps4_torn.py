# SPDX-License-Identifier: Apache-2.0
"""The virtual CPS4 torn out at each APDU of each dialogue: before, inside or after its answer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cpsworld import CardSet, Pcscd, VirtualCard
from cpsworld.cardop import Cardop, CardError
from cpsworld.fixtures import encrypted

PIN, PUK = "1357", "12345678"


def dialogues(cards, tmp_path):
    """What is asked of a card, in order."""
    cryptogram = encrypted(cards.certificate("cps4").read_bytes(), b"secret", tmp_path)
    return [
        lambda cardop: cardop.open(),
        lambda cardop: cardop.certificate(),
        lambda cardop: cardop.verify(PIN),
        lambda cardop: cardop.sign(),
        lambda cardop: cardop.sign(b"m", "sha512", mechanism="RSA_PKCS_PSS"),
        lambda cardop: cardop.decrypt(cryptogram),
        lambda cardop: cardop.sign(usage="signature"),
        lambda cardop: cardop.object("CPS_ACTIVITY_02_PS"),
        lambda cardop: cardop.change_pin(PIN, PIN),
        lambda cardop: cardop.unblock_pin(PUK, PIN),
    ]


def play(cardop, asked):
    """The code of the first error, or None."""
    try:
        for ask in asked:
            ask(cardop)
    except CardError as error:
        return error.code
    return None


class Reader:
    """One slot and what is torn out of it."""

    def __init__(self, pcscd, number, cards, asked):
        self.pcscd, self.number, self.asked = pcscd, number, asked
        self.slot = VirtualCard(pcscd, slot=number, cards=cards)

    def whole(self):
        """APDUs of everything."""
        self.slot.insert("cps4")
        self.slot.reset_counters()
        with Cardop(self.pcscd, slot=self.number) as cardop:
            assert play(cardop, self.asked) is None
        self.slot.remove()
        return self.slot.counters()["apdus"]

    def tear(self, places):
        """(place, code of the error) of each place where something else than a removal came out."""
        wrong = []
        for at, when in places:
            self.slot.reload("cps4")
            self.slot.insert("cps4")
            with Cardop(self.pcscd, slot=self.number) as cardop:
                self.slot.tear(at=at, when=when)
                code = play(cardop, self.asked)
                later = play(cardop, self.asked[3:4])
            if code != "CARD_REMOVED" or later not in ("CARD_REMOVED", "INVALID_REQUEST"):
                wrong.append((at, when, code, later))
            assert self.slot.status()["card"] is None
        return wrong


def test_torn_out_at_each_apdu(tmp_path):
    """Two readers share the places; the kind of tear turns, so that each meets all instructions."""
    cards = CardSet()
    asked = dialogues(cards, tmp_path)
    with Pcscd() as pcscd:
        readers = [Reader(pcscd, number, cards, asked) for number in (0, 1)]
        try:
            whole = readers[0].whole()
            assert whole > 40
            places = [(at, ("before", "inside", "after")[at % 3]) for at in range(1, whole)]
            with ThreadPoolExecutor(2) as pool:
                wrong = list(pool.map(lambda k: readers[k].tear(places[k::2]), (0, 1)))
            assert wrong == [[], []]
        finally:
            for reader in readers:
                reader.slot.close()


@pytest.mark.parametrize("ins", ["20", "24", "2C"])
def test_a_code_is_never_half_changed(ins):
    """Whatever is lost of an unblocking, the PIN is the old one or the new one."""
    with Pcscd() as pcscd, VirtualCard(pcscd) as slot:
        for when in ("before", "after"):
            slot.reload("cps4")
            slot.tries(card="cps4", pin=0)
            slot.insert("cps4")
            with Cardop(pcscd) as cardop:
                cardop.open()
                slot.tear(ins=ins, at=2 if ins == "20" else 1, when=when)
                done = ins == "24" and when == "after"  # the last word that counts came
                assert play(cardop, [lambda c: c.unblock_pin(PUK, "2468")]) == (
                    None if done else "CARD_REMOVED")
            slot.insert("cps4")
            with Cardop(pcscd) as cardop:
                tries = cardop.open()["pin"]["tries_left"]
                assert tries in (0, 3)
                if tries == 0:
                    cardop.unblock_pin(PUK, PIN)
                assert play(cardop, [lambda c: c.verify(PIN)]) in (None, "PIN_WRONG")
                if not cardop.pin_status()["verified"]:
                    cardop.verify("2468")
            slot.remove()
