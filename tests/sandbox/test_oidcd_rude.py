# SPDX-License-Identifier: Apache-2.0
"""Every way of being rude on every endpoint: oidcd answers each request with a coded error, in time,
lives on, and serves the next honest login. One way at a time on all endpoints at once: the requests
that meet it run side by side. Discovery and keys, which are asked once, are in test_oidcd_http.py,
the answers that the browser brings in test_oidcd_loopback.py."""
import collections
import itertools
import os

import pytest

from cpsworld.oidcd import NURSE, PHYSICIAN, Oidcd, api_file, raw
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until

DEADLINE_MS = 20000     # of those who answer, badly
SLOW_MS = 2000
APIS = 10
THIRD = "899700000045"
PROXY = "[provider]\nkind = esante-proxy\nissuer = {0.proxy}\nclient_id = lps-sandbox\n" \
        "ca_file = {0.ca_file}\n"
PUSHED = "[provider]\nkind = sandbox\nissuer = {0.issuer}\nclient_id = psc-public\n" \
         "allowed_hosts = 127.0.0.1:{0.ports[wallet]}\nclient_auth = none\n" \
         "ca_file = {0.ca_file}\npar = yes\n"


class Way:
    """fault: None for TLS. What comes of it: error, of what needs a JSON answer; ended, of logouts;
    status, of a request to an API, whose answer is passed on; the others have that error too."""

    def __init__(self, fault, error, ended=False, status=None, lost=False, proxy=None,
                 logout=None, api=None):
        self.fault = fault
        self.expected = {name: error for name in (
            "par", "token.code", "ciba_auth", "userinfo", "introspect")}
        self.expected["api_token"] = api or (error[0].replace("PROVIDER", "API"), error[1])
        self.expected["token.refresh"] = ("LOGIN_EXPIRED", "refresh_lost") if lost else error
        self.expected["logout"] = ended if logout is None else logout
        self.expected["proxy_disconnect"] = ended
        self.expected["proxy_send"] = error if status is None else status
        self.expected["proxy_connect"] = proxy or error


def unread(content, reason="json", **how):
    """200 and something that is no answer: the proxy's disagreement has a name of its own."""
    return Way(raw(content, **how), ("PROVIDER_ANSWER", reason), ended=True, status=200, lost=True,
               proxy=("PROVIDER_ANSWER", "proxy_session_id"))


def status(number, code="PROVIDER_ANSWER", reason="status", **how):
    fault = {name: how.pop(name) for name in ("headers", "body") if name in how}
    return Way({"kind": "status", "status": number, **fault}, (code, reason), status=number, **how)


AWAY = "PROVIDER_UNAVAILABLE"
WAYS = {
    "status 503": status(503, AWAY),
    "status 500 with a page": status(500, AWAY, body="<html>",
                                     headers={"content-type": "text/html"}),
    "status 429": status(429, AWAY, headers={"Retry-After": "1"}),
    "status 404": status(404, proxy=("PERSON_UNKNOWN", "not_found"),
                         api=("API_REFUSED", "status")),
    "status 204": status(204, ended=True, lost=True),
    "redirect": Way({"kind": "redirect"}, ("PROVIDER_ANSWER", "redirect"), status=302,
                    proxy=("PROVIDER_ANSWER", "status"), logout=True),
    "reset": Way({"kind": "reset"}, (AWAY, "network"), lost=True),
    "closed": Way(raw(b'{"ok":', length=100, then="close"), ("PROVIDER_ANSWER", "truncated"),
                  lost=True),
    "huge": Way({"kind": "huge"}, ("PROVIDER_ANSWER", "too_large"), lost=True),
    "half JSON": unread(b'{"ok":'),
    "nothing": unread(b""),
    "no object": unread(b"[1,2]"),
    "two members of one name": unread(b'{"a":1,"a":2}'),
    "deep JSON": unread(b"[" * 100000),
    "wrong UTF-8": unread(b'{"a":"\xff\xfe"}'),
    "NUL": unread(b'{"a":"b\\u0000c"}'),
    "a portal": unread(b"<html>", "content_type", type="text/html"),
    "JSON said to be text": unread(b"{}", "content_type", type="text/plain"),
    "TLS": Way(None, (AWAY, "tls")),
}
SLOW = {
    "silence": {"kind": "hang"},
    "half, then silence": raw(b'{"ok":', then="silence"),
    "byte by byte": raw(b" ", length=1000, then="again", ms=20),
    "chunks for ever": raw(b" ", then="again", ms=20),
}


