# SPDX-License-Identifier: Apache-2.0
"""Cards not to be trusted, cards torn out, and a card service that fails, under the agent."""
import os
import signal
import statistics

import pytest

from cpsworld.agent import failure, RpcError
from cpsworld.desk import Desk
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

LATE_S = 0.05 * slowness()


@pytest.fixture
def desk():
    with Desk() as it:
        yield it


def start_login(desk, *answers, **params):
    """A login whose question is on the screen; the id of the request."""
    asked = desk.pinentry.questions()
    desk.pinentry.answers(*answers)
    number = desk.client.send("session.login", method="card", **params)
    assert wait_until(lambda: desk.pinentry.questions() > asked)
    return number


# Cards not to be trusted -------------------------------------------------------------------------

@pytest.mark.parametrize("card, name", [
    ("expired", "CERTIFICATE_EXPIRED"), ("foreign-ca", "CERTIFICATE_UNTRUSTED"),
    ("forged-ca", "CERTIFICATE_INVALID"), ("large", "CERTIFICATE_INVALID"),
    ("foreign", "CARD_UNSUPPORTED"), ("mute", "CARD_MUTE")])
def test_refused_before_any_pin_is_asked(card, name):
    """large: a certificate of more bytes than one may have; mute: it takes a helper's deadline."""
    with Desk(insert=card) as desk:
        assert desk.refused("pin 0000").name == name
        assert desk.pinentry.questions() == 0
        assert desk.session() is None
        if card in ("foreign", "mute", "large"):
            (shown,) = desk.client.call("card.list")["cards"]
            assert shown["error"] == name and "holder" not in shown
            assert shown["state"] == {"foreign": "unsupported", "mute": "mute",
                                      "large": "failed"}[card]
        else:
            assert desk.card.tries()["pin"] == 3


def test_the_right_card_under_other_authorities():
    with Desk() as desk:
        foreign = desk.card.cards.igc / "foreign.pem"
    with Desk(trusted=foreign) as desk:
        assert desk.refused("pin 0000").name == "CERTIFICATE_UNTRUSTED"
        assert desk.pinentry.questions() == 0
    with Desk(trusted=desk.card.cards.igc / "persons.pem") as desk:
        assert desk.refused("pin 0000").name == "CERTIFICATE_UNTRUSTED", "no root, no anchor"
        assert desk.client.call("status")["trust"]["anchors"] == 0


def test_a_certificate_that_is_not_of_the_key():
    """Another person's certificate on a card whose key does not match it."""
    with Desk(insert="mismatched") as desk:
        error = desk.refused("pin " + desk.pin)
        print(error.name, error.data["causes"])
        assert error.name in ("SIGNATURE_INVALID", "CARD_PROTOCOL", "CERTIFICATE_INVALID",
                              "CARD_UNSUPPORTED")
        assert desk.session() is None


@pytest.mark.parametrize("card", ["nurse", "variant", "physician-t1"])
def test_other_good_cards(card):
    with Desk(insert=card) as desk:
        session = desk.login()
        assert session["holder"]["national_id"] == (
            desk.card.cards[card]["holder"]["national_id"])


# Removal -----------------------------------------------------------------------------------------

def test_removal_closes_the_session_and_everyone_is_told(desk):
    watchers = [desk.agent.client() for _ in range(20)]
    for watcher in watchers:
        watcher.call("subscribe", events=["session"])
    session = desk.login()
    for watcher in watchers:
        watcher.next_event("event.session", change="opened")
    desk.card.remove(wait=False)
    told = [watcher.next_event("event.session") for watcher in watchers]
    for event in told:
        assert event["change"] == "closed" and event["reason"] == "card_removed"
        assert event["session"] is None and event["epoch"] > session["epoch"]
    assert desk.session() is None
    for method, params in (("statement.get", {"audience": "a", "nonce": "12345678"}),
                           ("token.get", {}), ("session.logout", {})):
        with pytest.raises(RpcError, match="NO_SESSION"):
            desk.client.call(method, **params)
    desk.card.insert("physician")
    desk.client.until_card()
    assert desk.session() is None, "the card coming back is no login"
    assert desk.login()["epoch"] > session["epoch"]


