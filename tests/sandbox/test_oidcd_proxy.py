# SPDX-License-Identifier: Apache-2.0
"""The e-Santé proxy back end of oidcd against the stand-in's proxy: every answer of /connect,
requests relayed by /send, /disconnect, and the cookie that nobody else sees."""
import base64
import json
import os
import time

import pytest

from cpsworld.oidcd import NURSE, PHYSICIAN, Oidcd, OidcError
from cpsworld.processes import descriptor_targets
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

SOFTWARE = "lps-sandbox"


def profile(psc, **changes):
    keys = {"kind": "esante-proxy", "issuer": psc.proxy, "client_id": SOFTWARE,
            "ca_file": psc.ca_file, **changes}
    return "\n".join(["[provider]", *(f"{key} = {value}" for key, value in keys.items()), ""])


class Desk(Oidcd):
    def __init__(self, psc, env=None, **changes):
        super().__init__(psc, profiles={"proxy": profile(psc, **changes)}, env=env)

    def begin(self, person=PHYSICIAN, digits="42", deadline_ms=20000, **params):
        return self.worker.send("login_proxy", {
            "provider": "proxy", "login_hint": person, "binding_message": digits,
            "channel": "MOBILE", **params}, deadline_ms=deadline_ms)

    def connect(self, *args, **params):
        return self.result(self.begin(*args, **params))

    def send(self, login, service="dmp", endpoint="echo", method="GET", **params):
        """(answer, body)"""
        memory = os.memfd_create("answer")
        try:
            answer = self.result(self.worker.send(
                "send", {"handle": login["handle"], "service": service, "endpoint": endpoint,
                         "method": method, **params}, fd=memory))
            return answer, os.pread(memory, 1 << 20, 0)
        finally:
            os.close(memory)


@pytest.fixture
def desk(psc):
    psc.phone_auto()
    with Desk(psc) as desk:
        yield desk


def refused(call, *args, **params):
    with pytest.raises(OidcError) as caught:
        call(*args, **params)
    return caught.value.code, caught.value.reason


# /connect -----------------------------------------------------------------------------------------

def test_connect(psc, desk):
    (_, provider) = sorted(desk.call("providers")["providers"], key=lambda one: one["methods"])
    assert provider["methods"] == ["proxy"] and provider["name"] == "proxy"
    login = desk.connect()
    assert login["subject_name_id"] == login["sub"] == PHYSICIAN and login["warnings"] == []
    assert login["kind"] == "esante-proxy" and login["issuer"] == psc.proxy
    assert abs(login["auth_at"] - time.time()) < 60
    (asked,) = psc.call("GET", "/proxy/sessions")["connects"]
    assert asked["bindingMessage"] == "42" and asked["channel"] == "MOBILE"
    assert asked["clientId"] == SOFTWARE and asked["nationalId"] == PHYSICIAN
    assert "access_token" not in login and "cookie" not in str(login).lower()


def test_the_call_blocks_until_the_phone_answers(psc):
    with Desk(psc) as desk:
        number = desk.begin(digits="07")
        (push,) = wait_until(psc.phone_pending)
        assert push["binding_message"] == "07"
        assert desk.call("providers"), "other requests are served meanwhile"
        assert refused(desk.connect)[0] == "TOO_MANY_REQUESTS", "one phone, one question"
        psc.phone_decide("07")
        assert desk.result(number)["handle"]


def test_an_rpps_of_eleven_digits_is_completed(psc, desk):
    assert desk.connect(PHYSICIAN[1:])["sub"] == PHYSICIAN


@pytest.mark.parametrize("answer, code", [("wrong", "LOGIN_REFUSED"), ("refuse", "LOGIN_REFUSED")])
def test_refused_on_the_phone(psc, desk, answer, code):
    psc.phone_auto(answer=answer)
    assert refused(desk.connect) == (code, "access_denied")


def test_nobody_answers(psc):
    psc.settings(ciba_ttl=1)
    with Desk(psc) as desk:
        assert refused(desk.connect) == ("LOGIN_EXPIRED", "expired_token")


def test_the_callers_deadline_comes_first(psc):
    with Desk(psc) as desk:
        timer = Stopwatch()
        assert refused(desk.connect, deadline_ms=2500) == ("LOGIN_EXPIRED", "expired_token")
        assert timer.took_s() < 3.5


