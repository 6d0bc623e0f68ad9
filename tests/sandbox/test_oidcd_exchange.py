# SPDX-License-Identifier: Apache-2.0
"""Token exchange for an API, and introspection, as oidcd does them: what is sent, what is accepted,
what each failure is called."""

import pytest

from cpsworld.oidcd import PHYSICIAN, Oidcd, OidcError, api_file
from cpsworld.wait import wait_until

TYPE = "urn:ietf:params:oauth:token-type:"
APIS = {  # name -> keys that differ
    "dmp": {},
    "found": {"token_endpoint": None, "issuer": "{issuer}"},
    "basic": {"client": "lps-api-basic"},
    "optional": {"certificate_binding": "optional"},
    "full": {"resource": "https://api.example.test/insi", "requested_token_type": "jwt",
             "subject_token_type": "jwt", "subject_issuer": "psc", "scope": "dmp.read dmp.write"},
    "elsewhere": {"audience": "https://elsewhere.example.test"},
    "scope": {"scope": "everything"},
    "stranger": {"client_id": "nobody"},
    "others": {"provider": "another"},
}


@pytest.fixture(scope="module")
def shared(stand_in, tmp_path_factory):
    where = tmp_path_factory.mktemp("apis")
    stand_in.reset()
    files = {}
    for name, keys in APIS.items():
        keys = {key: value and value.format(issuer=stand_in.api["issuer"])
                for key, value in keys.items()}
        (where / name).mkdir()
        files[name] = api_file(stand_in, str(where / name), **keys)
    with Oidcd(stand_in, "psc-basic", apis=files) as oidcd:
        yield oidcd


@pytest.fixture
def oidcd(psc, shared):
    """The same process for all, with a session of its own."""
    shared.login = shared.login_browser()
    shared.handle = shared.login["handle"]
    psc.clear_seen()
    yield shared
    shared.call("logout", handle=shared.handle)


def refused(oidcd, api="dmp", handle=None, **params):
    with pytest.raises(OidcError) as caught:
        oidcd.call("exchange", handle=handle or oidcd.handle, api=api, **params)
    return caught.value.code, caught.value.reason


def exchange(oidcd, api="dmp"):
    return oidcd.call("exchange", handle=oidcd.handle, api=api)


# What is asked and accepted -----------------------------------------------------------------------

def test_what_is_sent(psc, oidcd):
    answer = exchange(oidcd)
    assert answer["bound"] and answer["issued_token_type"] == TYPE + "access_token"
    assert answer["access_token_exp_at"] - oidcd.login["auth_at"] > 14000
    assert answer["scope"] == "dmp.read" and "refresh_token" not in answer
    (sent,) = psc.seen("api_token")
    assert "CN=sandbox-auth-cli" in sent["client_certificate"] and "authorization" not in sent
    assert sent["params"]["subject_token"].startswith("sha256:")
    del sent["params"]["subject_token"]
    assert sent["params"] == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "client_id": "lps-api",
        "subject_token_type": TYPE + "access_token", "scope": "dmp.read",
        "audience": "https://api.example.test/dmp"}
    assert psc.seen("token.refresh") == []


def test_everything_a_file_can_ask_for(psc, oidcd):
    answer = exchange(oidcd, "full")
    assert answer["issued_token_type"] == TYPE + "jwt"
    (sent,) = psc.seen("api_token")
    assert sent["params"]["resource"] == "https://api.example.test/insi"
    assert sent["params"]["requested_token_type"] == sent["params"]["subject_token_type"] == \
        TYPE + "jwt"
    assert sent["params"]["subject_issuer"] == "psc"


def test_the_endpoint_may_be_found(psc, oidcd):
    assert exchange(oidcd, "found")["bound"]
    assert exchange(oidcd, "found")["bound"]
    assert len(psc.seen("api_discovery")) <= 1
    assert len(psc.seen("api_token")) == 2


def test_a_client_with_a_secret_gets_a_token_bound_to_nothing(psc, oidcd):
    assert exchange(oidcd, "basic")["bound"] is False
    assert psc.seen("api_token")[0]["authorization"]["scheme"] == "Basic"


# Certificate binding ------------------------------------------------------------------------------

@pytest.mark.parametrize("encoding", ["rfc8705", "ans"])
def test_both_encodings_of_cnf(psc, oidcd, encoding):
    psc.settings(cnf_encoding=encoding)
    assert exchange(oidcd)["bound"] is True
    psc.settings(api_cnf="other")
    assert refused(oidcd) == ("API_ANSWER", "cnf")


