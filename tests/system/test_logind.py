# SPDX-License-Identifier: Apache-2.0
"""Sleep, fast user switching and lock, as logind tells them: nothing of a PIN is left behind."""
import contextlib
import os
import socket
import tempfile
import time

import pytest

from cpsworld.agent import Agent, RpcError, failure
from cpsworld.desk import Desk
from cpsworld.evil import OIDCD, PROVIDER_SETTINGS, TOLD_OIDCD, Notes, evil, open_descriptors
from cpsworld.logind import Logind
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

HELPERS = ("cps-cardwatch", "cps-cardop", "cps-prompt")
PHONE = {"libexec": {"cps-oidcd": evil(OIDCD, MARKER="t", TTL=600, LOGIN={})}}


@pytest.fixture(scope="module", name="logind")
def _logind():
    with Logind() as it:
        yield it


@contextlib.contextmanager
def desk_of(logind, settings="", **more):
    with Desk(env=logind.env(), settings=PROVIDER_SETTINGS + settings, **PHONE, **more) as desk:
        assert wait_until(lambda: state(desk) == "active" and logind.inhibitors())
        yield desk


@pytest.fixture(scope="module", name="one")
def _one(logind):
    with desk_of(logind) as it:
        yield it


@pytest.fixture(name="desk")
def _desk(one, logind):
    """Active, unlocked, awake, nobody logged in, a card that is read."""
    yield one
    logind.set_active(True)
    logind.set_locked(False)
    logind.prepare_for_sleep(False)
    assert wait_until(lambda: state(one) == "active")
    one.pinentry.forget()
    one.client.until_card()
    if one.session() is not None:
        one.client.call("session.logout")
    one.client.notifications.clear()


def state(desk):
    return desk.client.call("status")["desktop"]["state"]


def released(desk):
    return not any(desk.agent.children(name) for name in HELPERS)


def refusal(desk, method, /, **params):
    with pytest.raises(RpcError) as caught:
        desk.client.call(method, **params)
    return caught.value.name


def login_with(desk):
    desk.pinentry.answers("pin " + desk.pin)
    return desk.client.call("session.login", method="card")


# Sleep --------------------------------------------------------------------------------------------

def test_the_machine_sleeps_and_wakes_up(desk, logind):
    assert logind.inhibitors() == [("sleep", "cps-agent", "delay")]
    desk.login()
    assert desk.card.tries()["verified"]
    timer = Stopwatch()
    logind.prepare_for_sleep(True)
    assert wait_until(lambda: not logind.inhibitors())
    slept = timer.took_s()
    assert not desk.card.tries()["verified"], "forgotten before the machine may sleep"
    assert wait_until(lambda: released(desk))
    assert slept < 1 * slowness()
    closed = desk.client.next_event("event.session", change="closed")
    assert closed["reason"] == "suspended"
    status = desk.client.call("status")
    assert status["desktop"] == {"state": "suspended", "locked": False}
    assert status["pcsc"]["state"] == "released" and status["readers"] == []
    assert status["components"]["cardwatch"] == "stopped"
    assert refusal(desk, "session.login", method="card") == "PCSC_UNAVAILABLE"

    logind.prepare_for_sleep(False)
    desk.client.next_event("event.desktop", state="active")
    desk.client.until_card()
    assert wait_until(logind.inhibitors)
    assert desk.session() is None
    asked = desk.pinentry.questions()
    assert desk.login()["method"] == "card"
    assert desk.pinentry.questions() == asked + 1, "the user is asked, nothing is replayed"


def test_sleep_that_comes_while_the_pin_is_asked(desk, logind):
    desk.pinentry.answers("hang")
    login = desk.client.send("session.login", method="card")
    assert wait_until(desk.pinentry.alive)
    logind.prepare_for_sleep(True)
    with pytest.raises(RpcError, match="PCSC_UNAVAILABLE|CARD_REMOVED"):
        desk.client.wait(login)
    assert wait_until(lambda: not logind.inhibitors() and not desk.pinentry.alive())


