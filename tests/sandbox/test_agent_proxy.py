# SPDX-License-Identifier: Apache-2.0
"""session.login by an e-Santé proxy, proxy.send for programs that may, and how it all ends."""
import json
import shutil
import subprocess

import pytest

from cpsworld.agent import RpcError, own, unprivileged
from cpsworld.desk import Desk
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

PROFILE = """[provider]
kind = esante-proxy
issuer = {url}
client_id = lps-sandbox
ca_file = {ca}
"""
# These tests run as root, whom the agent of another user cannot tell.
ALLOWED = "[default]\nproxy = yes\n"
NAMED = "[dpi]\nprogram = {program}\nproxy = yes\n[default]\nproxy = no\n"
BY_SERVICE = ("[dpi]\nprogram = /usr/bin/python3*\nproxy = no\n"
              "[dpi-service]\nprogram = /usr/bin/python3*\naudiences = {service}\nproxy = yes\n")
SEND = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as agent:
    agent.connect(sys.argv[1])
    lines = agent.makefile("rwb")
    for number, method, params in [(1, "hello", {"protocol": 1}),
                                   (2, "proxy.send", {"service": "dmp", "endpoint": "x"})]:
        lines.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method,
                                "params": params}).encode() + b"\\n")
        lines.flush()
        answer = json.loads(lines.readline())
    print(answer["result"]["status"] if "result" in answer else answer["error"]["data"]["name"])
"""


class Station(Desk):
    """A desk with the physician's card in its reader, and a proxy that knows the holder."""

    def __init__(self, psc, policy=ALLOWED, **desk):
        super().__init__(**desk)
        self.psc = psc
        self.policy = policy

    def __enter__(self):
        super().__enter__()
        agent = self.agent
        self.client.__exit__()
        agent.stop()
        ca = shutil.copy(self.psc.ca_file, agent.config / "proxy-ca.pem")
        agent.write_provider("proxy", PROFILE.format(url=self.psc.proxy, ca=ca))
        (agent.config / "policy.d").mkdir(exist_ok=True)
        (agent.config / "policy.d" / "dpi.conf").write_text(self.policy)
        own(agent.config)
        agent.start()
        self.client = agent.client()
        self.client.call("subscribe")
        assert wait_until(lambda: self.client.call("status")["providers"])
        if self._insert is not None:
            card = self.client.until_card()
            self.person = self.client.call("card.certificate",
                                           reader=card["reader"])["holder"]["national_id"]
            self.psc.add_account(self.person, given="CAMILLE", family="ESSAI")
        else:
            self.person = "899700000011"
        return self

    def connect(self, **params):
        number = self.client.send("session.login", method="proxy", national_id=self.person,
                                  **params)
        shown = self.client.next_event("progress", id=number)
        assert shown["state"] == "phone"
        assert wait_until(self.psc.phone_pending)
        self.psc.phone_decide(shown["digits"])
        return self.client.wait(number)


def failure(call, *args, **params):
    with pytest.raises(RpcError) as caught:
        call(*args, **params)
    return caught.value.name


def sessions(psc):
    return psc.call("GET", "/proxy/sessions")["sessions"]


def test_unlocking_rings_the_phone(psc):
    """The proxy would answer for the session that is open: it is not shown that one's cookie."""
    with Station(psc, insert=None) as desk:
        session = desk.connect()
        desk.client.call("session.lock")
        assert failure(desk.client.call, "proxy.send", service="dmp",
                       endpoint="x") == "SESSION_LOCKED"
        number = desk.client.send("session.unlock")
        shown = desk.client.next_event("progress", id=number)
        assert wait_until(psc.phone_pending) and len(psc.phone_requests()) == 2
        psc.phone_decide(shown["digits"])
        unlocked = desk.client.wait(number)
        assert unlocked["epoch"] == session["epoch"] and unlocked["state"] == "open"
        assert desk.client.call("proxy.send", service="dmp", endpoint="x")["status"] == 200
        assert wait_until(lambda: len(sessions(psc)) == 1), "the former one is disconnected"


