# SPDX-License-Identifier: Apache-2.0
"""The agent against the stand-in: logins by phone and by browser, tokens, logout, outages."""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import time

import pytest

from cpsworld.agent import Agent, failure, own, RpcError
from cpsworld.oidcd import NURSE, PHYSICIAN
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until

PROFILE = """[provider]
issuer = {issuer}
allowed_hosts = 127.0.0.1:{wallet}
client_id = psc-public
client_auth = none
ca_file = {ca}
ciba = yes
"""
BROWSER = """#!/bin/sh
echo "$1" > "{pages}.new" && mv "{pages}.new" "{pages}"
"""


class Station(Agent):
    """An agent with the stand-in as its provider, and a browser that only notes the page."""

    def __init__(self, psc, browser=None, **agent):
        super().__init__(**agent)
        self.pages = self.dir / "home" / "page"
        ca = self.config / "psc-ca.pem"
        shutil.copy(psc.ca_file, ca)
        program = self.bin / "browser"
        program.write_text(BROWSER.format(pages=self.pages))
        program.chmod(0o755)
        with open(self.config / "cps-agent.conf", "a", encoding="utf-8") as conf:
            conf.write(f"[browser]\ncommand = {browser or program} {{url}}\n"
                       "[psc]\nprovider = sandbox\n")
        self.write_provider("sandbox", PROFILE.format(
            issuer=psc.issuer, wallet=psc.ports["wallet"], ca=ca))
        own(self.config)


@pytest.fixture
def station(psc):
    with Station(psc) as it:
        yield it
        log = it.log.read_text()
        log += "".join(path.read_text() for path in (it.state / "evidence").glob("*.jsonl"))
    assert "eyJ" not in re.sub('"jws":"[^"]*"', "", log), "a token in a log"


@pytest.fixture
def client(station):
    with station.client() as it:
        it.call("subscribe")
        yield it


def ring(psc, client, person=PHYSICIAN, **params):
    """Starts a login by phone; the id of the request and the digits, once the phone rings."""
    number = client.send("session.login", method="ecps", national_id=person, **params)
    digits = client.next_event("progress", id=number)["digits"]
    assert wait_until(psc.phone_pending), client.call("status")
    return number, digits


def by_phone(psc, client, person=PHYSICIAN):
    number, digits = ring(psc, client, person)
    psc.phone_decide(digits)
    return client.wait(number)


def by_browser(psc, station, client, person=PHYSICIAN, user_agent=None):
    station.pages.unlink(missing_ok=True)
    number = client.send("session.login", method="browser")
    assert wait_until(station.pages.exists)
    return finish_in_browser(psc, client, number, station.pages.read_text().strip(), person,
                             user_agent)


def finish_in_browser(psc, client, number, url, person=PHYSICIAN, user_agent=None):
    back = (user_agent or UserAgent(psc.ca_file)).login_card(url, psc.cards[person])
    assert visit(back)[0] in (200, 303)
    return client.wait(number)


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


# By phone ----------------------------------------------------------------------------------------

def test_login_by_phone(psc, station, client):
    session = by_phone(psc, client)
    assert session["method"] == "ecps" and session["amr"] == ["mfa"]
    assert session["acr"] == "eidas1" and session["presence"] == "none"
    assert session["psc"]["subject_name_id"] == PHYSICIAN
    assert session["psc"]["issuer"] == psc.issuer and session["psc"]["auth_mode"] == "MOBILE"
    assert session["holder"]["national_id"] == PHYSICIAN and session["card"] is None
    assert abs(session["auth_time"] - time.time()) < 30
    claims = claims_of(client.call("statement.get", audience="dpi",
                                   nonce="12345678")["statement"])
    assert claims["sub"] == PHYSICIAN and claims["amr"] == ["mfa"] and "card" not in claims
    assert claims["psc"] == session["psc"] and claims["acr"] == "eidas1"
    push = psc.seen("ciba_auth")[0]["params"]
    assert push["login_hint"] == PHYSICIAN and push["channel"] == "MOBILE"


def test_the_digits_are_shown_before_the_push(psc, station, client):
    """oidcd is stopped: the caller has the digits, and nothing has left this machine."""
    assert wait_until(lambda: client.call("status")["providers"])
    (oidcd,) = station.children("cps-oidcd")
    os.kill(oidcd, signal.SIGSTOP)
    number = client.send("session.login", method="ecps", national_id=PHYSICIAN)
    shown = client.next_event("progress")
    shown_at = time.time() * 1000
    assert shown["state"] == "phone" and len(shown["digits"]) == 2
    assert psc.seen("ciba_auth") == []
    os.kill(oidcd, signal.SIGCONT)
    assert wait_until(psc.phone_pending), client.call("status")
    (push,) = psc.seen("ciba_auth")
    assert push["params"]["binding_message"] == shown["digits"] and push["at"] >= shown_at
    later = client.next_event("progress")
    assert later["digits"] == shown["digits"] and 0 < later["expires_in_s"] <= 120
    psc.phone_decide(shown["digits"])
    assert client.wait(number)["method"] == "ecps"