def test_another_card_is_another_person(desk):
    first = desk.login()
    desk.card.swap("nurse")
    assert desk.client.next_event("event.session", change="closed")["reason"] == "card_removed"
    wait_until(lambda: [card.get("serial") for card in desk.client.call("card.list")["cards"]]
               == [desk.card.cards["nurse"]["serial"]])
    second = desk.login("pin " + desk.card.cards["nurse"]["pin"])
    assert second["holder"]["national_id"] != first["holder"]["national_id"]


def test_removal_while_the_pin_is_asked(desk):
    login = start_login(desk, "hang")
    desk.card.remove()
    assert failure(desk.client, login) == "CARD_REMOVED"
    assert wait_until(lambda: not desk.pinentry.alive())
    assert desk.refused("pin 0000").name == "NO_CARD"


def test_removal_while_the_last_try_is_confirmed(desk):
    desk.card.tries(pin=1)
    login = start_login(desk, "hang")
    desk.card.remove()
    assert failure(desk.client, login) == "CARD_REMOVED"
    assert wait_until(lambda: not desk.pinentry.alive())


@pytest.mark.parametrize("ins, when", [
    ("20", "before"), ("20", "inside"), ("20", "after"), ("22", "before"), ("22", "inside"),
    ("88", "before"), ("88", "inside"), ("88", "after"), ("2A", "before")])
def test_a_card_torn_out_while_it_works(desk, ins, when):
    """VERIFY, MANAGE SECURITY ENVIRONMENT, INTERNAL AUTHENTICATE: whatever is under way."""
    desk.pinentry.answers("pin " + desk.pin)
    desk.card.tear(ins=ins, when=when)
    try:
        session = desk.client.call("session.login", method="card")
    except RpcError as error:
        assert error.name in ("CARD_REMOVED", "NO_CARD")
    else:  # the card did not need that instruction, or it had done its work
        assert session["method"] == "card"
        assert when == "after" or ins == "2A"
    if ins != "2A":
        assert wait_until(lambda: desk.session() is None)
        assert wait_until(lambda: not desk.client.call("card.list")["cards"])
        desk.card.insert("physician")
        desk.client.until_card()
        assert desk.card.tries()["pin"] == 3, "a right PIN costs nothing"
        assert desk.login()["method"] == "card"


def test_a_card_torn_out_while_it_is_read():
    for at in (1, 2, 4, 7, 10):
        with Desk(insert=None) as desk:
            desk.card.tear(at=at)
            desk.card.insert("physician", wait=False)
            name = desk.refused("pin 0000", deadline_ms=1500).name
            assert name in ("NO_CARD", "CARD_REMOVED", "DEADLINE_EXCEEDED")
            assert desk.pinentry.questions() == 0


# Helpers killed or stopped -----------------------------------------------------------------------

def test_cardop_killed_while_the_pin_is_asked(desk):
    login = start_login(desk, "hang")
    (cardop,) = desk.agent.children("cps-cardop")
    os.kill(cardop, signal.SIGKILL)
    assert failure(desk.client, login) == "COMPONENT_FAILED"
    assert wait_until(lambda: not desk.pinentry.alive())
    desk.client.until_card()
    assert desk.login()["method"] == "card", "it came back"


def test_an_open_session_outlives_its_cardop(desk):
    session = desk.login()
    (cardop,) = desk.agent.children("cps-cardop")
    os.kill(cardop, signal.SIGKILL)
    assert wait_until(lambda: cardop not in desk.agent.children("cps-cardop"))
    assert desk.session() == session
    assert desk.client.call("statement.get", audience="dpi", nonce="12345678")
    desk.client.until_card()
    desk.card.remove(wait=False)
    assert desk.client.next_event("event.session", change="closed")["reason"] == "card_removed"