def test_login_send_logout(psc):
    with Station(psc, insert=None) as desk:
        session = desk.connect()
        assert session["method"] == "proxy" and session["amr"] == ["mfa"]
        assert session["presence"] == "none" and session["psc"] is None
        assert session["holder"]["national_id"] == desk.person
        assert session["idp"]["issuer"] == psc.proxy
        (push,) = psc.phone_requests()
        (asked,) = psc.seen("proxy_connect")
        assert push["channel"] == "MOBILE" and asked["method"] == "POST"
        answer = desk.client.call("proxy.send", service="dmp", endpoint="documents?x=1",
                                  method="POST", body='{"nom":"é"}')
        echo = json.loads(answer["body"])
        assert answer["status"] == 200 and answer["epoch"] == session["epoch"]
        assert echo["body"] == '{"nom":"é"}' and echo["nationalId"] == desk.person
        binary = desk.client.call("proxy.send", service="raw", endpoint="", method="PUT",
                                  body_base64="AP8", content_type="application/octet-stream")
        assert binary["body_base64"] == "AP8" and "body" not in binary
        assert failure(desk.client.call, "token.get") == "TOKEN_UNAVAILABLE"
        desk.client.call("session.logout")
        assert wait_until(lambda: not sessions(psc))
        assert failure(desk.client.call, "proxy.send", service="dmp",
                       endpoint="x") == "NO_SESSION"


def test_the_card_that_leaves_disconnects(psc):
    with Station(psc) as desk:
        session = desk.connect(channel="MOBILE")
        assert session["presence"] == "none", "the card has proved nothing"
        assert len(sessions(psc)) == 1
        desk.card.remove()
        closed = desk.client.next_event("event.session", change="closed")
        assert closed["reason"] == "card_removed"
        assert wait_until(lambda: not sessions(psc))


@pytest.mark.parametrize("policy, said", [
    (NAMED.format(program="/usr/bin/python3*"), "200"),
    (NAMED.format(program="/usr/bin/dpi"), "NOT_ALLOWED"),
    (BY_SERVICE.format(service="dmp"), "200"), (BY_SERVICE.format(service="insi"), "NOT_ALLOWED")])
def test_programs_with_and_without_a_rule(psc, policy, said):
    with Station(psc, insert=None, policy=policy) as desk:
        desk.connect()
        run = subprocess.run(unprivileged(["/usr/bin/python3", "-c", SEND,
                                           str(desk.agent.socket)]),
                             capture_output=True, text=True, timeout=60, check=True)
        assert run.stdout.strip() == said
        assert len(psc.seen("proxy_send")) == (1 if said == "200" else 0)


def test_sessions_that_are_not_at_the_proxy(psc):
    with Station(psc) as desk:
        desk.login()
        assert failure(desk.client.call, "proxy.send", service="dmp",
                       endpoint="x") == "TOKEN_UNAVAILABLE"


def test_errors_and_bounds(psc):
    with Station(psc, insert=None) as desk:
        call = desk.client.call
        assert failure(call, "session.login", method="proxy") == "INVALID_PARAMS"
        psc.outage("refuse")
        assert failure(call, "session.login", method="proxy",
                       national_id=desk.person) == "PROVIDER_UNAVAILABLE"
        psc.outage("none")
        desk.connect()
        assert failure(call, "proxy.send", service="dmp", endpoint="../connect") == "INVALID_PARAMS"
        assert failure(call, "proxy.send", service="dmp", endpoint="x", epoch=1) == \
            "SESSION_CHANGED"
        assert failure(call, "proxy.send", service="dmp", endpoint="x", method="POST",
                       body="\\" * 32300) == "TOO_LARGE"
        psc.fault("status", "proxy_send", status=200, body="x" * 200000)
        assert failure(call, "proxy.send", service="dmp", endpoint="x") == "TOO_LARGE"
        psc.fault("hang", "proxy_send")
        timer = Stopwatch()
        assert failure(call, "proxy.send", service="dmp", endpoint="x",
                       deadline_ms=900) in ("DEADLINE_EXCEEDED", "PROVIDER_UNAVAILABLE")
        assert timer.took_s() < 1.2
        assert call("proxy.send", service="dmp", endpoint="x")["status"] == 200
        psc.call("POST", "/proxy/forget", {})
        assert failure(call, "proxy.send", service="dmp", endpoint="x") == "LOGIN_EXPIRED"
