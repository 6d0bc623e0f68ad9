# SPDX-License-Identifier: Apache-2.0
"""A login through a PKCS#11 module that hangs, crashes or vanishes: an answer in time, others
undisturbed, and a login that works as soon as the module does."""
import statistics
import time

import pytest

from cpsworld.agent import RpcError
from cpsworld.desk import Desk
from cpsworld.evil import open_descriptors, zombies
from cpsworld.module import MockModule
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

DEADLINE_MS = 600 * slowness()  # of what must not come to an end by itself
LONG_MS = 60000
LATE_S = 0.05 * slowness()
PIN = "pin 1234"
OPENING = ("C_Initialize", "C_GetTokenInfo", "C_FindObjects")
USING = ("C_Login", "C_Sign")


def empty(desk):
    """Its module behaves and its reader is empty."""
    desk.mock.plan()
    desk.card.remove()
    assert wait_until(lambda: not desk.client.call("card.list")["cards"])


@pytest.fixture(scope="module", name="world")
def fixture_world():
    with MockModule() as mock, Desk(insert="foreign", settings=mock.settings,
                                    env=mock.env) as desk:
        desk.mock = mock
        desk.late, desk.others = [], []
        yield desk
        check_afterwards(desk)


@pytest.fixture(name="desk")
def fixture_desk(world):
    empty(world)
    yield world
    world.mock.plan()


def check_afterwards(desk):
    """All answers came in time, nobody else waited, nothing is left behind, no PIN is told."""
    late, others = sorted(desk.late), sorted(desk.others)
    if late and others:
        print(f"late: worst {late[-1] * 1000:.1f} ms; others: median "
              f"{statistics.median(others) * 1000:.2f} ms, worst {others[-1] * 1000:.1f} ms")
        assert late[-1] < LATE_S
        assert statistics.median(others) < 0.01 * slowness()
    empty(desk)
    insert(desk)
    assert desk.login(PIN)["method"] == "card"
    before = open_descriptors(desk.agent)
    desk.mock.plan("C_Sign crash")
    desk.client.call("session.logout")
    assert ask(desk) == "COMPONENT_FAILED"
    desk.mock.plan()
    desk.client.until_card()
    assert wait_until(lambda: zombies(desk.agent) == 0 and open_descriptors(desk.agent) <= before)
    assert "mock:" not in desk.agent.log.read_text(errors="replace")
    assert not (desk.mock.dir / "leak").exists()


def insert(desk, states=("ready",)):
    desk.card.insert("foreign", wait=False)
    return desk.client.until_card(states)


def ask(desk, answer=PIN, deadline_ms=LONG_MS):
    """A login that must fail: its error; how late it came, and how long others waited."""
    desk.pinentry.answers(answer)
    with desk.agent.client() as other:
        timer = Stopwatch()
        number = desk.client.send("session.login", method="card", deadline_ms=deadline_ms)
        while number not in desk.client.answers:
            beside = Stopwatch()
            assert timer.took_s() < deadline_ms / 1000 + 2, "never answered"
            assert other.call("session.current")["session"] is None
            desk.others.append(beside.took_s())
            try:
                message = desk.client.read(0.01)
            except TimeoutError:
                continue
            if "method" in message:
                desk.client.notifications.append(message)
            else:
                desk.client.answers[message["id"]] = message
        desk.late.append(timer.took_s() - deadline_ms / 1000)
    with pytest.raises(RpcError) as caught:
        desk.client.wait(number)
    return caught.value.name


@pytest.mark.parametrize("function", OPENING)
def test_it_hangs_while_the_card_is_opened(desk, function):
    desk.mock.plan(f"{function} hang")
    insert(desk, ("reading",))
    assert ask(desk, deadline_ms=DEADLINE_MS) == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("function", USING)
def test_it_hangs_in_use(desk, function):
    insert(desk)
    desk.mock.plan(f"{function} hang")
    assert ask(desk, deadline_ms=DEADLINE_MS) == "DEADLINE_EXCEEDED"


def test_it_crashes_while_the_card_is_opened(desk):
    """cardop is started again a few times, then the card has failed; put in again it works."""
    desk.mock.plan("C_Initialize crash")
    desk.card.insert("foreign", wait=False)
    assert desk.client.until_card(("failed",))["error"] == "COMPONENT_FAILED"
    assert ask(desk) == "COMPONENT_FAILED"


@pytest.mark.parametrize("function, how", [("C_Login", "crash"), ("C_SignInit", "exit"),
                                           ("C_Sign", "crash")])
def test_it_crashes_in_use(desk, function, how):
    """The card is ready again without being touched."""
    insert(desk)
    desk.mock.plan(f"{function} {how}")
    assert ask(desk) == "COMPONENT_FAILED"
    desk.mock.plan()
    desk.client.until_card()
    assert desk.login(PIN)["method"] == "card"


@pytest.mark.parametrize("value, name", [
    ("0x32", "CARD_PROTOCOL"), ("long", "SIGNATURE_INVALID")])
def test_a_card_that_is_said_to_have_vanished(desk, value, name):
    """The reader knows better; the next login works."""
    insert(desk)
    desk.mock.plan(f"C_Sign {value}")
    desk.pinentry.answers(PIN)
    with pytest.raises(RpcError) as caught:
        desk.client.call("session.login", method="card")
    assert caught.value.name == name
    desk.mock.plan()
    assert desk.login(PIN)["method"] == "card"


def test_a_card_that_vanishes_in_a_signature(desk):
    insert(desk)
    desk.mock.plan("C_Sign slow 1000", "C_Logout 0x32", "C_CloseSession 0xB3")
    desk.pinentry.answers(PIN)
    number = desk.client.send("session.login", method="card")
    desk.client.next_event("progress", state="proving")
    desk.card.remove(wait=False)
    with pytest.raises(RpcError, match="CARD_REMOVED"):
        desk.client.wait(number)


PAD = "flags 0x100"  # CKF_PROTECTED_AUTHENTICATION_PATH


def test_a_pin_typed_on_the_reader(desk):
    desk.mock.plan(PAD, "C_Login slow 300")
    assert insert(desk)["pin_pad"] is True
    asked = len(desk.pinentry.said("GETPIN"))
    session = desk.login("hang")
    assert {"pin", "sc"} <= set(session["amr"])
    assert len(desk.pinentry.said("GETPIN")) == asked, "nothing is typed on the screen"
    desk.client.call("session.logout")


@pytest.mark.parametrize("value, name", [
    ("0x50", "PROMPT_CANCELLED"), ("0xA4", "PIN_BLOCKED"), ("hang", "DEADLINE_EXCEEDED")])
def test_a_reader_that_takes_no_pin(desk, value, name):
    """Cancelled on the reader, a blocked PIN, or nobody there."""
    desk.mock.plan(PAD, f"C_Login {value}")
    insert(desk)
    assert ask(desk, "hang", DEADLINE_MS if value == "hang" else LONG_MS) == name


def test_a_slow_list_of_slots_slows_nobody_else_down(desk):
    desk.mock.plan("C_GetSlotList slow 700")
    insert(desk, ("reading",))
    with desk.agent.client() as other:
        waits, end = [], time.monotonic() + 1
        while time.monotonic() < end:
            timer = Stopwatch()
            other.call("status")
            waits.append(timer.took_s())
        assert statistics.median(waits) < 0.01 * slowness()
    desk.client.until_card()
    assert desk.login(PIN)["method"] == "card"