def test_a_connect_that_is_cancelled(psc):
    with Desk(psc) as desk:
        number = desk.begin()
        assert desk.cancel(number) == "CANCELLED"


def test_a_live_session_gives_304(psc, desk):
    first = desk.connect()
    time.sleep(1.1)
    second = desk.connect()
    assert second["warnings"] == ["already_connected"] and second["handle"] != first["handle"]
    assert second["auth_at"] == first["auth_at"], "nobody proved anything just now"
    assert len(psc.phone_requests()) == 1
    assert refused(desk.send, first)[0] == "LOGIN_EXPIRED"
    assert desk.call("logout", handle=second["handle"]) == {"ended": True}
    assert desk.connect()["warnings"] == []


def test_a_304_for_somebody_else_is_not_taken(psc, desk):
    desk.connect(PHYSICIAN)
    psc.fault("status", "proxy_connect", status=304)
    assert refused(desk.connect, NURSE) == ("PROVIDER_ANSWER", "not_modified")
    assert desk.connect(NURSE)["sub"] == NURSE


def test_who_asks_for_the_person_gets_the_person(psc, desk):
    """"fresh": the phone is rung, live session or not."""
    desk.connect()
    assert desk.connect(fresh=True)["warnings"] == []
    assert len(psc.phone_requests()) == 2
    assert [one["cookies"] for one in psc.seen("proxy_connect")] == [False, False]


def test_the_cookie_goes_to_its_own_proxy(psc):
    psc.phone_auto()
    other = {"proxy": profile(psc), "other": profile(psc)}
    with Oidcd(psc, profiles=other) as oidcd:
        for name in ("proxy", "other", "proxy"):
            oidcd.call("login_proxy", provider=name, login_hint=PHYSICIAN, binding_message="42")
    assert [one["cookies"] for one in psc.seen("proxy_connect")] == [False, False, True]


@pytest.mark.parametrize("status, body, code, reason", [
    (400, '{"code":"400","message":"channel is missing"}', "PROVIDER_CLIENT", "bad_request"),
    (400, "", "PROVIDER_CLIENT", "bad_request"),
    (401, '{"code":"401","message":"400 - expired_token : x"}', "LOGIN_EXPIRED", "expired_token"),
    (401, '{"code":"401","message":"401 - invalid_client : x"}', "PROVIDER_CLIENT",
     "invalid_client"),
    (401, '{"code":"401","message":"400 - something_new : x"}', "LOGIN_REFUSED", "something_new"),
    (401, "", "LOGIN_REFUSED", "status"),
    (403, "", "PROVIDER_CLIENT", "forbidden"),
    (404, '{"code":"404","message":"x","metadata":{"nationalId":"y"}}', "PERSON_UNKNOWN",
     "not_found"),
    (404, "", "PERSON_UNKNOWN", "not_found"),
    (500, "", "PROVIDER_UNAVAILABLE", "status"),
    (502, "", "PROVIDER_UNAVAILABLE", "status"),
    (503, "", "PROVIDER_UNAVAILABLE", "status"),
    (504, "", "PROVIDER_UNAVAILABLE", "status"),
    (304, "", "PROVIDER_ANSWER", "not_modified"),
    (302, "", "PROVIDER_ANSWER", "status"),
    (204, "", "PROVIDER_ANSWER", "status"),
    (200, "", "PROVIDER_ANSWER", "proxy_session_id"),
    (200, '{"proxy_session_id":""}', "PROVIDER_ANSWER", "proxy_session_id"),
    (200, '{"proxy_session_id":"a; b"}', "PROVIDER_ANSWER", "proxy_session_id"),
    (200, '{"proxy_session_id":7}', "PROVIDER_ANSWER", "proxy_session_id"),
    (200, '{"proxy_session_id":"a\\r\\nX: y"}', "PROVIDER_ANSWER", "proxy_session_id"),
])
def test_every_answer(psc, desk, status, body, code, reason):
    psc.fault("status", "proxy_connect", status=status, body=body,
              headers={"content-type": "application/json"} if body else {})
    assert refused(desk.connect) == (code, reason)