def test_a_binding_that_is_no_thumbprint(psc, oidcd):
    psc.settings(api_cnf="nonsense")
    assert refused(oidcd, "optional") == ("API_ANSWER", "cnf")


@pytest.mark.parametrize("how", [{"api_cnf": "none"}, {"api_token": "opaque"}])
def test_no_binding(psc, oidcd, how):
    psc.settings(**how)
    assert refused(oidcd) == ("API_ANSWER", "cnf_missing")
    assert exchange(oidcd, "optional")["bound"] is False


# Refusals and rudeness ----------------------------------------------------------------------------

@pytest.mark.parametrize("api, code, reason", [
    ("elsewhere", "API_REFUSED", "invalid_target"), ("scope", "API_REFUSED", "invalid_scope"),
    ("stranger", "API_REFUSED", "invalid_client"), ("others", "TOKEN_UNAVAILABLE", ""),
    ("nowhere", "API_UNKNOWN", "")])
def test_what_the_server_refuses(oidcd, api, code, reason):
    assert refused(oidcd, api) == (code, reason)


@pytest.mark.parametrize("change, reason", [
    ({"unset": ["issued_token_type"]}, "issued_token_type"),
    ({"set": {"issued_token_type": TYPE + "refresh_token"}}, "issued_token_type"),
    ({"set": {"token_type": "N_A"}}, "token_type"), ({"unset": ["access_token"]}, "access_token"),
    ({"set": {"expires_in": 0}}, "expires_in"), ({"set": {"expires_in": -5}}, "expires_in"),
    ({"set": {"access_token": "a b"}}, "access_token"),
    ({"set": {"access_token": ["x"]}}, "access_token")])
def test_answers_that_are_wrong(psc, oidcd, change, reason):
    psc.fault("body", "api_token", **change)
    assert refused(oidcd) == ("API_ANSWER", reason)
    assert exchange(oidcd)["bound"]


def test_another_kind_of_token_than_asked_for(psc, oidcd):
    psc.fault("body", "api_token", set={"issued_token_type": TYPE + "access_token"})
    assert refused(oidcd, "full") == ("API_ANSWER", "issued_token_type")


@pytest.mark.parametrize("fault, code, reason", [
    ({"kind": "html"}, "API_ANSWER", "content_type"),
    ({"kind": "redirect"}, "API_ANSWER", "redirect"),
    ({"kind": "status", "status": 200, "headers": {"content-type": "application/json"},
      "body": '{"access_token": "x"'}, "API_ANSWER", "json"),
    ({"kind": "status", "status": 200, "headers": {"content-type": "application/json"},
      "body": '{"access_token":"x","access_token":"y"}'}, "API_ANSWER", "json"),
    ({"kind": "huge"}, "API_ANSWER", "too_large"),
    ({"kind": "error", "error": "access_denied", "status": 403}, "API_REFUSED", "access_denied"),
    ({"kind": "error", "error": "unauthorized_client"}, "API_REFUSED", "unauthorized_client")])
def test_rude_answers(psc, oidcd, fault, code, reason):
    psc.fault(on="api_token", **fault)
    got, why = refused(oidcd)
    assert got == code and (why == reason or reason == "too_large"), why


def test_a_server_that_is_down_is_left_in_peace_for_a_moment(psc, oidcd):
    psc.fault("status", "api_token", status=503)
    assert refused(oidcd)[0] == "API_UNAVAILABLE"
    assert refused(oidcd) == ("API_UNAVAILABLE", "resting")
    assert len(psc.seen("api_token")) == 1, "no storm"
    (down,) = [api for api in oidcd.call("providers")["apis"] if api["name"] == "dmp"]
    assert down["state"] == "down" and down["error"]["code"] == "PROVIDER_UNAVAILABLE"
    names = [provider["name"] for provider in oidcd.call("providers")["providers"]]
    assert names == ["sandbox"], "the server of an API is no provider"
    assert exchange(oidcd, "basic"), "another API is not concerned"
    assert wait_until(lambda: succeeds(oidcd)), "and comes back"


def succeeds(oidcd):
    try:
        return exchange(oidcd)["bound"]
    except OidcError as error:
        assert error.code == "API_UNAVAILABLE"
        return False