def test_a_card_that_is_slow_delays_sleep_for_two_seconds_at_most(desk, logind):
    desk.login()
    desk.card.mute(True)
    timer = Stopwatch()
    logind.prepare_for_sleep(True)
    try:
        assert wait_until(lambda: not logind.inhibitors())
        assert timer.took_s() < 2 + 1 * slowness()
        assert wait_until(lambda: released(desk))
    finally:
        desk.card.mute(False)


def test_sleep_that_is_called_off_at_once(desk, logind):
    desk.login()
    logind.prepare_for_sleep(True)
    logind.prepare_for_sleep(False)
    desk.client.next_event("event.desktop", state="suspended")
    desk.client.next_event("event.desktop", state="active")
    desk.client.until_card()
    assert wait_until(lambda: len(logind.inhibitors()) == 1)
    assert desk.session() is None and not desk.card.tries()["verified"]


def test_nights(desk, logind):
    before = None
    for _ in range(5):
        logind.prepare_for_sleep(True)
        assert wait_until(lambda: not logind.inhibitors() and released(desk))
        logind.prepare_for_sleep(False)
        desk.client.until_card()
        assert wait_until(lambda: len(logind.inhibitors()) == 1)
        before = before or open_descriptors(desk.agent)
    assert wait_until(lambda: open_descriptors(desk.agent) <= before + 1)


# Another user at the desk -------------------------------------------------------------------------

def test_another_user_comes_and_goes(desk, logind):
    desk.login()
    logind.set_active(False)
    desk.client.next_event("event.desktop", state="background")
    assert desk.client.next_event("event.session", change="closed")["reason"] == "background"
    assert wait_until(lambda: released(desk))
    assert not desk.card.tries()["verified"]
    assert logind.inhibitors(), "sleep is still to be known of"
    for method in ("card", "ecps"):
        assert refusal(desk, "session.login", method=method,
                       national_id="899700000011") == "SESSION_BACKGROUND"
    assert refusal(desk, "card.change_pin") == "SESSION_BACKGROUND"
    desk.card.remove()
    desk.card.insert("physician")
    assert released(desk), "what happens in the reader is not ours"

    logind.set_active(True)
    desk.client.until_card()
    assert login_with(desk)["method"] == "card"


def test_a_session_without_card_goes_on_but_states_nothing(desk, logind):
    session = desk.client.call("session.login", method="ecps", national_id="899700000011")
    ask = {"audience": "dpi", "nonce": "12345678"}
    desk.client.call("statement.get", **ask)
    logind.set_active(False)
    desk.client.next_event("event.desktop", state="background")
    assert refusal(desk, "statement.get", **ask) == "SESSION_BACKGROUND"
    assert desk.session() == session
    logind.set_active(True)
    desk.client.next_event("event.desktop", state="active")
    desk.client.call("statement.get", **ask)


def test_sleep_in_the_background(desk, logind):
    logind.set_active(False)
    assert wait_until(lambda: released(desk))
    logind.prepare_for_sleep(True)
    assert wait_until(lambda: not logind.inhibitors())
    logind.prepare_for_sleep(False)
    assert wait_until(logind.inhibitors)
    assert state(desk) == "background" and released(desk)


def test_the_session_ends_and_another_one_begins(desk, logind):
    logind.remove_session()
    assert wait_until(lambda: state(desk) == "background")
    logind.new_session()
    assert wait_until(lambda: state(desk) == "active")


def test_started_in_the_background(logind):
    logind.set_active(False)
    try:
        with Desk(insert=None, env=logind.env()) as desk:
            assert wait_until(lambda: state(desk) == "background")
            assert wait_until(lambda: released(desk))
            assert refusal(desk, "session.login", method="card") == "SESSION_BACKGROUND"
    finally:
        logind.set_active(True)


