# SPDX-License-Identifier: Apache-2.0
"""token.exchange and token.introspect as programs meet them: who may, what is kept and for how long,
what becomes of it when the person changes or the network goes."""
import base64
import json
import subprocess
import time

import pytest

from cpsworld import interface
from cpsworld.agent import Agent, failure, own, unprivileged
from cpsworld.evidence import evidence_lines
from cpsworld.oidcd import NURSE, PHYSICIAN, api_file
from cpsworld.paths import slowness
from cpsworld.program import Program
from cpsworld.stopwatch import Stopwatch
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until

PROFILE = """[provider]
kind = sandbox
issuer = {issuer}
allowed_hosts = 127.0.0.1:{wallet}
client_id = psc-basic
client_auth = client_secret_basic
client_secret_file = {secret}
ca_file = {ca}
"""
BROWSER = """#!/bin/sh
echo "$1" > "{pages}.new" && mv "{pages}.new" "{pages}"
"""


class Station(Agent):
    """An agent that logs in at the stand-in with a browser, and has the stand-in's API."""

    def __init__(self, psc):
        super().__init__()
        self.psc = psc
        self.pages = self.dir / "home" / "page"
        program = self.bin / "browser"
        program.write_text(BROWSER.format(pages=self.pages))
        program.chmod(0o755)
        with open(self.config / "cps-agent.conf", "a", encoding="utf-8") as conf:
            conf.write(f"[browser]\ncommand = {program} {{url}}\n[psc]\nprovider = sandbox\n")
        secret = self.config / "secret"
        secret.write_text(psc.clients["psc-basic"]["secret"])
        secret.chmod(0o600)
        self.write_provider("sandbox", PROFILE.format(
            issuer=psc.issuer, wallet=psc.ports["wallet"], ca=psc.ca_file, secret=secret))
        (self.config / "apis.d").mkdir()
        for name, keys in {"dmp": {}, "insi": {"audience": "https://api.example.test/insi"},
                           "mine": {"program": str(self.bin / "cpsctl")},
                           "nobody": {"program": None},
                           "basic": {"client": "lps-api-basic"}}.items():
            text = api_file(psc, str(self.config), **keys)
            (self.config / "apis.d" / f"{name}.conf").write_text(text)
        (self.config / "policy.d").mkdir(exist_ok=True)
        (self.config / "policy.d" / "programs.conf").write_text("".join(
            f"[{name}]\nprogram = {self.dir}/programs/{name}\ntokens = {tokens}\n"
            for name, tokens in (("reader", "access"), ("sender", "exchange"), ("chosen", "none"))) +
            f"[chosen-dmp]\nprogram = {self.dir}/programs/chosen\naudiences = dmp\n"
            "tokens = exchange\nmethods = token.exchange\n")
        own(self.config)

    def login(self, client, person=PHYSICIAN):
        self.pages.unlink(missing_ok=True)
        number = client.send("session.login", method="browser")
        assert wait_until(self.pages.exists)
        back = UserAgent(self.psc.ca_file).login_card(self.pages.read_text().strip(),
                                                      self.psc.cards[person])
        assert visit(back)[0] in (200, 303)
        return client.wait(number)

    def cpsctl(self, *args, status=0):
        run = subprocess.run(unprivileged([str(self.bin / "cpsctl"), *args]), env=self.environment,
                             capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == status, run.stdout + run.stderr
        return run.stdout


@pytest.fixture(scope="module")
def shared(stand_in):
    stand_in.reset()
    with Station(stand_in) as station:
        yield station
        log = station.log.read_text()
    assert "eyJ" not in log, "a token in the log"


@pytest.fixture
def station(psc, shared):
    return shared


@pytest.fixture
def client(psc, station):
    """A program, while the physician is at the desk."""
    with station.client() as it:
        it.call("subscribe")
        it.session = station.login(it)
        psc.clear_seen()
        yield it
        if it.call("session.current")["session"]:
            it.call("session.logout")


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def refused(client, method="token.exchange", **params):
    return failure(client, client.send(method, **params))


def documented(client, method, **params):
    """The result, of the shape that the interface file promises."""
    result = client.call(method, **params)
    assert interface.result_problems(method, result) == []
    return result


# Exchange -----------------------------------------------------------------------------------------

def test_exchanged_once_then_served_from_memory(psc, client):
    first = documented(client, "token.exchange", api="dmp")
    assert claims_of(first["token"])["aud"] == ["https://api.example.test/dmp"]
    assert first["token_type"] == "Bearer" and first["bound"] is True and first["api"] == "dmp"
    assert first["epoch"] == client.session["epoch"]
    assert client.call("token.exchange", api="dmp") == first
    assert len(psc.seen("api_token")) == 1
    other = client.call("token.exchange", api="insi")
    assert claims_of(other["token"])["aud"] == ["https://api.example.test/insi"]
    assert len(psc.seen("api_token")) == 2
    assert client.call("token.exchange", api="basic")["bound"] is False


def test_never_longer_than_the_session(psc, client):
    psc.settings(api_ttl=80000)
    token = client.call("token.exchange", api="dmp")
    assert claims_of(token["token"])["exp"] > token["expires_at"]
    assert token["expires_at"] == client.session["expires_at"]


def test_one_exchange_serves_all_who_ask(psc, station, client):
    psc.fault("delay", "api_token", ms=300)
    with station.client() as other:
        numbers = [client.send("token.exchange", api="dmp") for _ in range(10)]
        others = [other.send("token.exchange", api="dmp") for _ in range(10)]
        tokens = {client.wait(number)["token"] for number in numbers}
        tokens |= {other.wait(number)["token"] for number in others}
    assert len(tokens) == 1 and len(psc.seen("api_token")) == 1


def test_a_token_that_is_too_short_is_had_anew(psc, client):
    psc.settings(api_ttl=5)
    first = client.call("token.exchange", api="dmp")
    second = client.call("token.exchange", api="dmp")
    assert first["token"] != second["token"] and len(psc.seen("api_token")) == 2
    assert client.call("token.exchange", api="dmp", min_ttl_s=1) == second


def test_nothing_is_left_for_the_next_person(psc, station, client):
    first = client.call("token.exchange", api="dmp")
    client.call("session.logout")
    assert refused(client, api="dmp") == "NO_SESSION"
    session = station.login(client, NURSE)
    assert refused(client, api="dmp", epoch=first["epoch"]) == "SESSION_CHANGED"
    second = client.call("token.exchange", api="dmp")
    assert second["token"] != first["token"] and second["epoch"] == session["epoch"]
    assert claims_of(second["token"])["sub"] == NURSE


def test_the_session_that_ends_meanwhile(psc, client):
    psc.fault("hang", "api_token")
    number = client.send("token.exchange", api="dmp")
    assert wait_until(lambda: psc.seen("api_token"))
    client.call("session.logout")
    assert failure(client, number) == "SESSION_CHANGED"


def test_the_deadline_is_kept_and_costs_the_others_nothing(psc, client):
    psc.fault("hang", "api_token", times=-1)
    timer = Stopwatch()
    number = client.send("token.exchange", api="dmp", deadline_ms=400)
    assert client.call("token.get")["token"], "served meanwhile"
    assert failure(client, number) == "DEADLINE_EXCEEDED"
    assert timer.took_s() < 0.4 + 0.5 * slowness()
    psc.clear_faults()
    assert client.call("token.exchange", api="insi")["token"]


def test_the_network_goes_and_comes_back(psc, client):
    client.call("token.exchange", api="insi")
    psc.outage("refuse")
    assert refused(client, api="dmp") == "API_UNAVAILABLE"
    event = client.next_event("event.health", component="dmp")
    assert event["state"] == "down" and event["since_at"] > 0
    (shown,) = [api for api in documented(client, "status")["apis"] if api["name"] == "dmp"]
    assert shown["state"] == "down" and shown["error"] and "programs" not in shown
    assert client.call("token.exchange", api="insi")["token"], "what is kept still serves"
    psc.outage("none")

    def works():
        number = client.send("token.exchange", api="dmp")
        try:
            return client.wait(number)["token"]
        except Exception:  # pylint: disable=broad-except
            return None
    assert wait_until(works)


@pytest.mark.parametrize("fault, name", [
    ({"kind": "error", "error": "invalid_target"}, "API_REFUSED"),
    ({"kind": "error", "error": "invalid_client", "status": 401}, "API_REFUSED"),
    ({"kind": "html"}, "API_ANSWER"), ({"kind": "body", "set": {"token_type": "mac"}},
                                       "API_ANSWER")])
def test_errors_are_told_and_nothing_is_kept(psc, client, fault, name):
    psc.fault(on="api_token", **fault)
    assert refused(client, api="dmp") == name
    assert client.call("token.exchange", api="dmp")["token"]


def test_a_token_bound_to_another_certificate_reaches_nobody(psc, client):
    psc.settings(api_cnf="other")
    assert refused(client, api="dmp") == "API_ANSWER"


def test_who_may(station, client):
    assert refused(client, api="nobody") == "NOT_ALLOWED"
    assert refused(client, api="mine") == "NOT_ALLOWED"
    assert refused(client, api="unknown") == "API_UNKNOWN"
    assert refused(client, api="../dmp") == "INVALID_PARAMS"
    token = station.cpsctl("token", "exchange", "mine").strip()
    assert claims_of(token)["sub"] == PHYSICIAN
    assert json.loads(station.cpsctl("--json", "token", "exchange", "mine"))["token"] == token
    station.cpsctl("token", "exchange", "nobody", status=1)
    station.cpsctl("token", "exchange", status=2)


def test_rules_for_programs_hold_too(psc, station, client):
    with Program(station, "reader") as reader, Program(station, "sender") as sender:
        assert refused(reader, api="dmp") == "NOT_ALLOWED"
        assert reader.call("token.introspect", online=False)["active"]
        assert sender.call("token.exchange", api="dmp")["token"]
        assert refused(sender, "token.introspect") == "NOT_ALLOWED"
        assert refused(sender, "token.introspect", online=False) == "NOT_ALLOWED"
        assert refused(sender, api="mine") == "NOT_ALLOWED", "of cpsctl alone"
    assert psc.seen("introspect") == [] and len(psc.seen("api_token")) == 1


def test_rules_go_by_api(psc, station, client):
    with Program(station, "chosen") as chosen:
        assert chosen.call("token.exchange", api="dmp")["token"]
        assert refused(chosen, api="insi") == "NOT_ALLOWED"
        assert refused(chosen, "token.get") == "NOT_ALLOWED"
        assert refused(chosen, "statement.get", audience="dmp", nonce="0123456789") == "NOT_ALLOWED"
    assert len(psc.seen("api_token")) == 1


def test_what_the_evidence_log_says(psc, station, client):
    psc.settings(api_cnf="other")
    assert refused(client, api="insi") == "API_ANSWER"
    psc.settings(api_cnf="bound")
    tokens = {client.call("token.exchange", api="dmp")["token"] for _ in range(3)}
    log = evidence_lines(client)
    text = json.dumps(log)
    assert not any(token[-40:] in text or token[:200] in text for token in tokens)
    lines = [line for line in log
             if line["event"] == "exchange" and line.get("epoch") == client.session["epoch"]]
    assert [(line["api"], line["result"]) for line in lines] == [("insi", "API_ANSWER"),
                                                                 ("dmp", "ok")]
    assert lines[1]["pid"] and lines[1]["person"]


def test_oidcd_dies_meanwhile(psc, station, client):
    psc.fault("hang", "api_token")
    number = client.send("token.exchange", api="dmp")
    assert wait_until(lambda: psc.seen("api_token"))
    (pid,) = station.children("cps-oidcd")
    subprocess.run(["kill", "-KILL", str(pid)], check=True)
    assert failure(client, number) == "COMPONENT_FAILED"
    assert wait_until(lambda: client.call("status")["components"]["oidcd"] == "running" and
                      client.call("status")["apis"])


# Introspection ------------------------------------------------------------------------------------

def test_introspection(psc, client):
    told = documented(client, "token.introspect")
    assert told["active"] and told["source"] == "provider" and told["provider"] == "sandbox"
    assert told["subject_name_id"] == PHYSICIAN and told["auth_mode"] == "CARD"
    assert told["auth_time"] == client.session["auth_time"]
    assert told["epoch"] == client.session["epoch"]
    assert psc.seen("token.refresh") == [], "it changes nothing"
    psc.end_sessions()
    assert client.call("token.introspect")["active"] is False


def test_introspection_without_asking_anybody(psc, client):
    psc.outage("refuse")
    assert refused(client, "token.introspect") == "PROVIDER_UNAVAILABLE"
    known = documented(client, "token.introspect", online=False)
    assert known["active"] and known["source"] == "memory" and "subject_name_id" not in known
    assert known["expires_at"] > time.time()


def test_an_answer_about_somebody_else_is_none(psc, client):
    psc.fault("body", "introspect", set={"SubjectNameID": NURSE})
    assert refused(client, "token.introspect") == "PROVIDER_ANSWER"


def test_introspection_by_command_line(psc, station, client):
    assert PHYSICIAN in station.cpsctl("token", "introspect")
    assert json.loads(station.cpsctl("--json", "token", "introspect", "--offline"))["active"]
    psc.end_sessions()
    assert "Plus actif" in station.cpsctl("token", "introspect", status=9)


def test_no_session_no_answer(psc, station):
    with station.client() as client:
        assert refused(client, "token.introspect") == "NO_SESSION"
        assert refused(client, api="dmp") == "NO_SESSION"