@pytest.mark.parametrize("kind", ["hang", "reset"])
def test_the_deadline_is_kept(psc, oidcd, kind):
    psc.fault(kind, "api_token", times=-1)
    code, _ = refused(oidcd, "optional", deadline_ms=600)
    assert code in ("API_UNAVAILABLE", "DEADLINE_EXCEEDED")
    psc.clear_faults()
    assert wait_until(lambda: not resting(oidcd, "optional"))


def resting(oidcd, api):
    try:
        exchange(oidcd, api)
        return False
    except OidcError:
        return True


# The subject token --------------------------------------------------------------------------------

def test_a_subject_token_that_is_nearly_over_is_refreshed_first(psc, shared):
    psc.settings(access_ttl=5)
    handle = shared.login_browser()["handle"]
    psc.settings(access_ttl=120)
    assert shared.call("exchange", handle=handle, api="dmp")["bound"]
    assert len(psc.seen("token.refresh")) == 1 and len(psc.seen("api_token")) == 1
    assert shared.call("exchange", handle=handle, api="dmp")["bound"]
    assert len(psc.seen("token.refresh")) == 1, "the new one serves again"


@pytest.mark.parametrize("error", ["invalid_request", "invalid_grant", "invalid_token"])
def test_a_subject_token_that_is_refused_is_refreshed_once(psc, oidcd, error):
    psc.fault("error", "api_token", error=error, times=1)
    assert exchange(oidcd)["bound"]
    assert len(psc.seen("token.refresh")) == 1 and len(psc.seen("api_token")) == 2
    psc.fault("error", "api_token", error=error, times=-1)
    assert refused(oidcd) == ("API_REFUSED", error)
    assert len(psc.seen("api_token")) == 4, "once, not for ever"


def test_a_session_that_the_provider_has_ended(psc, shared):
    handle = shared.login_browser()["handle"]
    psc.end_sessions()
    assert refused(shared, handle=handle) == ("LOGIN_EXPIRED", "invalid_grant")
    assert refused(shared, handle=handle)[0] == "LOGIN_EXPIRED"
    assert refused(shared, handle="unknown")[0] == "LOGIN_EXPIRED"


def test_the_network_is_gone(psc, oidcd):
    psc.outage("refuse")
    assert refused(oidcd, "full")[0] == "API_UNAVAILABLE"
    psc.outage("none")
    assert wait_until(lambda: not resting(oidcd, "full"))


# Files --------------------------------------------------------------------------------------------

WRONG = {
    "both": ({"issuer": "https://as.example.test"}, "not both"),
    "neither": ({"token_endpoint": None}, "token_endpoint"),
    "http": ({"token_endpoint": "http://as.example.test/token"}, "https"),
    "unknown": ({"tokn": "x"}, "line"),
    "type": ({"requested_token_type": "saml2"}, "access_token or jwt"),
    "resource": ({"resource": "dmp"}, "absolute"),
    "program": ({"program": "dpi"}, "absolute paths"),
    "mixed": ({"program": "any /usr/bin/dpi"}, "absolute paths"),
    "binding": ({"certificate_binding": "maybe"}, "required or optional"),
    "unbound": ({"client": "lps-api-basic", "certificate_binding": "required"}, "tls_client_auth"),
    "host": ({"token_endpoint": None, "issuer": "https://as.example.test",
              "discovery": "https://evil.example.test/x"}, "allowed host"),
    "many": ({"audience": " ".join("abcdefghi")}, "too many"),
    "nameless": ({"client_id": None}, "client_id"),
}


def test_files_that_are_wrong_say_why_and_spoil_nothing_else(psc, tmp_path):
    files = {}
    for name, (keys, _) in WRONG.items():
        (tmp_path / name).mkdir()
        files[name] = api_file(psc, str(tmp_path / name), **keys)
    (tmp_path / "good").mkdir()
    files["good"] = api_file(psc, str(tmp_path / "good"), program="/usr/bin/dpi /opt/*/dpi")
    with Oidcd(psc, apis=files) as oidcd:
        told = {api["name"]: api for api in oidcd.call("providers")["apis"]}
        assert set(told) == set(files)
        for name, (_, why) in WRONG.items():
            assert told[name]["error"]["code"] == "CONFIGURATION", name
            assert why in " ".join(told[name]["error"]["causes"]), told[name]
        assert told["good"] == {"name": "good", "state": "unknown",
                                "programs": ["/usr/bin/dpi", "/opt/*/dpi"]}
        handle = oidcd.login_browser()["handle"]
        assert refused(oidcd, "http", handle)[0] == "CONFIGURATION"
        assert oidcd.call("exchange", handle=handle, api="good")["bound"]