# Lock ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["signal", "property"])
def test_lock_closes_the_session(desk, logind, how):
    desk.login()
    logind.signal("Lock") if how == "signal" else logind.set_locked(True)
    desk.client.next_event("event.desktop", locked=True)
    assert desk.client.next_event("event.session", change="closed")["reason"] == "locked"
    assert wait_until(lambda: not desk.card.tries()["verified"])
    assert desk.client.call("status")["policy"]["pin"]["verified"] == []
    logind.signal("Unlock") if how == "signal" else logind.set_locked(False)
    desk.client.next_event("event.desktop", locked=False)


def test_lock_keeps_the_session_when_told_so(logind):
    with desk_of(logind, "[session]\non_lock = keep\n") as desk:
        session = desk.login()
        logind.set_locked(True)
        desk.client.next_event("event.desktop", locked=True)
        assert wait_until(lambda: not desk.card.tries()["verified"]), "the PIN is not for others"
        assert desk.session() == session
        logind.set_locked(False)


def test_lock_locks_the_session_when_told_so(logind):
    with desk_of(logind, "[session]\non_lock = lock\n") as desk:
        session = desk.login()
        logind.set_locked(True)
        assert desk.client.next_event("event.session", change="locked")["reason"] == "screen"
        assert wait_until(lambda: not desk.card.tries()["verified"])
        assert refusal(desk, "statement.get", audience="dpi", nonce="12345678") == "SESSION_LOCKED"
        logind.set_locked(False)
        desk.client.next_event("event.desktop", locked=False)
        assert desk.session()["state"] == "locked", "a password of the account proves nothing"
        desk.pinentry.answers("pin " + desk.pin)
        unlocked = desk.client.call("session.unlock")
        assert unlocked["state"] == "open" and unlocked["epoch"] == session["epoch"]


@contextlib.contextmanager
def phone_rings(logind, settings=""):
    """A client whose login waits for a phone, the login, what lets that phone say yes, and what
    counts its rings."""
    with Agent(libexec={"cps-oidcd": evil(TOLD_OIDCD, LATE=False)}, env=logind.env(),
               settings=PROVIDER_SETTINGS + settings) as agent, agent.client() as client:
        assert wait_until(lambda: client.call("status")["desktop"]["state"] == "active")
        client.call("subscribe")
        login = client.send("session.login", method="ecps", national_id="899700001011")
        rings = lambda: len(Notes(agent).of("cps-oidcd", "op login_ciba"))
        assert wait_until(rings)
        yield client, login, lambda: (agent.dir / "home" / "oidcd").write_text("{}"), rings


@pytest.mark.parametrize("on_lock", ["close", "lock"])
def test_nobody_logs_in_who_has_left(logind, on_lock):
    """The screen is locked while the phone rings: a yes on it opens nothing behind the lock."""
    with phone_rings(logind, f"[session]\non_lock = {on_lock}\n") as (client, login, say_yes, rings):
        logind.set_locked(True)
        client.next_event("event.desktop", locked=True)
        assert failure(client, login) == "CANCELLED"
        assert client.call("session.current")["session"] is None
        logind.set_locked(False)
        client.next_event("event.desktop", locked=False)
        again = client.send("session.login", method="ecps", national_id="899700001011")
        assert wait_until(lambda: rings() == 2)
        say_yes()
        assert client.wait(again)["method"] == "ecps"


def test_who_logs_in_goes_on_when_told_so(logind):
    with phone_rings(logind, "[session]\non_lock = keep\n") as (client, login, say_yes, _):
        logind.set_locked(True)
        client.next_event("event.desktop", locked=True)
        say_yes()
        assert client.wait(login)["method"] == "ecps"
        logind.set_locked(False)


def test_another_user_comes_while_the_phone_rings(logind):
    with phone_rings(logind) as (client, login, *_):
        logind.set_active(False)
        try:
            assert failure(client, login) == "SESSION_BACKGROUND"
        finally:
            logind.set_active(True)


