# SPDX-License-Identifier: Apache-2.0
"""What a login costs the card: APDUs, bytes, and the time a real one would take.

A real card is slow by the exchange and by the byte, and it differs from reader to reader; counts
do not. The time is that of a model fitted on published traces of real cards, its RSA term a guess.
"""

import hashlib
import pathlib
import time

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent
from cpsworld.cardop import Cardop
from cpsworld.p11 import OPENSC, Pkcs11

from .report import Section

APDU_MS, BYTE_MS, RSA_MS = 10, 1.05, 500
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
CKF_LOGIN_REQUIRED = 4
OPENSC_NAME = "OpenSC 0.23, PKCS#11"

# Card, what it is, the limits of a first signature and of the next one.
CARDS = (("physician", "CPS3, usual layout", 16, 4),
         ("variant", "CPS3, walked layout", 28, 4),
         ("physician-t1", "CPS3, usual layout, T=1", 16, 4),
         ("contactless", "CPS3 without contact, T=1", 16, 4),
         ("cps4", "CPS4, usual layout", 16, 4),
         ("cps4-variant", "CPS4, walked layout", 28, 4),
         ("cps4-t1", "CPS4, usual layout, T=1", 16, 4))
PEERS_ON = ("physician", "contactless", "cps4")
KNOWN_LIMIT, SEEN_LIMIT = 7, 3


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
        return {key: sum(self.costs[name][key] for name in names)
                for key in ("apdus", "to_card", "from_card", "rsa", "at_s")}


class Refused(Exception):
    """A module does not serve a card; says how."""


def cardop_login(pcscd, slot, card):
    """(cold insertion to identity, first and next signature; login again on the known card)."""
    def log_in(cardop):
        if not technical:
            cardop.verify(slot.cards[card]["pin"])

    technical = slot.cards[card]["interface"] == "contactless"
    usage = "technical" if technical else "authentication"
    first = Steps(slot)
    with Cardop(pcscd) as cardop:
        cardop.open()
        cardop.certificate(usage)
        first.done("identity")
        log_in(cardop)
        cardop.sign(b"one", usage=usage)
        first.done("sign")
        cardop.sign(b"two", usage=usage)
        first.done("next")
        cardop.logout()
        again = Steps(slot)
        cardop.open()
        cardop.certificate(usage)
        log_in(cardop)
        cardop.sign(b"three", usage=usage)
        again.done("again")
    return first, again.costs["again"]


def module_login(pcscd, slot, card, module=OPENSC):
    """The same by a program that uses a PKCS#11 module."""
    def well(what, answer):
        if answer["rv"] != 0 or answer.get("found") is False or answer.get("value", "") is None:
            raise Refused(f"{what}: {answer['rv']:#x}" if answer["rv"] else f"no {what}")
        return answer
    technical = slot.cards[card]["interface"] == "contactless"
    certificate = "Certificat Technique CPS" if technical else "Certificat d'Authentification CPS"
    key = "CPS_PRIV_TECH" if technical else "CPS_PRIV_AUT"
    steps = Steps(slot)
    with Pkcs11(pcscd.env(), module) as p11:
        well("C_Initialize", p11.initialize())
        slots = p11.slots()
        if not slots:
            raise Refused("no token")
        token = well("C_GetTokenInfo", p11.token(slots[0]))
        well("C_OpenSession", p11.open(slots[0]))
        well("certificate", p11.certificate(certificate))
        steps.done("identity")
        if token["flags"] & CKF_LOGIN_REQUIRED:
            well("C_Login", p11.login(slot.cards[card]["pin"]))
        for name in ("sign", "next"):
            digest = hashlib.sha256(name.encode()).digest()
            well("private key", p11.sign(key, SHA256_INFO + digest))
            steps.done(name)
    return steps


def cells(cost):
    return cost["apdus"], cost["to_card"] + cost["from_card"], f"{model_s(cost):.2f}"


def step_row(name, steps):
    return (name, *cells(steps.costs["identity"]), *cells(steps.sum("identity", "sign")),
            *cells(steps.costs["next"]))


def put(slot, card):
    """That card in the slot, as new."""
    slot.remove()
    slot.reload(card)
    slot.insert(card)


def peer_row(name, pcscd, slot, card, module):
    put(slot, card)
    before = Cost(slot)
    try:
        return step_row(name, module_login(pcscd, slot, card, module))
    except Refused as refused:
        spent = Cost(slot) - before
        return (f"{name}: {refused}", *cells(spent), *("—",) * 6)


