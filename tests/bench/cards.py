# SPDX-License-Identifier: Apache-2.0
"""What a login costs the card: APDUs, bytes, and the time a real one would take.

A real card is slow by the exchange and by the byte, and it differs from reader to reader; counts
do not. The time is that of a model fitted on published traces of real cards, its RSA term a guess.
"""

import hashlib
import time

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent
from cpsworld.cardop import Cardop
from cpsworld.p11 import Pkcs11

from .report import Section

APDU_MS, BYTE_MS, RSA_MS = 10, 1.05, 500
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
AUT_LABEL = "Certificat d'Authentification CPS"


class Cost:
    """Counters of the card between two moments, and the wall time."""

    def __init__(self, slot):
        counters = slot.counters()
        self.apdus = counters["apdus"]
        self.to_card, self.from_card = counters["bytes_to_card"], counters["bytes_from_card"]
        self.rsa = counters["rsa_ops"]
        self.at_s = time.monotonic()

    def __sub__(self, other):
        return {name: getattr(self, name) - getattr(other, name) for name in vars(self)}


def model_s(cost):
    bytes_both = cost["to_card"] + cost["from_card"]
    return (cost["apdus"] * APDU_MS + bytes_both * BYTE_MS + cost["rsa"] * RSA_MS) / 1000


class Steps:
    """Names steps and keeps the cost of each."""

    def __init__(self, slot):
        self._slot, self._last, self.costs = slot, Cost(slot), {}

    def done(self, name):
        now = Cost(self._slot)
        self.costs[name], self._last = now - self._last, now

    def sum(self, *names):
        names = names or self.costs
        return {key: sum(self.costs[name][key] for name in names)
                for key in ("apdus", "to_card", "from_card", "rsa", "at_s")}


def cardop_login(pcscd, slot, pin):
    """(cold insertion to first signature and the next one, login again on the known card)."""
    first, again = Steps(slot), None
    with Cardop(pcscd) as cardop:
        cardop.open()
        first.done("open")
        cardop.certificate()
        first.done("certificate")
        cardop.verify(pin)
        first.done("PIN")
        cardop.sign(b"one")
        first.done("sign")
        cardop.sign(b"two")
        first.done("next")
        cardop.logout()
        again = Steps(slot)
        cardop.open()
        cardop.certificate()
        cardop.verify(pin)
        cardop.sign(b"three")
        again.done("again")
    return first, again


def opensc_login(pcscd, slot, pin):
    """The same by a program that uses OpenSC's PKCS#11 module."""
    def well(answer):
        if answer["rv"] != 0:
            raise RuntimeError(f"OpenSC answers {answer['rv']:#x}")
    steps = Steps(slot)
    with Pkcs11(pcscd.env()) as p11:
        well(p11.initialize())
        well(p11.token(p11.slots()[0]))
        well(p11.open(p11.slots()[0]))
        steps.done("open")
        well(p11.certificate(AUT_LABEL))
        steps.done("certificate")
        well(p11.login(pin))
        steps.done("PIN")
        for name in ("sign", "next"):
            digest = hashlib.sha256(name.encode()).digest()
            well(p11.sign("CPS_PRIV_AUT", SHA256_INFO + digest))
            steps.done(name)
    return steps


FIRST = ("open", "certificate", "PIN", "sign")


def step_row(name, steps):
    total = steps.sum(*FIRST)
    return (name, *(steps.costs[step]["apdus"] for step in FIRST), f"**{total['apdus']}**",
            total["to_card"], total["from_card"], f"{model_s(total):.1f}",
            steps.costs["next"]["apdus"], f"{model_s(steps.costs['next']):.2f}")


def counts(pcscd, slot):
    section = Section("APDUs of a card login")
    rows, goals = [], []
    limits = {"physician": ("usual layout", 16), "variant": ("walked layout", 28),
              "physician-t1": ("usual layout, T=1", 16)}
    for card, (what, limit) in limits.items():
        slot.swap(card)
        first, again = cardop_login(pcscd, slot, slot.cards[card]["pin"])
        rows.append(step_row(f"cps-cardop, {what}", first))
        goals.append((f"first signature, {what}", first.sum(*FIRST)["apdus"], limit))
        goals.append((f"next signature, {what}", first.costs["next"]["apdus"], 4))
        if card == "physician":
            known = again.costs["again"]
    goals.append(("first signature, card known in memory", known["apdus"], 7))
    slot.swap("physician")
    rows.append(step_row("OpenSC 0.23, PKCS#11",
                         opensc_login(pcscd, slot, slot.cards["physician"]["pin"])))
    section.text(
        "Virtual CPS3 behind a real pcscd, counted by the card; T=0 unless it says otherwise. "
        f"Seconds: {APDU_MS} ms an APDU, {BYTE_MS} ms a byte, {RSA_MS} ms an RSA operation.")
    section.table(("", "open", "certificate", "PIN", "sign", "to first signature", "bytes to card",
                   "bytes from card", "s", "next signature", "s"), rows)
    section.text(
        f"After a logout, the card still in: {known['apdus']} APDUs, {known['to_card']} bytes to "
        f"the card, {known['from_card']} from it, {model_s(known):.1f} s. Without the certificate "
        "there is no first signature here: it is what proves the key. OpenSC reads it while it "
        "opens the card.")
    section.goals(*goals)
    return section


def agent_login(pcscd, slot):
    """What the whole of a login costs, as a user of the agent lives it."""
    section = Section("APDUs of session.login")
    slot.remove()
    with Agent(pcscd, anchors=[slot.cards.chain]) as agent:
        pin = slot.cards["physician"]["pin"]
        agent.pinentry.answers("pin " + pin, "pin " + pin)
        with agent.client() as client:
            client.call("subscribe")
            steps = Steps(slot)
            slot.insert("physician")
            client.until_card()
            steps.done("card ready after insertion")
            client.call("session.login", method="card")
            steps.done("session.login")
            client.call("session.login", method="card", fresh=True)
            steps.done("session.login again, fresh")
    section.text("Through the agent, the PIN typed at once by the test pinentry. The ATR aside, "
                 "nothing is read before the agent sees the card.")
    section.table(("step", "APDUs", "bytes to card", "bytes from card", "s by the model"),
                  [(name, cost["apdus"], cost["to_card"], cost["from_card"],
                    f"{model_s(cost):.2f}") for name, cost in steps.costs.items()])
    return section


def slow_card(pcscd, slot):
    """Once for real: the virtual card takes the time of the model."""
    rows = []
    for name, login in (("cps-cardop", cardop_login), ("OpenSC 0.23, PKCS#11", opensc_login)):
        slot.swap("physician")
        slot.latency(APDU_MS * 1000, round(BYTE_MS * 1000), RSA_MS * 1000)
        steps = login(pcscd, slot, slot.cards["physician"]["pin"])
        steps = steps[0] if isinstance(steps, tuple) else steps
        slot.latency(0, 0, 0)
        total = steps.sum(*FIRST)
        rows.append((name, f"{total['at_s']:.1f}", f"{model_s(total):.1f}",
                     f"{steps.costs['next']['at_s']:.2f}", f"{model_s(steps.costs['next']):.2f}"))
    section = Section("A slow card, for real")
    section.text("The virtual card with the delays of the model, time taken on the clock.")
    section.table(("", "s to first signature", "by the model", "s next signature",
                   "by the model"), rows)
    return section


def run(_tools, quick):
    with Pcscd() as pcscd, VirtualCard(pcscd, insert="physician") as slot:
        yield counts(pcscd, slot)
        yield agent_login(pcscd, slot)
        if not quick:
            yield slow_card(pcscd, slot)