# The bus and logind themselves --------------------------------------------------------------------

def test_logind_is_restarted(desk, logind):
    logind.prepare_for_sleep(True)
    assert wait_until(lambda: not logind.inhibitors())
    logind.stop_logind()
    logind.start_logind()
    assert wait_until(logind.inhibitors), "taken again"
    assert wait_until(lambda: state(desk) == "active"), "the end of the sleep was missed"
    desk.client.until_card()
    logind.set_active(False)
    assert wait_until(lambda: state(desk) == "background"), "and its signals are heard"


def test_no_bus():
    with Agent(env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}) as agent:
        with agent.client() as client:
            assert wait_until(lambda: "system bus" in agent.log.read_text())
            assert client.call("status")["desktop"] == {"state": "unknown", "locked": False}
        time.sleep(1.5)  # longer than the first delay of a retry
        assert agent.log.read_text().count("system bus") == 1


@pytest.mark.parametrize("address", ["tcp:host=127.0.0.1,port=9", "unixexec:path=/bin/true", "", "x"])
def test_an_address_that_is_no_socket_of_this_machine(address):
    with Agent(env={"DBUS_SYSTEM_BUS_ADDRESS": address}) as agent:
        assert wait_until(lambda: "no system bus" in agent.log.read_text())
        with agent.client() as client:
            assert client.call("status")["desktop"]["state"] == "unknown"


def test_a_bus_without_logind(logind):
    logind.stop_logind()
    try:
        with Agent(env=logind.env()) as agent, agent.client() as client:
            assert wait_until(lambda: "logind" in agent.log.read_text())
            assert client.call("status")["desktop"]["state"] == "unknown"
            logind.start_logind()
            assert wait_until(lambda: client.call("status")["desktop"]["state"] == "active")
    finally:
        if not logind.running():
            logind.start_logind()


@pytest.mark.parametrize("words", [b"", b"OK 0123456789abcdef0123456789abcdef\r\n",
                                   b"\x00garbage\r\n" * 50], ids=["mute", "half", "garbage"])
def test_a_bus_that_hangs(words):
    """It accepts, may say something, and never goes on: nobody waits for it."""
    with tempfile.TemporaryDirectory(prefix="cpsbus-") as place, \
            socket.socket(socket.AF_UNIX) as listener:
        os.chmod(place, 0o755)  # the agent is another user
        listener.bind(f"{place}/bus")
        os.chmod(f"{place}/bus", 0o666)
        listener.listen(5)
        listener.settimeout(30)
        with Desk(env={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={place}/bus"}) as desk:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(words)
                assert desk.login()["method"] == "card"
                timer = Stopwatch()
                desk.client.call("status")
                assert timer.took_s() < 0.2 * slowness()


def test_the_bus_goes_and_comes_back(logind):
    with Agent(env=logind.env()) as agent, agent.client() as client:
        assert wait_until(lambda: client.call("status")["desktop"]["state"] == "active")
        logind.stop_logind()
        logind.stop_bus()
        assert wait_until(lambda: "bus is gone" in agent.log.read_text())
        client.call("status")
        logind.start_bus()
        logind.start_logind()
        assert wait_until(logind.inhibitors)


def test_the_bus_goes_while_the_machine_sleeps(logind):
    with Agent(env=logind.env()) as agent, agent.client() as client:
        assert wait_until(logind.inhibitors)
        logind.prepare_for_sleep(True)
        assert wait_until(lambda: client.call("status")["desktop"]["state"] == "suspended")
        logind.stop_logind()
        logind.stop_bus()
        assert wait_until(lambda: "bus is gone" in agent.log.read_text())
        logind.start_bus()
        logind.start_logind()
        assert wait_until(lambda: client.call("status")["desktop"]["state"] == "active"), \
            "the end of the sleep was missed"