def test_digits_are_drawn_anew(psc, client):
    drawn = set()
    for _ in range(6):
        number, digits = ring(psc, client)
        drawn.add(digits)
        psc.phone_decide(refuse=True)
        assert failure(client, number) == "LOGIN_REFUSED"
        client.notifications.clear()
    assert len(drawn) > 1


@pytest.mark.parametrize("answer", ["wrong", "refuse"])
def test_the_phone_says_no(psc, station, client, answer):
    number, digits = ring(psc, client)
    psc.phone_decide(*([f"{(int(digits) + 1) % 100:02}"] if answer == "wrong" else []),
                     **({} if answer == "wrong" else {"refuse": True}))
    assert failure(client, number) == "LOGIN_REFUSED"
    assert client.call("session.current")["session"] is None


def test_two_programs_one_push(psc, station, client):
    number, digits = ring(psc, client)
    with station.client() as other:
        joined = other.send("session.login", method="ecps", national_id=PHYSICIAN)
        assert other.next_event("progress")["digits"] == digits
        psc.phone_decide(digits)
        assert other.wait(joined) == client.wait(number)
    assert len(psc.seen("ciba_auth")) == 1


def test_a_cancelled_login_is_given_up(psc, client):
    number, digits = ring(psc, client)
    assert client.call("cancel", id=number)["cancelled"]
    assert failure(client, number) == "CANCELLED"
    psc.phone_decide(digits)
    polls = len(psc.seen("token"))
    time.sleep(2.2)  # two of its polls would have come
    assert len(psc.seen("token")) == polls
    assert client.call("session.current")["session"] is None


def test_a_deadline_is_kept_while_the_phone_rings(psc, client):
    timer = Stopwatch()
    number, _ = ring(psc, client, deadline_ms=4000)
    assert failure(client, number) == "DEADLINE_EXCEEDED"
    assert timer.took_s() < 4 + 0.1 * slowness()


def test_nobody_is_asked_when_interaction_is_none(psc, station, client):
    for params in ({"method": "ecps", "national_id": PHYSICIAN}, {"method": "browser"}):
        with pytest.raises(RpcError, match="INTERACTION_REQUIRED"):
            client.call("session.login", interaction="none", **params)
    assert not psc.seen("ciba_auth") and not station.pages.exists()


# By browser --------------------------------------------------------------------------------------

def test_login_by_browser(psc, station, client):
    session = by_browser(psc, station, client)
    assert session["method"] == "browser" and session["acr"] == "eidas3"
    assert session["psc"]["auth_mode"] == "CARD" and session["psc"]["subject_name_id"] == PHYSICIAN
    pages = [event["params"] for event in client.notifications if event["method"] == "progress"]
    assert [page.get("opened") for page in pages if page["state"] == "browser"] == [None, True]


def test_a_browser_that_cannot_be_started(psc):
    """The caller was told of the page: it may show it in its own way."""
    with Station(psc, browser="/nonexistent/browser") as station, station.client() as client:
        number = client.send("session.login", method="browser")
        url = client.next_event("progress", state="browser")["url"]
        assert client.next_event("progress", state="browser", opened=False)["url"] == url
        assert finish_in_browser(psc, client, number, url)["method"] == "browser"


def test_what_comes_back_to_the_listener_is_checked(psc, station, client):
    number = client.send("session.login", method="browser")
    assert wait_until(station.pages.exists)
    url = station.pages.read_text().strip()
    back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
    forged = back.replace("state=", "state=x")
    assert visit(forged)[0] >= 400
    assert client.call("session.current")["session"] is None
    assert visit(back)[0] in (200, 303)
    assert client.wait(number)["method"] == "browser"


def test_refused_in_the_browser(psc, station, client):
    number = client.send("session.login", method="browser")
    assert wait_until(station.pages.exists)
    visit(UserAgent(psc.ca_file).cancel(station.pages.read_text().strip()))
    assert failure(client, number) in ("LOGIN_REFUSED", "PROMPT_CANCELLED")
    assert client.call("session.current")["session"] is None


# Tokens ------------------------------------------------------------------------------------------

def refreshes(psc):
    return len(psc.seen("token.refresh"))