class World:
    """oidcd with a provider, the same with pushed requests, and a proxy."""

    def __init__(self, psc, log, api):
        self.psc = psc
        self.oidcd = Oidcd(psc, profiles={"proxy": PROXY.format(psc), "pushed": PUSHED.format(psc)},
                           apis={f"api{n}": api for n in range(APIS)}, log=log)
        self.apis = itertools.cycle(range(APIS))
        self.kept = None  # a session, and one at the proxy, that the rude do not end
        self.spare = ()   # the same, to be ended
        self.worker = self.oidcd.worker
        self.secrets = [psc.clients["psc-basic"]["secret"], PHYSICIAN, NURSE, THIRD]

    def connect(self, person):
        return self.oidcd.result(self.send_connect(person, 20000))

    def send_connect(self, person, deadline_ms):
        return self.worker.send("login_proxy", {
            "provider": "proxy", "login_hint": person, "binding_message": "42",
            "channel": "MOBILE"}, deadline_ms=deadline_ms)

    def login(self, deadline_ms=20000):
        login = self.oidcd.login_browser(deadline_ms=deadline_ms)
        self.secrets += [login["access_token"], login["id_token"]]
        return login["handle"]

    def begin(self, deadline_ms):
        """A login in the browser, up to the answer that it is to bring."""
        number, url = self.oidcd.begin_browser(deadline_ms=2 * deadline_ms)
        return number, UserAgent(self.psc.ca_file).login_card(url, self.psc.cards[PHYSICIAN])

    def meet(self, fault, deadline_ms=DEADLINE_MS):
        """Has every endpoint be met: name of the endpoint -> outcome, seconds."""
        psc, send = self.psc, self.worker.send
        if self.kept is None:
            self.kept = self.login(), self.connect(PHYSICIAN)["handle"]
        if not self.spare:
            self.is_well()
        refreshed, (ended, disconnected), self.spare = self.login(), self.spare, ()
        last, code = self.begin(deadline_ms), self.begin(deadline_ms)
        psc.clear_seen()
        self.spoil(fault, ("par", "ciba_auth", "token.refresh", "logout", "revoke", "userinfo",
                           "introspect", "api_token", "proxy_connect", "proxy_send",
                           "proxy_disconnect"))
        jobs = {last[0]: "userinfo" if fault else "again", code[0]: "token.code"}
        visit(last[1])
        if fault is not None:
            assert wait_until(lambda: psc.seen("userinfo"))
            self.spoil(fault, ["token.code"])
        timer = Stopwatch()
        visit(code[1])
        memory = os.memfd_create("answer")
        for name, op, params, fd in (
                ("par", "login_browser", {"provider": "pushed"}, None),
                ("ciba_auth", "login_ciba", {"provider": "sandbox", "login_hint": PHYSICIAN,
                                             "binding_message": "42"}, None),
                ("token.refresh", "refresh", {"handle": refreshed}, None),
                ("logout", "logout", {"handle": ended}, None),
                ("introspect", "introspect", {"handle": self.kept[0]}, None),
                # a server that was down is left alone for a moment: it is one of several
                ("api_token", "exchange", {"handle": self.kept[0],
                                           "api": f"api{next(self.apis)}"}, None),
                ("proxy_send", "send", {"handle": self.kept[1], "service": "dmp", "endpoint": "x",
                                        "method": "GET"}, memory),
                ("proxy_disconnect", "logout", {"handle": disconnected}, None)):
            jobs[send(op, params, fd=fd, deadline_ms=deadline_ms)] = name
        jobs[self.send_connect(THIRD, deadline_ms)] = "proxy_connect"
        os.close(memory)
        outcomes = self.collect(jobs, timer)
        self.end(fault)
        self.worker.answer(self.worker.send("logout", {"handle": refreshed}))
        return outcomes

    def spoil(self, fault, routes):
        if fault is None:
            self.psc.tls(cert="expired")
        else:
            for route in routes:
                self.psc.fault(on=route, times=-1, **fault)

    def end(self, fault):
        self.psc.clear_faults()
        if fault is None:
            self.psc.tls()

    def collect(self, jobs, timer):
        outcomes = {}
        while len(outcomes) < len(jobs):
            packet = self.worker.receive()
            assert "progress" not in packet, packet
            outcome = packet.get("result")
            if outcome is None:
                outcome = (packet["error"]["code"], packet["error"].get("reason"))
            else:
                outcome = outcome.get("ended", outcome.get("status"))
            outcomes[jobs[packet["id"]]] = outcome, timer.took_s()
        return outcomes

    def is_well(self):
        """Nothing of it stays: honest logins work at once, and serve what comes next."""
        assert self.worker.process.poll() is None
        self.spare = self.login(), self.connect(NURSE)["handle"]


