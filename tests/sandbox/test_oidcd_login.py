# SPDX-License-Identifier: Apache-2.0
"""cps-oidcd against the stand-in: both ways to log in, and what was really sent."""
import base64
import json
import time
import urllib.parse

import pytest

from cpsworld.oidcd import NURSE, PHYSICIAN, Oidcd, OidcError
from cpsworld.stopwatch import Stopwatch
from cpsworld.useragent import UserAgent, visit


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def query_of(url):
    return {name: values[0] for name, values in
            urllib.parse.parse_qs(urllib.parse.urlsplit(url).query).items()}


@pytest.mark.parametrize("client", ["psc-basic", "psc-basic-odd", "psc-post", "psc-public"])
def test_browser_login(psc, client):
    with Oidcd(psc, client) as oidcd:
        login = oidcd.login_browser()
    assert login["provider"] == "sandbox" and login["issuer"] == psc.issuer
    assert login["subject_name_id"] == PHYSICIAN
    assert login["acr"] == "eidas3" and login["auth_mode"] == "CARD"
    assert abs(login["auth_at"] - time.time()) < 30
    assert login["userinfo"]["SubjectRefPro"]["exercices"][0]["codeProfession"] == "10"
    claims = claims_of(login["id_token"])
    assert claims["sub"] == login["sub"] and claims["exp"] == login["id_token_exp_at"]
    assert 90 < login["access_token_exp_at"] - time.time() <= 120
    assert login["warnings"] == []
    assert "refresh_token" not in login


def test_what_a_browser_login_sends(psc):
    with Oidcd(psc) as oidcd:
        number, url = oidcd.begin_browser(max_age=600, prompt="login")
        sent = query_of(url)
        assert url.startswith(f"https://127.0.0.1:{psc.ports['wallet']}/auth?")
        assert sent["response_type"] == "code" and sent["scope"] == "openid scope_all"
        assert sent["acr_values"] == "eidas1" and sent["code_challenge_method"] == "S256"
        assert sent["max_age"] == "600" and sent["prompt"] == "login"
        assert len(sent["state"]) == len(sent["nonce"]) == len(sent["code_challenge"]) == 43
        assert "client_secret" not in url and "code_verifier" not in url
        back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
        visit(back)
        oidcd.result(number)
    seen = psc.seen()
    routes = [f"{entry['route']}.{entry['grant']}" if entry.get("grant") else entry["route"]
              for entry in seen if entry["listener"] == "auth"]
    assert routes == ["discovery", "jwks", "token.code", "userinfo"], routes
    token = psc.seen("token.code")[0]
    assert token["accept"] == "application/json" and token["method"] == "POST"
    assert token["content_type"] == "application/x-www-form-urlencoded"
    assert token["authorization"]["scheme"] == "Basic"
    assert "client_secret" not in token["params"] and "code_verifier" in token["params"]
    assert token["tls"] in ("TLSv1.2", "TLSv1.3") and token["http"] == "1.1"
    assert psc.seen("userinfo")[0]["authorization"]["scheme"] == "Bearer"
    assert all(not entry["cookies"] for entry in seen if entry["listener"] == "auth")


def test_a_max_age_of_nothing_is_asked_for_as_well(psc):
    with Oidcd(psc) as oidcd:
        for params in ({"max_age": 0}, {}):
            number, url = oidcd.begin_browser(**params)
            assert query_of(url).get("max_age") == ("0" if params else None)
            assert "prompt" not in query_of(url)
            oidcd.cancel(number)


def test_an_authorization_endpoint_with_a_query(psc):
    """RFC 6749 section 3.1: what is there stays."""
    endpoint = f"https://127.0.0.1:{psc.ports['wallet']}/auth?realm=one"
    psc.fault("doc", set={"authorization_endpoint": endpoint})
    with Oidcd(psc) as oidcd:
        _, url = oidcd.begin_browser()
    assert url.startswith(endpoint + "&client_id=") and url.count("?") == 1


def test_concurrent_logins_share_nothing(psc):
    with Oidcd(psc) as oidcd:
        first, url = oidcd.begin_browser()
        second, other = oidcd.begin_browser()
        assert query_of(url)["code_challenge"] != query_of(other)["code_challenge"]
        assert query_of(url)["state"] != query_of(other)["state"]
        assert oidcd.cancel(first) == "CANCELLED"
        back = UserAgent(psc.ca_file).login_card(other, psc.cards[NURSE])
        visit(back)
        assert oidcd.result(second)["subject_name_id"] == NURSE