def counts(pcscd, slot, modules):
    section = Section("APDUs of a card login")
    rows, goals, known = [], [], {}
    for card, what, first_limit, next_limit in CARDS:
        put(slot, card)
        first, known[what] = cardop_login(pcscd, slot, card)
        rows.append(step_row(f"{what}: cps-cardop", first))
        goals.append((f"first signature, {what}", first.sum("identity", "sign")["apdus"],
                      first_limit))
        goals.append((f"next signature, {what}", first.costs["next"]["apdus"], next_limit))
        for name, module in modules.items() if card in PEERS_ON else ():
            rows.append(peer_row(f"{what}: {name}", pcscd, slot, card, module))
    goals += [(f"first signature, {what}, card known in memory", cost["apdus"], KNOWN_LIMIT)
              for what, cost in known.items() if "walked" not in what]
    section.text(
        "Virtual cards behind a real pcscd, counted by the card; T=0 unless it says otherwise. "
        f"Seconds: {APDU_MS} ms an APDU, {BYTE_MS} ms a byte both ways, {RSA_MS} ms an RSA "
        "operation. Identity: the card recognised and the certificate read that names its holder "
        "(without contact, the card). First signature: identity, the PIN if there is one, one "
        "signature. After a refusal, what it took.")
    section.table(("", "identity: APDUs", "bytes", "s", "first signature: APDUs", "bytes", "s",
                   "next: APDUs", "bytes", "s"), rows)
    section.text(
        "Card known in memory: after a logout, the card still in. Without the certificate there is "
        "no first signature here: it is what proves the key.")
    section.goals(*goals)
    return section


def card_ready(client, slot, card, steps, name):
    slot.insert(card)
    client.until_card()
    steps.done(name)


def agent_login(pcscd, slot):
    """What the whole of a login costs, as a user of the agent lives it."""
    section = Section("APDUs of session.login")
    rows, goals = [], []
    for card, what in (("physician", "CPS3"), ("contactless", "CPS3 without contact"),
                       ("cps4", "CPS4")):
        slot.remove()
        slot.reload(card)
        with Agent(pcscd, anchors=[slot.cards.chain]) as agent, agent.client() as client:
            client.call("subscribe")
            steps = Steps(slot)
            card_ready(client, slot, card, steps, "card ready after insertion")
            if card != "contactless":
                pin = slot.cards[card]["pin"]
                agent.pinentry.answers("pin " + pin, "pin " + pin)
                client.call("session.login", method="card")
                steps.done("session.login")
                client.call("session.login", method="card", fresh=True)
                steps.done("session.login again, fresh")
            slot.remove()
            while client.call("card.list")["cards"]:
                client.next_event("event.card", 10)
            steps.done("removal")
            card_ready(client, slot, card, steps, "card ready, seen before")
        rows += [(f"{what}: {name}", *cells(cost)) for name, cost in steps.costs.items()
                 if name != "removal"]
        goals.append((f"identity of a card seen since the start, {what}",
                      steps.costs["card ready, seen before"]["apdus"], SEEN_LIMIT))
    section.text("Through the agent, the PIN typed at once by the test pinentry. The ATR aside, "
                 "nothing is read before the agent sees the card. A card without contact proves no "
                 "PIN: it opens no session by itself.")
    section.table(("step", "APDUs", "bytes", "s by the model"), rows)
    section.goals(*goals)
    return section


def slow_card(pcscd, slot):
    """Once for real: the virtual card takes the time of the model."""
    rows = []
    for card, name, login in (("physician", "CPS3: cps-cardop", cardop_login),
                              ("physician", f"CPS3: {OPENSC_NAME}", module_login),
                              ("cps4", "CPS4: cps-cardop", cardop_login)):
        put(slot, card)
        slot.latency(APDU_MS * 1000, round(BYTE_MS * 1000), RSA_MS * 1000)
        steps = login(pcscd, slot, card)
        steps = steps[0] if isinstance(steps, tuple) else steps
        slot.latency(0, 0, 0)
        total = steps.sum("identity", "sign")
        rows.append((name, f"{total['at_s']:.1f}", f"{model_s(total):.1f}",
                     f"{steps.costs['next']['at_s']:.2f}", f"{model_s(steps.costs['next']):.2f}"))
    section = Section("A slow card, for real")
    section.text("The virtual card with the delays of the model, time taken on the clock.")
    section.table(("", "s to first signature", "by the model", "s next signature",
                   "by the model"), rows)
    return section


def run(tools, quick):
    modules = {OPENSC_NAME: OPENSC, **{pathlib.Path(path).name: path for path in tools.modules}}
    with Pcscd() as pcscd, VirtualCard(pcscd, insert="physician") as slot:
        yield counts(pcscd, slot, modules)
        yield agent_login(pcscd, slot)
        if not quick:
            yield slow_card(pcscd, slot)
