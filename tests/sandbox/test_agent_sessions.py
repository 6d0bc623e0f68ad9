# SPDX-License-Identifier: Apache-2.0
"""Sessions at Pro Santé Connect that are locked, borrowed and renewed; a network that comes and goes."""
import time

import pytest

from cpsworld.agent import RpcError, failure
from cpsworld.oidcd import NURSE, PHYSICIAN
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until

from test_agent_psc import Station, by_phone, claims_of

STATEMENT = {"audience": "dpi", "nonce": "12345678"}


@pytest.fixture
def station(psc):
    with Station(psc, settings="[session]\nborrow = park\n") as it:
        yield it
        log = it.log.read_text()
    assert "eyJ" not in log, "a token in the log"


@pytest.fixture
def client(station):
    with station.client() as it:
        it.call("subscribe")
        yield it


def page_of(station, client, method, **params):
    """Starts a login by browser; its id and the page that the browser is to show."""
    station.pages.unlink(missing_ok=True)
    number = client.send(method, method="browser", **params)
    assert wait_until(station.pages.exists)
    return number, station.pages.read_text().strip()


def in_browser(psc, station, client, method, person=PHYSICIAN, browser=None, **params):
    number, url = page_of(station, client, method, **params)
    back = (browser or UserAgent(psc.ca_file)).login_card(url, psc.cards[person])
    assert visit(back)[0] in (200, 303)
    return client.wait(number)


def phone(psc, client, method, **params):
    number = client.send(method, method="ecps", **params)
    digits = client.next_event("progress", id=number)["digits"]
    assert wait_until(psc.phone_pending)
    psc.phone_decide(digits)
    return client.wait(number)


# Locked ------------------------------------------------------------------------------------------

def test_tokens_survive_the_lock(psc, client):
    session = by_phone(psc, client)
    token = client.call("token.get")["token"]
    client.call("session.lock")
    assert failure(client, client.send("token.get")) == "SESSION_LOCKED"
    unlocked = phone(psc, client, "session.unlock")
    assert unlocked["epoch"] == session["epoch"] and unlocked["id"] == session["id"]
    assert claims_of(client.call("token.get")["token"])["preferred_username"] == PHYSICIAN
    assert client.call("token.get")["token"] != token, "those of the new login"
    assert wait_until(lambda: len(psc.sessions()) == 1), "the former session is ended at PSC"
    client.call("session.logout")
    assert wait_until(lambda: not psc.sessions())


def test_a_refresh_under_way_when_it_is_locked(psc, client):
    by_phone(psc, client)
    psc.fault("delay", "token.refresh", ms=600)
    asked = client.send("token.get", min_ttl_s=300)
    assert wait_until(lambda: psc.seen("token.refresh"))
    client.call("session.lock")
    assert failure(client, asked) == "SESSION_LOCKED"
    phone(psc, client, "session.unlock")
    assert client.call("token.get")["token"]


def test_a_browser_that_is_still_logged_in_unlocks_nothing(psc, station, client):
    browser = UserAgent(psc.ca_file)
    session = in_browser(psc, station, client, "session.login", browser=browser)
    client.call("session.lock")
    for method in ("session.unlock", "session.login"):
        number, url = page_of(station, client, method)
        assert "prompt=login" in url
        # Somebody who leaves that out is given the session of PSC, without a question.
        back = browser.go(url.replace("&prompt=login", ""))
        visit(back)
        with pytest.raises(RpcError) as caught:
            client.wait(number)
        assert (caught.value.name, caught.value.data["reason"]) == ("LOGIN_REFUSED", "stale")
        assert client.call("session.current")["session"]["state"] == "locked"
    # Times of login are whole seconds: one of the same second would look like the same login.
    assert wait_until(lambda: time.time() >= session["auth_time"] + 1)
    unlocked = in_browser(psc, station, client, "session.unlock", browser=browser)
    assert unlocked["epoch"] == session["epoch"]
    assert unlocked["auth_time"] > session["auth_time"]
    assert client.call("token.get", min_ttl_s=300)["token"], "ending the former did not end both"


def test_the_phone_of_somebody_else(psc, client):
    by_phone(psc, client)
    client.call("session.lock")
    with pytest.raises(RpcError) as caught:
        phone(psc, client, "session.unlock", national_id=NURSE)
    assert caught.value.name == "OTHER_PERSON"
    assert client.call("session.current")["session"]["state"] == "locked"
    assert wait_until(lambda: [s["login"] for s in psc.sessions()] == [PHYSICIAN]), \
        "nothing of theirs stays open"


# Borrowed ----------------------------------------------------------------------------------------