def test_tokens_are_cached_then_refreshed_once_for_everyone(psc, station, client):
    session = by_phone(psc, client)
    first = client.call("token.get")
    assert first["token_type"] == "Bearer" and first["epoch"] == session["epoch"]
    assert 90 < first["expires_at"] - time.time() <= 120
    assert client.call("token.get") == first and refreshes(psc) == 0
    identity = claims_of(client.call("token.get", kind="id")["token"])
    assert identity["iss"] == psc.issuer and identity["SubjectNameID"] == PHYSICIAN

    callers = [station.client() for _ in range(20)]
    numbers = [caller.send("token.get", min_ttl_s=600) for caller in callers]
    tokens = {caller.wait(number)["token"] for caller, number in zip(callers, numbers)}
    for caller in callers:
        caller.socket.close()
    assert refreshes(psc) == 1
    assert len(tokens) == 1 and tokens != {first["token"]}
    assert client.call("token.get")["token"] in tokens


def test_short_tokens_are_refreshed_in_time(psc, client):
    psc.settings(access_ttl=11)
    by_phone(psc, client)
    first = client.call("token.get")["token"]
    assert wait_until(lambda: client.call("token.get")["token"] != first)
    assert refreshes(psc) >= 1


def test_a_provider_that_ends_the_session(psc, client):
    by_phone(psc, client)
    psc.end_sessions(PHYSICIAN)
    with pytest.raises(RpcError) as caught:
        client.call("token.get", min_ttl_s=600)
    assert caught.value.name in ("LOGIN_EXPIRED", "TOKEN_UNAVAILABLE")
    with pytest.raises(RpcError, match="TOKEN_UNAVAILABLE"):
        client.call("token.get", provider="another")
    assert wait_until(lambda: events(client, "refresh"))
    (line,) = events(client, "refresh")
    assert line["result"] == caught.value.name and line["provider"] == "sandbox"
    assert line["person"] == events(client, "login")[0]["person"]
    assert "PIN" not in str(line) and PHYSICIAN not in str(line)


def test_programs_that_insist_make_one_line_a_refresh(psc, client):
    by_phone(psc, client)
    psc.fault("status", "token.refresh", status=503, times=-1)
    for _ in range(20):
        with pytest.raises(RpcError, match="PROVIDER_UNAVAILABLE"):
            client.call("token.get", min_ttl_s=600)
    assert wait_until(lambda: events(client, "refresh"))
    assert len(events(client, "refresh")) <= len(psc.seen("token.refresh")) <= 3


# The end -----------------------------------------------------------------------------------------

def test_logout_ends_the_session_at_the_provider(psc, client):
    by_phone(psc, client)
    client.call("session.logout")
    assert wait_until(lambda: psc.seen("logout"))
    for method in ("token.get", "session.logout"):
        with pytest.raises(RpcError, match="NO_SESSION"):
            client.call(method)
    assert by_phone(psc, client)["method"] == "ecps"


def events(client, name):
    """Lines of the evidence log."""
    state = client.call("status")["evidence"]
    text = "".join(path.read_text() for path in pathlib.Path(state["directory"]).iterdir())
    whole = text[:text.rfind("\n") + 1].splitlines()
    return [line for line in map(json.loads, whole) if line["event"] == name]


def logouts(client):
    """What the evidence log says became of sessions at the provider."""
    return events(client, "logout")


def test_no_token_reaches_a_disk(psc, station, client):
    """Neither of a login that lasts, nor of one that was refreshed and ended."""
    by_phone(psc, client)
    tokens = {client.call("token.get", kind=kind, min_ttl_s=ttl)["token"]
              for kind in ("access", "id") for ttl in (10, 600)}
    by_browser(psc, station, client)
    tokens.add(client.call("token.get")["token"])
    assert wait_until(lambda: len(events(client, "token")) >= 3), "the log is written"
    assert wait_until(lambda: not client.call("status")["storage"]["waiting"])
    files = [path for path in station.dir.rglob("*") if path.is_file()]
    assert station.state / "consents.json" in files or len(files) > 10
    for path in files:
        content = path.read_bytes()
        assert not [token for token in tokens if token.encode() in content], path


def test_a_logout_without_network(psc, client):
    by_phone(psc, client)
    psc.outage("refuse")
    client.call("session.logout")
    assert client.call("session.current")["session"] is None
    with pytest.raises(RpcError, match="NO_SESSION"):
        client.call("token.get")
    psc.outage("none")
    assert wait_until(lambda: logouts(client), 30) and psc.sessions() == []
    assert logouts(client)[0]["ended"], "it is told once the network is back"