def test_a_cookie_that_is_not_that_of_the_body(psc, desk):
    psc.fault("status", "proxy_connect", status=200, body='{"proxy_session_id":"one"}',
              headers={"set-cookie": "proxy_session_id=two; Path=/"})
    assert refused(desk.connect) == ("PROVIDER_ANSWER", "cookie")


@pytest.mark.parametrize("kind, code", [("reset", "PROVIDER_UNAVAILABLE"),
                                        ("huge", "PROVIDER_ANSWER"),
                                        ("html", "PROVIDER_ANSWER")])
def test_a_rude_proxy(psc, desk, kind, code):
    desk.connect(NURSE)  # leaves a connection, on which libcurl would try again by itself
    psc.clear_seen()
    psc.fault(kind, "proxy_connect", times=-1)
    assert refused(desk.connect)[0] == code
    assert len(psc.seen("proxy_connect")) == 1, "a phone is not rung twice"


def test_people_and_software_that_are_not_known(psc, desk):
    assert refused(desk.connect, "899700009999") == ("PERSON_UNKNOWN", "not_found")
    with Desk(psc, client_id="another") as other:
        assert refused(other.connect) == ("PERSON_UNKNOWN", "not_found")


@pytest.mark.parametrize("params", [{"binding_message": "4"}, {"login_hint": "a b"},
                                    {"channel": "SMS"}, {"provider": "sandbox"}])
def test_wrong_parameters(psc, desk, params):
    assert refused(desk.connect, **params)[0] in ("INVALID_PARAMS", "CONFIGURATION")
    assert psc.seen("proxy_connect") == []


# What the site asks of its stations ---------------------------------------------------------------

def test_bearer(psc, tmp_path):
    psc.phone_auto()
    psc.settings(proxy_bearer="SiteToken1")
    with Desk(psc) as desk:
        assert refused(desk.connect) == ("PROVIDER_CLIENT", "forbidden")
    secret = tmp_path / "token"
    secret.write_text("SiteToken1\n")
    secret.chmod(0o600)
    with Desk(psc, client_auth="bearer", client_secret_file=secret) as desk:
        assert desk.send(desk.connect())[0]["status"] == 200


def test_certificate(psc, tmp_path):
    psc.phone_auto()
    known = psc.clients["psc-mtls"]
    key = tmp_path / "key"
    key.write_bytes(open(known["key"], "rb").read())
    key.chmod(0o600)
    with Desk(psc, client_auth="tls_client_auth", client_certificate=known["certificate"],
              client_key=key) as desk:
        desk.connect()
    assert "CN=sandbox-auth-cli" in psc.seen("proxy_connect")[0]["client_certificate"]


@pytest.mark.parametrize("changes", [{"ciba": "yes"}, {"scope": "openid"}, {"par": "yes"},
                                     {"client_auth": "private_key_jwt"}])
def test_keys_that_have_no_use(psc, changes):
    with Desk(psc, **changes) as desk:
        provider = next(one for one in desk.call("providers")["providers"]
                        if one["name"] == "proxy")
        assert provider["error"]["code"] == "CONFIGURATION"


def test_check(psc, desk):
    codes = [one["code"] for one in desk.call("check", provider="proxy")["findings"]]
    assert codes == ["profile", "answers", "clock"]
    psc.outage("refuse")
    assert not desk.call("check", provider="proxy")["ok"]
    psc.outage("none")


# /send --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_send(psc, desk, method):
    login = desk.connect()
    body = {} if method == "GET" else {"body": '{"é":1}', "content_type": "application/fhir+json"}
    answer, text = desk.send(login, "dmp", "a/b?x=1&y=%20", method, accept="text/x", **body)
    assert answer == {"status": 200, "content_type": "application/json", "bytes": len(text)}
    echo = json.loads(text)
    assert echo["method"] == method and echo["endpoint"] == "a/b" and echo["query"] == "?x=1&y=%20"
    assert echo["accept"] == "text/x" and echo["nationalId"] == PHYSICIAN
    if body:
        assert echo["body"] == body["body"] and echo["content_type"] == body["content_type"]


def test_send_bytes(psc, desk):
    data = bytes(range(256)) * 64
    coded = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    login = desk.connect()
    answer, body = desk.send(login, "raw", "", "POST", body_base64=coded,
                             content_type="application/octet-stream")
    assert body == data and answer["content_type"] == "application/octet-stream"
    assert desk.send(login, "raw", "", "POST", body="")[1] == b""
    kept = descriptor_targets(desk.worker.process.pid)
    assert kept and not any("memfd" in one for one in kept), "what came along is closed"