@pytest.fixture(scope="module")
def world(stand_in, tmp_path_factory):
    stand_in.reset()
    stand_in.phone_auto()
    stand_in.add_account(THIRD, given="DANY", family="ESSAI")
    path = tmp_path_factory.mktemp("log") / "log"
    api = api_file(stand_in, str(path.parent), "lps-api-basic")
    with open(path, "wb") as log:
        world = World(stand_in, log, api)
        with world.oidcd:
            yield world
    said = path.read_text()
    assert "provider sandbox is up" in said
    for secret in (*world.secrets, "eyJ", "code=", "Bearer ", "proxy_session_id="):
        assert secret not in said


@pytest.mark.parametrize("way", WAYS)
def test_rude_on_every_endpoint(world, way):
    found = world.meet(WAYS[way].fault)
    found.pop("again", None)
    expected = {name: outcome for name, outcome in WAYS[way].expected.items() if name in found}
    assert {name: outcome for name, (outcome, _) in found.items()} == expected
    assert len(found) == (10 if way == "TLS" else 11)
    assert max(seconds for _, seconds in found.values()) < 0.9 * slowness()
    for route in ("ciba_auth", "token.code", "token.refresh", "proxy_connect"):
        assert len(world.psc.seen(route)) <= 2 if route == "token.code" else 1, "no second try"
    world.is_well()


@pytest.mark.parametrize("way", SLOW)
def test_slow_on_every_endpoint(world, way):
    """The deadline of each is kept; what was under way is given up, and the logouts go on later."""
    found = world.meet(SLOW[way], SLOW_MS)
    assert {name for name, (outcome, _) in found.items() if outcome is False} == {
        "logout", "proxy_disconnect"}
    for name, (outcome, seconds) in found.items():
        longest = 2 if name in ("userinfo", "token.code") else 1
        assert seconds < longest * SLOW_MS / 1000 + 0.1 * slowness(), name
        assert outcome is False or outcome[0] in ("DEADLINE_EXCEEDED", AWAY, "API_UNAVAILABLE",
                                                   "LOGIN_EXPIRED"), name
    world.is_well()


def test_rude_answers_to_polls(world):
    """Many phones at once, each of whose polls meets another way. Whoever cannot read the answer
    that tells the end does not poll on; whoever got none does."""
    psc, people = world.psc, [f"8997000001{n:02}" for n in range(len(WAYS) - 1)]
    psc.phone_auto(False)
    psc.clear_seen()
    for person in people:
        psc.add_account(person, given="DANY", family="ESSAI")
    numbers = [world.oidcd.begin_ciba(person) for person in people]
    assert wait_until(lambda: len(psc.phone_pending()) == len(people))
    expected = collections.Counter()
    for number, way in enumerate(way for way in WAYS.values() if way.fault is not None):
        psc.fault(on="token.ciba", skip=number, **way.fault)
        code, reason = way.expected["par"]
        goes_on = code == AWAY or reason in ("truncated", "too_large")
        expected["logged in" if goes_on else reason] += 1
    psc.phone_auto()  # answers all of them
    found = collections.Counter()
    for _ in numbers:
        packet = world.worker.receive()
        while "progress" in packet:
            packet = world.worker.receive()
        if "error" in packet:
            found[packet["error"].get("reason", packet["error"]["code"])] += 1
        else:
            found["logged in"] += 1
    assert found == expected and all(fault["hits"] == 1 for fault in psc.faults())
    psc.clear_faults()
    assert world.oidcd.login_ciba()["subject_name_id"] == PHYSICIAN


def test_a_refresh_token_that_an_unread_answer_may_have_spent_is_not_sent_again(world):
    """The provider has rotated, and what it said was lost to us."""
    psc = world.psc
    for fault in ({"kind": "duplicate"}, {"kind": "garbage"}):
        handle = world.login()
        psc.clear_seen()
        psc.fault(on="token.refresh", times=-1, **fault)
        for reason in ("refresh_lost", "handle"):
            number = world.worker.send("refresh", {"handle": handle})
            error = world.worker.answer(number)["error"]
            assert (error["code"], error["reason"]) == ("LOGIN_EXPIRED", reason)
        assert len(psc.seen("token.refresh")) == 1
        psc.clear_faults()