def test_non_rpps_and_structure_identifiers(psc):
    psc.phone_auto()
    with Oidcd(psc) as oidcd:
        for person in ("ANS20261122000001", "500000001815646/CPAT00045"):
            login = oidcd.login_ciba(person)
            assert login["subject_name_id"] == person
            assert "SubjectRefPro" not in login["userinfo"]


@pytest.mark.parametrize("client", ["psc-basic", "psc-post", "psc-public"])
def test_ciba_login(psc, client):
    with Oidcd(psc, client) as oidcd:
        number = oidcd.begin_ciba(PHYSICIAN, "07")
        assert oidcd.progress(number) == {"state": "pending", "expires_in": 120}
        assert psc.phone_requests()[0]["binding_message"] == "07"
        psc.phone_decide("07")
        login = oidcd.result(number)
    assert login["subject_name_id"] == PHYSICIAN
    assert login["acr"] == "eidas1" and login["auth_mode"] == "MOBILE"
    assert abs(login["auth_at"] - time.time()) < 30
    sent = psc.seen("ciba_auth")
    assert len(sent) == 1
    assert sent[0]["params"]["login_hint"] == PHYSICIAN
    assert sent[0]["params"]["binding_message"] == "07"
    assert sent[0]["params"]["channel"] == "MOBILE"
    assert sent[0]["params"]["acr_values"] == "eidas1"
    assert sent[0]["params"]["scope"] == "openid scope_all"
    assert sent[0]["accept"] == "application/json"
    for absent in ("client_notification_token", "user_code", "requested_expiry"):
        assert absent not in sent[0]["params"]


def test_ciba_by_the_card_channel(psc):
    with Oidcd(psc) as oidcd:
        number = oidcd.begin_ciba(NURSE, channel="CARD")
        oidcd.progress(number)
        psc.phone_decide(accept=True)
        login = oidcd.result(number)
    assert login["subject_name_id"] == NURSE and login["auth_mode"] == "CARD"
    assert psc.seen("ciba_auth")[0]["params"]["channel"] == "CARD"


def test_the_profile_has_a_channel_when_the_caller_has_none(psc):
    psc.phone_auto()
    with Oidcd(psc, channel="CARD") as oidcd:
        oidcd.login_ciba(channel=None)
    assert psc.seen("ciba_auth")[0]["params"]["channel"] == "CARD"


def test_ciba_eleven_digits_get_their_eight(psc):
    psc.phone_auto()
    with Oidcd(psc) as oidcd:
        assert oidcd.login_ciba(PHYSICIAN[1:])["subject_name_id"] == PHYSICIAN
    assert psc.seen("ciba_auth")[0]["params"]["login_hint"] == PHYSICIAN


@pytest.mark.parametrize("answer", ["wrong", "refuse"])
def test_ciba_refused(psc, answer):
    psc.phone_auto(answer=answer)
    with Oidcd(psc) as oidcd:
        with pytest.raises(OidcError) as caught:
            oidcd.login_ciba()
    assert (caught.value.code, caught.value.reason) == ("LOGIN_REFUSED", "access_denied")


def test_ciba_expired_at_the_provider(psc):
    psc.settings(ciba_ttl=2)
    with Oidcd(psc) as oidcd:
        timer = Stopwatch()
        with pytest.raises(OidcError) as caught:
            oidcd.login_ciba()
        assert timer.took_s() < 5
    assert (caught.value.code, caught.value.reason) == ("LOGIN_EXPIRED", "expired_token")


def test_ciba_expired_token_answer(psc):
    psc.fault("error", "token.ciba", error="expired_token", status=400)
    with Oidcd(psc) as oidcd:
        with pytest.raises(OidcError) as caught:
            oidcd.login_ciba()
    assert (caught.value.code, caught.value.reason) == ("LOGIN_EXPIRED", "expired_token")
    assert len(psc.seen("token.ciba")) == 1


def test_ciba_deadline(psc):
    with Oidcd(psc) as oidcd:
        timer = Stopwatch()
        with pytest.raises(OidcError) as caught:
            oidcd.login_ciba(deadline_ms=3000)
        assert 2.8 < timer.wall_s() and timer.took_s() < 3.0
    assert caught.value.code == "LOGIN_EXPIRED"


def test_ciba_slow_down_is_obeyed(psc):
    psc.fault("error", "token.ciba", error="slow_down", status=400)
    psc.phone_auto()
    with Oidcd(psc) as oidcd:
        oidcd.login_ciba()
    polls = [entry["at"] for entry in psc.seen("token.ciba")]
    assert len(polls) == 2
    assert polls[1] - polls[0] >= 6000  # interval 1 s, and 5 more