def test_answers_of_apis_are_passed_on(psc, desk):
    login = desk.connect()
    assert desk.send(login, "away")[0]["status"] == 502
    assert desk.send(login, "refuses")[0]["status"] == 401
    assert desk.send(login)[0]["status"] == 200, "the session is still there"


@pytest.mark.parametrize("service, endpoint", [
    ("", "x"), ("..", "x"), ("a/b", "x"), ("dmp", "../connect"), ("dmp", "a/../../b"),
    ("dmp", "a//b"), ("dmp", "%2e%2e/x"), ("dmp", "a%2Fb"), ("dmp", "a b"), ("dmp", "a#b"),
    ("dmp", "a%0d%0ab"), ("dmp", "a\\b"), ("dmp", "%252e"), ("dmp", "./a"), ("dmp", "/a"),
    ("dmp", "é"), ("dmp", "a?b#c"), ("dmp", "a%"), ("x" * 65, "a"), ("dmp", "a" * 900),
])
def test_paths_that_are_not_plain(psc, desk, service, endpoint):
    login = desk.connect()
    assert refused(desk.send, login, service, endpoint)[0] == "INVALID_PARAMS"
    assert psc.seen("proxy_send") == []


@pytest.mark.parametrize("params", [
    {"method": "TRACE"}, {"method": "CONNECT"}, {"method": "GET\r\nX: y"},
    {"content_type": "a\r\nb"}, {"accept": "a\nb"}, {"body": "x", "body_base64": "eA"},
    {"body_base64": "%%%"}])
def test_requests_that_are_not_sent(psc, desk, params):
    login = desk.connect()
    method = params.pop("method", "POST")
    assert refused(desk.send, login, "dmp", "x", method, **params)[0] == "INVALID_PARAMS"
    assert psc.seen("proxy_send") == []


def test_a_session_that_the_proxy_forgot(psc, desk):
    login = desk.connect()
    psc.call("POST", "/proxy/forget", {})
    assert refused(desk.send, login) == ("LOGIN_EXPIRED", "closed")
    assert refused(desk.send, login) == ("LOGIN_EXPIRED", "handle")
    assert len(psc.seen("proxy_send")) == 1


def test_an_oidc_session_has_nothing_to_send(psc, desk):
    assert refused(desk.send, desk.login_ciba())[0] == "TOKEN_UNAVAILABLE"
    assert refused(desk.call, "refresh", handle=desk.connect()["handle"])[0] == "TOKEN_UNAVAILABLE"


# /disconnect --------------------------------------------------------------------------------------

def test_disconnect(psc, desk):
    login = desk.connect()
    assert len(psc.sessions()) == 1
    assert desk.call("logout", handle=login["handle"]) == {"ended": True}
    assert psc.sessions() == [] and psc.call("GET", "/proxy/sessions")["sessions"] == []
    assert psc.seen("proxy_disconnect")[0]["method"] == "DELETE"
    assert refused(desk.send, login)[0] == "LOGIN_EXPIRED"


def test_disconnect_of_a_session_that_is_gone(psc, desk):
    login = desk.connect()
    psc.call("POST", "/proxy/forget", {})
    assert desk.call("logout", handle=login["handle"]) == {"ended": True}


def test_a_disconnect_that_the_proxy_did_not_hear_is_told_again(psc, desk):
    login = desk.connect()
    psc.fault("status", "proxy_disconnect", status=503)
    assert desk.call("logout", handle=login["handle"]) == {"ended": False}
    assert wait_until(lambda: not psc.sessions()) and len(psc.seen("proxy_disconnect")) == 2


def test_the_cookie_stays_here(psc, capfd):
    psc.phone_auto()
    with Desk(psc, env={"CPS_DEBUG": "1"}) as desk:
        login = desk.connect()
        answer = desk.send(login)
        session = psc.call("GET", "/proxy/sessions")["sessions"][0]
        desk.call("logout", handle=login["handle"])
    log = capfd.readouterr().err
    assert session["sid"] not in log and PHYSICIAN not in log
    assert "proxy_session_id" not in log + str(login) + str(answer)