def test_each_has_their_own_tokens(psc, client):
    mine = by_phone(psc, client)
    first = client.call("token.get")["token"]
    theirs = by_phone(psc, client, NURSE)
    assert claims_of(client.call("token.get")["token"])["preferred_username"] == NURSE
    assert failure(client, client.send("token.get", epoch=mine["epoch"])) == "SESSION_CHANGED"
    assert len(psc.sessions()) == 2
    client.call("session.logout", epoch=theirs["epoch"])
    assert wait_until(lambda: [s["login"] for s in psc.sessions()] == [PHYSICIAN])
    assert failure(client, client.send("token.get")) == "SESSION_LOCKED"
    phone(psc, client, "session.unlock")
    answer = client.call("token.get", epoch=mine["epoch"])
    assert claims_of(answer["token"])["preferred_username"] == PHYSICIAN
    assert answer["token"] != first


def test_a_refresh_under_way_when_the_desk_is_borrowed(psc, station, client):
    mine = by_phone(psc, client)
    number = client.send("session.login", method="ecps", national_id=NURSE)
    digits = client.next_event("progress", id=number)["digits"]
    assert wait_until(psc.phone_pending)
    psc.fault("delay", "token.refresh", ms=2500)
    with station.client() as other:
        asked = other.send("token.get", min_ttl_s=300)
        psc.phone_decide(digits)
        client.wait(number)
        assert failure(other, asked) == "SESSION_CHANGED"
    assert claims_of(client.call("token.get")["token"])["preferred_username"] == NURSE
    assert client.call("session.current")["epoch"] > mine["epoch"]


# Remembered by a browser --------------------------------------------------------------------------

def test_a_browser_that_others_have_used(psc):
    """Where single sign-on is refused the next person is asked, though PSC knows the last one."""
    browser = UserAgent(psc.ca_file)
    with Station(psc, settings="[session]\nsingle_sign_on = refuse\n") as it, it.client() as client:
        session = in_browser(psc, it, client, "session.login", browser=browser)
        assert session["psc"]["subject_name_id"] == PHYSICIAN
        with Station(psc) as other, other.client() as trusting:
            number, url = page_of(other, trusting, "session.login")
            visit(browser.go(url))
            known = trusting.wait(number)["psc"]["subject_name_id"]
            assert known == PHYSICIAN and "prompt" not in url, "nobody was asked"
            number, url = page_of(it, client, "session.login")
            assert "prompt=login" in url
            visit(browser.login_card(url, psc.cards[NURSE]))
            assert client.wait(number)["psc"]["subject_name_id"] == NURSE


# Renewed -----------------------------------------------------------------------------------------

def test_step_up_by_browser_says_how_old_it_may_be(psc, station, client):
    session = in_browser(psc, station, client, "session.login")
    number, url = page_of(station, client, "session.step_up", max_age=0)
    assert "max_age=0" in url and "prompt=login" in url
    back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
    visit(back)
    renewed = client.wait(number)
    assert renewed["epoch"] == session["epoch"] and renewed["auth_time"] >= session["auth_time"]
    assert client.call("session.step_up", max_age=600)["auth_time"] == renewed["auth_time"]
    claims = claims_of(client.call("statement.get", **STATEMENT)["statement"])
    assert claims["auth_time"] == renewed["auth_time"]


# The network -------------------------------------------------------------------------------------

def test_no_storm_while_psc_is_down_nor_when_it_is_back(psc, station, client):
    """Thirty programs that insist: how often PSC is asked."""
    session = by_phone(psc, client)
    programs = [station.client() for _ in range(30)]
    psc.fault("status", "token.refresh", status=503)
    psc.clear_seen()
    began = time.monotonic()
    for _ in range(5):
        asked = [(one, one.send("token.get", min_ttl_s=300)) for one in programs]
        assert {failure(one, number) for one, number in asked} == {"PROVIDER_UNAVAILABLE"}
    # The pauses are of 1, 2, 4… seconds at least.
    lasted = time.monotonic() - began
    assert 1 <= len(psc.seen("token.refresh")) <= 2 + lasted
    psc.clear_faults()
    psc.clear_seen()
    assert wait_until(lambda: has_token(client, min_ttl_s=300), timeout_s=20)
    asked = [(one, one.send("token.get")) for one in programs]
    assert len({one.wait(number)["token"] for one, number in asked}) == 1
    assert len(psc.seen("token.refresh")) == 1, "one flight for all"
    assert client.call("session.current")["epoch"] == session["epoch"]
    for one in programs:
        one.socket.close()


def has_token(client, **params):
    try:
        return client.call("token.get", **params)["token"]
    except RpcError:
        return None