def test_ciba_pending_polls_keep_the_interval(psc):
    psc.phone_auto(delay_ms=3500)
    with Oidcd(psc) as oidcd:
        oidcd.login_ciba()
    polls = [entry["at"] for entry in psc.seen("token.ciba")]
    assert 2 <= len(polls) <= 5
    assert all(later - earlier >= 1000 for earlier, later in zip(polls, polls[1:]))


def test_ciba_times_that_make_no_sense(psc):
    psc.fault("body", "ciba_auth", set={"expires_in": 100000, "interval": -1})
    psc.phone_auto(delay_ms=1500)
    with Oidcd(psc) as oidcd:
        number = oidcd.begin_ciba()
        assert 590 < oidcd.progress(number)["expires_in"] <= 600
        assert oidcd.result(number)["subject_name_id"] == PHYSICIAN
    polls = [entry["at"] for entry in psc.seen("token.ciba")]
    assert all(later - earlier >= 1000 for earlier, later in zip(polls, polls[1:]))
    assert 1 <= len(polls) <= 5


def test_ciba_request_without_a_usable_name(psc):
    with Oidcd(psc) as oidcd:
        for name in ("", 7, "n" * 4097):
            psc.fault("body", "ciba_auth", set={"auth_req_id": name})
            with pytest.raises(OidcError) as caught:
                oidcd.login_ciba()
            assert (caught.value.code, caught.value.reason) == ("PROVIDER_ANSWER", "auth_req_id")
    assert psc.seen("token.ciba") == []


@pytest.mark.parametrize("fault", [
    {"kind": "status", "status": 503}, {"kind": "status", "status": 502}, {"kind": "reset"},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "2"}},
])
def test_ciba_goes_on_through_an_outage(psc, fault):
    psc.fault(on="token.ciba", times=2, **fault)
    psc.phone_auto()
    with Oidcd(psc) as oidcd:
        assert oidcd.login_ciba()["subject_name_id"] == PHYSICIAN
    polls = [entry["at"] for entry in psc.seen("token.ciba")]
    assert 3 <= len(polls) <= 5
    if "headers" in fault:
        assert polls[1] - polls[0] >= 2000


@pytest.mark.parametrize("error, status, code", [
    ("invalid_grant", 400, "PROVIDER_ANSWER"),
    ("invalid_client", 401, "PROVIDER_CLIENT"),
    ("unauthorized_client", 401, "PROVIDER_CLIENT"),
    ("transaction_failed", 400, "PROVIDER_ANSWER"),
])
def test_ciba_stops_at_terminal_errors(psc, error, status, code):
    psc.fault("error", "token.ciba", error=error, status=status)
    with Oidcd(psc) as oidcd:
        with pytest.raises(OidcError) as caught:
            oidcd.login_ciba()
    assert (caught.value.code, caught.value.reason) == (code, error)
    assert len(psc.seen("token.ciba")) == 1


def test_ciba_one_request_per_user(psc):
    with Oidcd(psc) as oidcd:
        first = oidcd.begin_ciba(PHYSICIAN)
        oidcd.progress(first)
        with pytest.raises(OidcError) as caught:
            oidcd.login_ciba(PHYSICIAN[1:])
        assert caught.value.code == "TOO_MANY_REQUESTS"
        other = oidcd.begin_ciba(NURSE, "11")
        oidcd.progress(other)
        psc.phone_decide("11", login=NURSE)
        assert oidcd.result(other)["subject_name_id"] == NURSE
        assert oidcd.cancel(first) == "CANCELLED"
        again = oidcd.begin_ciba(PHYSICIAN)
        assert oidcd.progress(again)["state"] == "pending"
    assert len(psc.seen("ciba_auth")) == 3


@pytest.mark.parametrize("params, reason", [
    ({"login_hint": "8997 0000"}, "login_hint"),
    ({"login_hint": ""}, "login_hint"),
    ({"login_hint": "8" * 65}, "login_hint"),
    ({"binding_message": "4"}, "binding_message"),
    ({"binding_message": "4a"}, "binding_message"),
    ({"binding_message": "421"}, "binding_message"),
    ({"channel": "SMS"}, "channel"),
])
def test_ciba_parameters(psc, params, reason):
    with Oidcd(psc) as oidcd:
        with pytest.raises(OidcError) as caught:
            oidcd.result(oidcd.begin_ciba(**params))
    assert (caught.value.code, caught.value.reason) == ("INVALID_PARAMS", reason)
    assert psc.seen("ciba_auth") == []


def test_ciba_unknown_person(psc):
    with Oidcd(psc) as oidcd:
        with pytest.raises(OidcError) as caught:
            oidcd.login_ciba("899700999999")
    assert (caught.value.code, caught.value.reason) == ("PERSON_UNKNOWN", "unknown_user_id")

