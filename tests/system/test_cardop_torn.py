# SPDX-License-Identifier: Apache-2.0
"""The card torn out at each APDU of each dialogue of cps-cardop: the error says so, in time, and no
code is lost. Most of it is waiting for pcscd, which looks twice a second: several card services
share the work."""

import concurrent.futures
import contextlib
import threading

from cpsworld import CardSet, Pcscd, VirtualCard
from cpsworld.cardop import Cardop, CardError
from cpsworld.fixtures import encrypted
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch

WORLDS = 6
IN_TIME_S = 4 * slowness()  # pcscd may take 1.5 s to tell a torn card from a mute one


def sign_last_round(cardop, _):
    return len(cardop.sign_last_round("sha256", b"", 0, b"abc")) == 256


def read_objects(cardop, _):
    return len(cardop.objects()) > 4 and cardop.object("CPS_LANG_PS") == b"FR" and \
        cardop.object("CPS_ACTIVITY_01_PS").startswith(b"\xee")


def certificates(cardop, cards):
    cardop.open()
    return all(cardop.certificate(usage) == cards.certificate("physician", file).read_bytes()
               for usage, file in (("authentication", "aut"), ("signature", "sig")))


def contactless(cardop, cards):
    cardop.open()
    return cardop.certificate("technical") == \
        cards.certificate("contactless", "tech").read_bytes() and \
        len(cardop.sign(usage="technical")) == 256


class Dialogue:
    """prepare: what is done before; run: gives True when what came out is right."""

    def __init__(self, name, run, prepare="nothing", card="physician"):
        self.name, self.run, self.card = name, run, card
        self._prepare = prepare

    def prepare(self, cardop):
        if self._prepare == "nothing":
            return
        cardop.open()
        cardop.certificate()
        cardop.certificate("signature")
        if self._prepare == "login":
            cardop.verify("1234")
            cardop.sign()


CRYPTOGRAM = []
DIALOGUES = [
    Dialogue("open, certificates", certificates),
    Dialogue("contactless", contactless, card="contactless"),
    Dialogue("verify", lambda cardop, _: cardop.verify("1234") == {"tries_left": 3}, "open"),
    Dialogue("sign", lambda cardop, _: len(cardop.sign()) == 256, "login"),
    Dialogue("sign, other key", lambda cardop, _: len(cardop.sign(usage="signature")) == 256,
             "login"),
    Dialogue("sign, last round", sign_last_round, "login"),
    Dialogue("decrypt", lambda cardop, _: cardop.decrypt(CRYPTOGRAM[0]) == b"secret", "login"),
    Dialogue("change", lambda cardop, _: cardop.change_pin("1234", "1234") == {"tries_left": 3},
             "open"),
    Dialogue("unblock",
             lambda cardop, _: cardop.unblock_pin("12345678", "1234") == {"tries_left": 3}, "open"),
    Dialogue("objects", read_objects, "login"),
]


class World:
    """A card service with one slot; one a thread."""

    _local = threading.local()
    _all = contextlib.ExitStack()
    _lock = threading.Lock()

    def __init__(self):
        with contextlib.ExitStack() as stack:
            self.pcscd = stack.enter_context(Pcscd())
            self.slot = stack.enter_context(VirtualCard(self.pcscd))
            with self._lock:
                self._all.push(stack.pop_all())

    @classmethod
    def mine(cls):
        if not hasattr(cls._local, "world"):
            cls._local.world = cls()
        return cls._local.world

    @classmethod
    def end(cls):
        cls._all.close()

    def insert(self, card):
        self.slot.clear_faults()
        self.slot.remove()
        self.slot.reload(card)
        self.slot.insert(card)


def measure(dialogue):
    """How many APDUs it takes when all goes well."""
    world = World.mine()
    world.insert(dialogue.card)
    with Cardop(world.pcscd) as cardop:
        dialogue.prepare(cardop)
        before = world.slot.counters()["apdus"]
        assert dialogue.run(cardop, world.slot.cards), dialogue.name
        return world.slot.counters()["apdus"] - before


def outcome(dialogue, cardop, cards):
    """The code of the error, None when what came out is right."""
    try:
        return None if dialogue.run(cardop, cards) else "wrong result"
    except CardError as error:
        return error.code


def tear(dialogue, at, when, last):
    """What is wrong with what became of it; empty when nothing is."""
    world = World.mine()
    world.insert(dialogue.card)
    wrong = []
    with Cardop(world.pcscd) as cardop:
        dialogue.prepare(cardop)
        world.slot.tear(at=at, when=when)
        timer = Stopwatch()
        code = outcome(dialogue, cardop, world.slot.cards)
        took = timer.took_s()
        allowed = {"CARD_REMOVED", None} if when == "after" and last else {"CARD_REMOVED"}
        if code not in allowed:
            wrong.append(f"said {code}")
        if took > IN_TIME_S:
            wrong.append(f"took {took:.1f} s")
        try:
            cardop.sign()
            wrong.append("signs afterwards")
        except CardError as error:
            if error.code not in ("CARD_REMOVED", "INVALID_REQUEST", "CARD_UNSUPPORTED",
                                  "PIN_REQUIRED"):
                wrong.append(f"says {error.code} afterwards")
    tries = world.slot.tries(card=dialogue.card)
    if (tries["pin"], tries["puk"]) != (3, 10):
        wrong.append(f"tries left: {tries}")
    return [f"{dialogue.name}, torn {when} APDU {at}: {what}" for what in wrong]


def seen_torn(job):
    """What stays wrong. A card that pcscd, without a processor, does not see leave is a mute one."""
    for _ in range(3):
        wrong = tear(*job)
        if not any("CARD_MUTE" in line for line in wrong):
            break
    return wrong


def moments(apdus):
    """After one APDU is before the next, but for the last."""
    for at in range(1, apdus + 1):
        yield at, "before"
        yield at, "inside"
    yield apdus, "after"


def test_torn_out_at_each_apdu(tmp_path):
    der = CardSet().certificate("physician").read_bytes()
    CRYPTOGRAM[:] = [encrypted(der, b"secret", tmp_path)]
    with contextlib.ExitStack() as stack:
        stack.callback(World.end)
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(WORLDS))
        lengths = list(pool.map(measure, DIALOGUES))
        assert all(lengths)
        jobs = [(dialogue, at, when, at == apdus) for dialogue, apdus in zip(DIALOGUES, lengths)
                for at, when in moments(apdus)]
        wrong = [line for lines in pool.map(seen_torn, jobs) for line in lines]
    assert not wrong, "\n".join(wrong)
    assert len(jobs) == sum(2 * apdus + 1 for apdus in lengths) > 100