def test_a_document_that_leads_elsewhere(psc, tmp_path):
    found = api_file(psc, str(tmp_path), token_endpoint=None, issuer=psc.api["issuer"])
    with Oidcd(psc, apis={"found": found}) as oidcd:
        handle = oidcd.login_browser()["handle"]
        for change, reason in (({"token_endpoint": "https://evil.example.test/token"},
                                "token_endpoint"), ({"issuer": "https://evil.example.test"},
                                                    "issuer")):
            psc.fault("body", "api_discovery", set=change)
            assert refused(oidcd, "found", handle) == ("API_ANSWER", reason)
        assert psc.seen("api_token") == []
        assert oidcd.call("exchange", handle=handle, api="found")["bound"]


def test_a_session_that_is_closed_while_the_server_is_looked_for(psc, tmp_path):
    found = api_file(psc, str(tmp_path), token_endpoint=None, issuer=psc.api["issuer"])
    with Oidcd(psc, apis={"found": found}) as oidcd:
        handle = oidcd.login_browser()["handle"]
        psc.fault("delay", "api_discovery", ms=1500)
        asking = oidcd.worker.send("exchange", {"handle": handle, "api": "found"})
        leaving = oidcd.worker.send("logout", {"handle": handle})
        answers = {packet["id"]: packet for packet in
                   (oidcd.worker.receive(), oidcd.worker.receive())}
        assert answers[leaving]["result"] == {"ended": True}
        assert answers[asking]["error"]["reason"] == "closed"
    assert psc.seen("api_token") == []


def test_no_token_in_the_log(psc, tmp_path, capfd):
    with Oidcd(psc, apis={"dmp": api_file(psc, str(tmp_path))}) as oidcd:
        handle = oidcd.login_browser()["handle"]
        token = oidcd.call("exchange", handle=handle, api="dmp")["access_token"]
        psc.settings(api_cnf="other")
        assert refused(oidcd, handle=handle)[0] == "API_ANSWER"
    log = capfd.readouterr().err
    assert token[:20] not in log and "eyJ" not in log


# Introspection ------------------------------------------------------------------------------------

def test_introspection(psc, oidcd):
    told = oidcd.call("introspect", handle=oidcd.handle)
    assert told["active"] is True and told["subject_name_id"] == PHYSICIAN
    assert told["exp_at"] > told["auth_at"] and told["client_id"] == "psc-basic"
    assert told["acr"] and told["auth_mode"] == "CARD" and "otherIds" not in told
    (sent,) = psc.seen("introspect")
    assert sent["params"]["token_type_hint"] == "access_token"
    assert sent["authorization"]["scheme"] == "Basic"
    psc.fault("body", "introspect", set={"scope": "s" * 1025, "client_id": "c" * 1024})
    told = oidcd.call("introspect", handle=oidcd.handle)
    assert "scope" not in told and len(told["client_id"]) == 1024
    psc.fault("body", "introspect", set={"active": False})
    assert oidcd.call("introspect", handle=oidcd.handle) == {"active": False}
    psc.end_sessions()
    assert oidcd.call("introspect", handle=oidcd.handle) == {"active": False}


@pytest.mark.parametrize("fault, code", [
    ({"kind": "body", "set": {"active": "yes"}}, "PROVIDER_ANSWER"),
    ({"kind": "body", "unset": ["active"]}, "PROVIDER_ANSWER"),
    ({"kind": "status", "status": 502}, "PROVIDER_UNAVAILABLE"),
    ({"kind": "error", "error": "invalid_client", "status": 401}, "PROVIDER_CLIENT"),
    ({"kind": "html"}, "PROVIDER_ANSWER"), ({"kind": "garbage"}, "PROVIDER_ANSWER"),
    ({"kind": "reset", "times": -1}, "PROVIDER_UNAVAILABLE")])
def test_introspection_that_fails(psc, oidcd, fault, code):
    psc.fault(on="introspect", **fault)
    with pytest.raises(OidcError) as caught:
        oidcd.call("introspect", handle=oidcd.handle)
    assert caught.value.code == code


def test_introspection_with_a_certificate(psc):
    with Oidcd(psc, "psc-mtls") as oidcd:
        handle = oidcd.login_browser()["handle"]
        assert oidcd.call("introspect", handle=handle)["active"]
        assert psc.seen("introspect")[0]["listener"] == "mtls"
