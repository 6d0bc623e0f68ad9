# SPDX-License-Identifier: Apache-2.0
"""What the agent says has the shapes of the interface file, from the first line to the last."""
import base64
import json
import os
import signal
import subprocess
import sys

import pytest

from cpsworld import interface
from cpsworld.agent import RpcError
from cpsworld.desk import Desk
from cpsworld.paths import SOURCE_DIR

AUDIENCE = {"audience": "https://dpi.example", "nonce": "n-0S6_WzA2Mj"}


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Judge:
    """Makes calls and keeps what does not fit the interface file."""

    def __init__(self, client):
        self.client = client
        self.found = interface.result_problems("hello", client.hello)
        self.called = {"hello"}
        self.notified = set()

    def call(self, method, /, **params):
        self.called.add(method)
        try:
            result = self.client.call(method, **params)
            self.found += interface.result_problems(method, result)
        except RpcError as error:
            self.found += interface.error_problems(method, error.data)
            result = error.name
        self.drain()
        return result

    def drain(self):
        for message in self.client.notifications:
            self.found += interface.notification_problems(message)
            self.notified.add((message["method"], message["params"].get("change")))
        self.client.notifications.clear()

    def until(self, method, change=None):
        """Reads until that notification has come, judging all that comes with it."""
        while (method, change) not in self.notified:
            message = self.client.read(10)
            assert "method" in message
            self.client.notifications.append(message)
            self.drain()


def test_answers_and_notifications():
    with Desk() as desk, desk.agent.client() as client:
        judge = Judge(client)
        assert judge.call("subscribe")["events"]
        for method in ("status", "card.list", "session.current", "keys.jwks"):
            judge.call(method)
        for usage in ("authentication", "signature", "technical"):
            judge.call("card.certificate", usage=usage)
        assert judge.call("card.report")["cut"] is False
        assert judge.call("statement.get", **AUDIENCE) == "NO_SESSION"
        desk.pinentry.answers("pin 0000", "pin " + desk.pin)
        session = judge.call("session.login", method="card")
        for method in ("status", "session.current", "card.list"):
            judge.call(method)
        assert "statement" in judge.call("statement.get", **AUDIENCE)
        assert judge.call("statement.get", epoch=session["epoch"] + 9, **AUDIENCE) == \
            "SESSION_CHANGED"
        assert judge.call("token.get") == "TOKEN_UNAVAILABLE"
        assert judge.call("token.introspect") == "TOKEN_UNAVAILABLE"
        assert judge.call("token.exchange", api="dmp") == "TOKEN_UNAVAILABLE"
        assert judge.call("statement.get", counter_sign=True, **AUDIENCE) == "NOT_ALLOWED"
        assert judge.call("provider.check") == "PROVIDER_UNKNOWN"
        assert judge.call("proxy.send", service="dmp", endpoint="x") == "TOKEN_UNAVAILABLE"
        assert judge.call("session.practice")["epoch"] == session["epoch"]
        assert judge.call("session.practice", number=99) == "PRACTICE_UNKNOWN"
        assert judge.call("session.lock")["session"]["state"] == "locked"
        assert judge.call("statement.get", **AUDIENCE) == "SESSION_LOCKED"
        desk.pinentry.answers("pin " + desk.pin, "pin " + desk.pin)
        assert judge.call("session.unlock")["state"] == "open"
        assert judge.call("session.step_up", max_age=0)["epoch"] == session["epoch"]
        assert "keys" in judge.call("keys.rotate")
        judge.call("trust.refresh")
        judge.call("policy.list")
        assert judge.call("policy.check", program="/opt/dpi", audience="dpi")["methods"]
        assert judge.call("policy.revoke", id=1) == {"revoked": 0}
        (token,) = judge.call("pkcs11.tokens", wait=True)["tokens"]
        card = {"card_id": token["card_id"]}
        assert judge.call("pkcs11.login", **card) == {}
        signed = judge.call("pkcs11.sign", usage="authentication", mechanism="RSA_PKCS",
                            data=b64(b"0" * 51), **card)
        assert signed["signature"]
        assert judge.call("pkcs11.decrypt", usage="authentication", data=b64(bytes(256)),
                          **card) == "DECRYPT_FAILED"
        assert judge.call("pkcs11.object", label="CPS_ID_CARD", **card)["value"]
        assert judge.call("pkcs11.object", label="CPS_NONE", **card) == "INVALID_PARAMS"
        desk.pinentry.answers(f"pin {desk.pin}", "twice 1973")
        judge.call("card.change_pin")
        desk.pinentry.answers("pin 00000000", "twice 1973", "cancel")
        judge.call("card.unblock_pin")
        desk.card.remove()
        judge.until("event.card", "removed")
        judge.until("event.session", "closed")
        assert judge.call("session.login", method="card") == "NO_CARD"
        judge.call("session.login", method="browser")
        judge.call("session.logout")
        assert judge.call("cancel", id="none") == {"cancelled": False}
        assert judge.call("status", extra=1) == "INVALID_PARAMS"
        (pid,) = desk.agent.children("cps-oidcd")
        os.kill(pid, signal.SIGKILL)
        judge.until("event.health")
        judge.call("status")
    assert not judge.found, "\n".join(judge.found)
    assert judge.called == set(interface.METHODS)
    assert {("progress", None), ("event.session", "opened")} <= judge.notified


@pytest.mark.parametrize("schema, value", [
    ({"type": "integer"}, True), ({"type": "integer"}, 1.0), ({"type": "string"}, None),
    ({"type": "string", "enum": ["a"]}, "b"), ({"type": "integer", "minimum": 0}, -1),
    ({"type": "array", "items": {"type": "string"}}, [1]), ({"$ref": "#/components/schemas/Card"}, {}),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {"b": 1}),
    ({"oneOf": [{"type": "string"}, {"type": "null"}]}, 1)])
def test_the_judge_refuses(schema, value):
    assert interface.problems(value, schema)


def test_the_generator_refuses_what_the_agent_would_not_check(tmp_path):
    """A constraint that the C check does not know must not be silently dropped."""
    bad = json.loads(json.dumps(interface.API))
    for schema in ({"type": "string"}, {"type": "integer"}, {"type": "object", "properties": {}},
                   {"type": "string", "maxLength": 1, "pattern": "^x$"},
                   {"type": "string", "maxLength": 1, "format": "uri"}):
        bad["methods"][1]["params"] = [{"name": "p", "schema": schema}]
        (tmp_path / "bad.json").write_text(json.dumps(bad))
        done = subprocess.run([sys.executable, str(SOURCE_DIR / "tools" / "gen_api.py"), "table",
                               str(tmp_path / "bad.json"), str(tmp_path / "out.c")],
                              capture_output=True, check=False)
        assert done.returncode != 0, schema
