# SPDX-License-Identifier: Apache-2.0
"""A card login whose helpers misbehave at each step: a coded error in time, and no session."""
import base64
import contextlib
import itertools
import json
import statistics
import time

import pytest

from cpsworld import CardSet
from cpsworld.agent import Agent, RpcError
from cpsworld.evil import (CARDOP, FAULTS, PROMPT, SILENT, SPOKEN_CARDWATCH, Notes, evil,
                           misbehave, open_descriptors, zombies)
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

READER = "Evil reader 00 00"
MARKER = "marqueur-de-code-5a17"
DEADLINE_MS = 250 * slowness()
LONG_MS = 60000
LATE_S = 0.05 * slowness()
STEPS = {"cps-cardop": ("start", "hello", "open", "certificate", "pin_status", "verify", "sign"),
         "cps-prompt": ("start", "hello", "pin")}
CODED = {"COMPONENT_FAILED", "DEADLINE_EXCEEDED", "INTERNAL", "PIN_BLOCKED", "CERTIFICATE_INVALID",
         "SIGNATURE_INVALID", "PROMPT_CANCELLED"}


class World:
    """One agent for all the faults that a worker tries: it must outlive them."""

    def __init__(self):
        cards = CardSet()
        certificate = base64.urlsafe_b64encode(cards.certificate("physician").read_bytes())
        key = (cards.cards / "physician" / "aut.key").read_text()
        self.agent = Agent(anchors=[cards.chain], libexec={
            "cps-cardwatch": evil(SPOKEN_CARDWATCH), "cps-prompt": evil(PROMPT, PIN=MARKER),
            "cps-cardop": evil(CARDOP, CERTIFICATE=certificate.rstrip(b"=").decode(), KEY=key)})
        self.events = itertools.count(1)
        self.late = []
        self.others = []

    def say(self, event, **members):
        with open(self.agent.dir / "home" / "cardwatch", "wb", buffering=0) as fifo:
            fifo.write(json.dumps({"event": event, **members}).encode() + b"\n")

    def reader(self, present):
        self.say("reader", reader=READER, present=present, mute=False, atr="3B00",
                 events=next(self.events))

    def insert(self, client, states=("ready",)):
        self.reader(True)
        return client.until_card(states, 20)

    def remove(self, client):
        self.reader(False)
        client.next_event("event.card", change="removed")


@pytest.fixture(scope="module")
def world():
    it = World()
    with it.agent as agent:
        assert wait_until((agent.dir / "home" / "cardwatch").exists)
        it.say("pcsc", state="up")
        it.say("beat")
        yield it
        check_afterwards(it)


@contextlib.contextmanager
def subscribed(world):
    """Afterwards the reader is empty and the helpers behave."""
    with world.agent.client() as it:
        it.call("subscribe")
        yield it
        for program in STEPS:
            misbehave(world.agent, program, None, "")
        world.reader(False)
        assert wait_until(lambda: not it.call("card.list")["cards"])
        assert it.call("session.current")["session"] is None


@pytest.fixture(name="client")
def fixture_client(world):
    with subscribed(world) as it:
        yield it


def honest_login(world, client):
    world.insert(client)
    session = client.call("session.login", method="card")
    assert session["method"] == "card"
    world.remove(client)


def check_afterwards(world):
    """The same agent, after all of that."""
    late, others = sorted(world.late), sorted(world.others)
    if late:
        print(f"late: median {statistics.median(late) * 1000:.1f} ms, "
              f"worst {late[-1] * 1000:.1f} ms; others: median "
              f"{statistics.median(others) * 1000:.2f} ms, worst {others[-1] * 1000:.1f} ms")
        assert statistics.median(late) < LATE_S
        assert statistics.median(others) < 0.01
    with subscribed(world) as client:
        honest_login(world, client)
        assert MARKER not in json.dumps(client.notifications)
    assert wait_until(lambda: zombies(world.agent) == 0)
    assert MARKER not in world.agent.log.read_text()