def test_what_became_of_a_logout_is_in_the_log(psc, client):
    by_phone(psc, client)
    psc.fault("status", "logout", status=503)
    client.call("session.logout")
    assert wait_until(lambda: logouts(client))
    (late,) = logouts(client)
    assert (late["provider"], late["ended"]) == ("sandbox", True) and late["tries"] >= 2
    by_phone(psc, client)
    client.call("session.logout")
    assert wait_until(lambda: len(logouts(client)) == 2)
    assert logouts(client)[1]["tries"] == 1 and psc.sessions() == []


def test_a_logout_that_nobody_could_tell_is_in_the_log(psc, station, client):
    by_phone(psc, client)
    (oidcd,) = station.children("cps-oidcd")
    os.kill(oidcd, signal.SIGKILL)
    assert client.next_event("event.health", component="oidcd", state="restarting")
    client.call("session.logout")
    assert wait_until(lambda: logouts(client))
    assert logouts(client)[0]["ended"] is False and len(psc.sessions()) == 1


def test_the_next_person_gets_nothing_of_the_previous_one(psc, station, client):
    first = by_phone(psc, client)
    token = client.call("token.get")["token"]
    second = by_phone(psc, client, NURSE)
    assert second["holder"]["national_id"] == NURSE
    assert client.call("token.get")["token"] != token
    for method, params in (("token.get", {}),
                           ("statement.get", {"audience": "a", "nonce": "12345678"})):
        with pytest.raises(RpcError, match="SESSION_CHANGED"):
            client.call(method, epoch=first["epoch"], **params)
    assert wait_until(lambda: psc.seen("logout")), "the first session is closed there too"


def test_a_failed_login_leaves_the_session_of_before(psc, client):
    session = by_phone(psc, client)
    number, _ = ring(psc, client, NURSE)
    psc.phone_decide(refuse=True)
    assert failure(client, number) == "LOGIN_REFUSED"
    assert client.call("session.current")["session"] == session


# When something is away --------------------------------------------------------------------------

def test_oidcd_killed_while_the_phone_rings(psc, station, client):
    number, digits = ring(psc, client)
    (oidcd,) = station.children("cps-oidcd")
    os.kill(oidcd, signal.SIGKILL)
    assert failure(client, number, 2) == "COMPONENT_FAILED"
    assert client.call("session.current")["session"] is None
    psc.phone_decide(digits)  # too late
    # The "running" of its first start may have come after the login began: not that one.
    assert client.next_event("event.health", component="oidcd", state="restarting")
    assert client.next_event("event.health", component="oidcd", state="running")
    assert by_phone(psc, client)["method"] == "ecps"


def test_oidcd_killed_in_a_session(psc, station, client):
    session = by_phone(psc, client)
    token = client.call("token.get")
    (oidcd,) = station.children("cps-oidcd")
    os.kill(oidcd, signal.SIGKILL)
    assert client.next_event("event.health", component="oidcd", state="restarting")
    assert client.call("token.get") == token, "what is in memory is still served"
    assert client.call("session.current")["session"] == session
    with pytest.raises(RpcError, match="COMPONENT_FAILED"):
        client.call("token.get", min_ttl_s=600)
    assert client.next_event("event.health", component="oidcd", state="running")
    with pytest.raises(RpcError) as caught:
        client.call("token.get", min_ttl_s=600)
    assert caught.value.name == "LOGIN_EXPIRED"


def test_a_stopped_oidcd_costs_a_deadline(psc, station, client):
    by_phone(psc, client)
    (oidcd,) = station.children("cps-oidcd")
    os.kill(oidcd, signal.SIGSTOP)
    timer = Stopwatch()
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        client.call("token.get", min_ttl_s=600, deadline_ms=300)
    assert timer.took_s() < 0.3 + 0.1 * slowness()
    assert client.call("token.get")["token"]
    os.kill(oidcd, signal.SIGCONT)
    assert client.call("token.get", min_ttl_s=600)["token"]


@pytest.mark.parametrize("mode", ["refuse", "stall", "reset"])
def test_an_outage_is_told_and_costs_no_more_than_a_deadline(psc, client, mode):
    assert wait_until(lambda: client.call("status")["providers"])
    psc.outage(mode)
    timer = Stopwatch()
    number = client.send("session.login", method="ecps", national_id=PHYSICIAN, deadline_ms=1500)
    assert failure(client, number) in ("PROVIDER_UNAVAILABLE", "DEADLINE_EXCEEDED")
    assert timer.took_s() < 1.5 + 0.1 * slowness()
    psc.outage("none")
    client.notifications.clear()
    assert by_phone(psc, client)["method"] == "ecps"