@pytest.mark.parametrize("program", ["cps-cardop", "cps-cardwatch", "cps-oidcd"])
def test_a_stopped_helper_costs_its_caller_a_deadline_and_others_nothing(desk, program):
    (pid,) = desk.agent.children(program)
    os.kill(pid, signal.SIGSTOP)
    late, others = [], []
    with desk.agent.client() as other:
        for _ in range(5):
            timer = Stopwatch()
            login = desk.client.send("session.login", method="card",
                                     deadline_ms=300 if program == "cps-cardop" else 60000)
            beside = Stopwatch()
            other.call("status")
            others.append(beside.took_s())
            if program == "cps-cardop":
                assert failure(desk.client, login) == "DEADLINE_EXCEEDED"
                assert timer.wall_s() > 0.298
                late.append(timer.took_s() - 0.3)
            else:
                assert failure(desk.client, login) == "PROMPT_CANCELLED"
    os.kill(pid, signal.SIGCONT)
    if late:
        print(f"late by {statistics.median(late) * 1000:.1f} ms")
        assert statistics.median(late) < LATE_S
    assert statistics.median(others) < LATE_S
    assert desk.login()["method"] == "card", "it goes on where it was"


# The card service --------------------------------------------------------------------------------

def test_pcscd_stops_and_comes_back(desk):
    session = desk.login()
    desk.pcscd.stop()
    closed = desk.client.next_event("event.session", change="closed")
    assert closed["reason"] == "card_removed" and closed["epoch"] > session["epoch"]
    assert desk.client.next_event("event.reader", change="pcsc")["pcsc"]["state"] == "down"
    assert desk.client.call("status")["readers"] == []
    assert desk.refused("pin 0000").name == "PCSC_UNAVAILABLE"
    desk.pcscd.start()
    desk.client.until_card(timeout_s=30)
    assert desk.client.call("status")["pcsc"]["state"] == "up"
    assert desk.login()["epoch"] > closed["epoch"]


def test_pcscd_is_killed_while_the_pin_is_asked(desk):
    login = start_login(desk, "hang")
    desk.pcscd.stop(kill=True)
    assert failure(desk.client, login) in ("CARD_REMOVED", "PCSC_UNAVAILABLE")
    assert wait_until(lambda: not desk.pinentry.alive())
    desk.pcscd.start()
    desk.client.until_card(timeout_s=30)
    assert desk.login()["method"] == "card"


def test_a_frozen_pcscd_costs_a_deadline(desk):
    late = []
    desk.pcscd.freeze()
    for _ in range(3):
        timer = Stopwatch()
        assert desk.refused("pin 0000", deadline_ms=300).name == "DEADLINE_EXCEEDED"
        late.append(timer.took_s() - 0.3)
        assert desk.session() is None
    desk.pcscd.thaw()
    assert statistics.median(late) < LATE_S
    assert desk.pinentry.questions() == 0, desk.agent.log.read_text() + "\n".join(
        desk.pinentry.log())
    assert desk.login()["method"] == "card"


def test_a_card_that_goes_mute_costs_a_deadline(desk):
    desk.card.mute()
    timer = Stopwatch()
    assert desk.refused("pin 0000", deadline_ms=400).name == "DEADLINE_EXCEEDED"
    assert timer.took_s() < 0.4 + 4 * LATE_S
    desk.card.mute(False)
    assert desk.login()["method"] == "card"
    assert desk.card.tries()["pin"] == 3


def test_without_a_card_and_without_a_reader(desk):
    desk.card.remove()
    assert wait_until(lambda: not desk.client.call("card.list")["cards"])
    assert desk.refused("pin 0000").name == "NO_CARD"
    assert desk.refused("pin 0000", reader="Virtual PCD 00 01").name == "NO_CARD"
    assert desk.refused("pin 0000", reader="No such reader").name == "NO_READER"
    with pytest.raises(RpcError, match="NO_CARD"):
        desk.client.call("card.certificate")