def ask(world, client, deadline_ms=DEADLINE_MS):
    """A card login that must fail: the name of its error and how late it came, others served
    meanwhile."""
    with world.agent.client() as other:
        timer = Stopwatch()
        number = client.send("session.login", method="card", deadline_ms=deadline_ms)
        while number not in client.answers:
            beside = Stopwatch()
            assert timer.took_s() < deadline_ms / 1000 + 2, "never answered"
            assert other.call("session.current")["session"] is None
            world.others.append(beside.took_s())
            try:
                message = client.read(0.01)
            except TimeoutError:
                continue
            client.answers[message.get("id")] = message
        wall_s, late = timer.wall_s(), timer.took_s() - deadline_ms / 1000
    with pytest.raises(RpcError) as caught:
        client.wait(number)
    assert caught.value.name != "DEADLINE_EXCEEDED" or wall_s > deadline_ms / 1000 - 0.002
    return caught.value.name, late


# What was asked had been answered when they went wrong.
HARMLESS = [("cps-cardop", "sign", "answers twice"), ("cps-prompt", "pin", "answers twice")]


def cases():
    for program, steps in STEPS.items():
        for step, fault in itertools.product(steps, FAULTS):
            before_requests = step in ("start", "hello")
            if (program, step, fault) in HARMLESS or (step, fault) == ("hello", "nothing in it"):
                continue  # the latter is an answer, when it comes after the question
            if not (before_requests and ("request[" in FAULTS[fault] or "honest" in FAULTS[fault])):
                yield program, step, fault


def test_the_helpers_of_these_tests_can_succeed(world, client):
    honest_login(world, client)


@pytest.mark.parametrize("program, step, fault", cases())
def test_misbehaviour(world, client, program, step, fault):
    notes = Notes(world.agent)
    count = len(notes.of(program, "misbehaves"))
    misbehave(world.agent, program, step, fault)
    early = program == "cps-cardop" and step in ("start", "hello", "open", "certificate")
    world.insert(client, ("reading", "failed") if early else ("ready",))
    name, late = ask(world, client, DEADLINE_MS // 2 if early else DEADLINE_MS)
    end = time.monotonic() + 60
    while len(notes.of(program, "misbehaves")) == count and time.monotonic() < end:
        name, late = ask(world, client)  # a busy machine: it had not come that far
    assert len(notes.of(program, "misbehaves")) > count
    assert name in CODED
    assert late < 1
    if name == "DEADLINE_EXCEEDED":
        world.late.append(late)
    elif fault in SILENT:
        assert fault == "another hello" or step == "start", name


@pytest.mark.parametrize("program, step, fault", HARMLESS)
def test_misbehaviour_after_the_answer(world, client, program, step, fault):
    misbehave(world.agent, program, step, fault)
    world.insert(client)
    assert client.call("session.login", method="card")["method"] == "card"
    if program == "cps-cardop":
        misbehave(world.agent, program, None, "")
        client.next_event("event.card", change="changed")  # it is killed for it
        client.until_card()
    assert client.call("session.current")["session"]["presence"] == "card"


@pytest.mark.parametrize("program", STEPS)
@pytest.mark.parametrize("how", ["absent", "no program", "not executable"])
def test_a_helper_that_cannot_start(world, client, program, how):
    path = world.agent.bin / program
    kept = path.rename(path.with_suffix(".kept"))
    try:
        if how != "absent":
            path.write_text("neither a script nor a program")
            path.chmod(0o755 if how == "no program" else 0o644)
        world.insert(client, ("reading",) if program == "cps-cardop" else ("ready",))
        absent = program == "cps-cardop"
        name, late = ask(world, client, DEADLINE_MS if absent else LONG_MS)
        assert name == ("DEADLINE_EXCEEDED" if absent else "COMPONENT_FAILED")
        assert late < LATE_S
    finally:
        kept.replace(path)


def settled_descriptors(agent):
    """How many there are once every helper of a card is gone for good."""
    assert wait_until(lambda: not (agent.children("cps-prompt") or agent.children("cps-cardop")
                                   or zombies(agent)))
    time.sleep(0.05)  # the turn of the loop that closes what it watched
    return open_descriptors(agent)


def test_no_descriptor_is_lost(world, client):
    honest_login(world, client)
    before = settled_descriptors(world.agent)
    for program, step in (("cps-cardop", "verify"), ("cps-prompt", "pin"), ("cps-cardop", "sign")):
        for fault in ("exits", "garbage", "a descriptor", "says nothing"):
            misbehave(world.agent, program, step, fault)
            world.insert(client)
            ask(world, client)
            world.remove(client)
            misbehave(world.agent, program, None, "")
    honest_login(world, client)
    assert wait_until(lambda: settled_descriptors(world.agent) <= before)
