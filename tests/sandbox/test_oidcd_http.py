# SPDX-License-Identifier: Apache-2.0
"""cps-oidcd and a provider that is rude: slow, half, huge, redirected, somebody else's."""
import os
import shutil
import subprocess
import time

import pytest

from cpsworld import oidcd as oidcd_module
from cpsworld.oidcd import PHYSICIAN, Oidcd, OidcError, raw
from cpsworld.paths import program, slowness
from cpsworld.sandbox import Sandbox
from cpsworld.stopwatch import Stopwatch
from cpsworld.useragent import UserAgent, visit

TOTAL_MS = 15000  # HTTP_TOTAL_MS


def refused(call, *args, **params):
    """(code, reason, seconds less what the machine took, all seconds) of a call that must fail."""
    timer = Stopwatch()
    with pytest.raises(OidcError) as caught:
        call(*args, **params)
    return caught.value.code, caught.value.reason, timer.took_s(), timer.wall_s()


RUDE = [
    ({"kind": "status", "status": 503}, "PROVIDER_UNAVAILABLE", "status"),
    ({"kind": "status", "status": 404}, "PROVIDER_ANSWER", "status"),
    ({"kind": "status", "status": 204}, "PROVIDER_ANSWER", "status"),
    ({"kind": "reset"}, "PROVIDER_UNAVAILABLE", "network"),
    ({"kind": "garbage"}, "PROVIDER_ANSWER", "json"),
    ({"kind": "truncate"}, "PROVIDER_ANSWER", "truncated"),
    ({"kind": "huge"}, "PROVIDER_ANSWER", "too_large"),
    ({"kind": "html"}, "PROVIDER_ANSWER", "content_type"),
    ({"kind": "redirect"}, "PROVIDER_ANSWER", "redirect"),
    ({"kind": "duplicate"}, "PROVIDER_ANSWER", "json"),
    (raw(b"{", length=9, then="close"), "PROVIDER_ANSWER", "truncated"),
    (raw(b"[" * 100000), "PROVIDER_ANSWER", "json"),
    (raw(b'{"issuer":"\xff"}'), "PROVIDER_ANSWER", "json"),
    (raw(b""), "PROVIDER_ANSWER", "json"),
]
SLOW = {"hang": {"kind": "hang"}, "drip": {"kind": "drip"},
        "for ever": raw(b" ", then="again", ms=20)}
IDS = [str(fault.get("status", fault["kind"])) for fault, _, _ in RUDE]


@pytest.fixture(scope="module", autouse=True)
def patient():
    """A login that meets a provider which never answers, begun before everything else here."""
    with Sandbox() as other, Oidcd(other) as oidcd:
        other.fault("hang", "discovery")
        yield oidcd, oidcd.begin_ciba(deadline_ms=60000), time.monotonic()


@pytest.mark.parametrize("fault, code, reason", RUDE, ids=IDS)
@pytest.mark.parametrize("route", ["discovery", "jwks"])
def test_rude_answers(psc, route, fault, code, reason):
    """The documents, which are asked before anything else; test_oidcd_rude.py has the rest."""
    psc.fault(on=route, times=-1, **fault)
    with Oidcd(psc) as oidcd:
        got = refused(oidcd.login_browser)
        assert got[:2] == (code, reason) and got[2] < 5
        # libcurl tries again by itself when a kept connection was dead before a byte came back.
        tries = len(psc.seen(route))
        assert 1 <= tries <= (2 if (route, reason) == ("jwks", "network") else 1), tries
        psc.clear_faults()
        assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN


@pytest.mark.parametrize("fault", SLOW)
@pytest.mark.parametrize("route", ["discovery", "jwks"])
def test_slow_answers_end_at_the_deadline(psc, route, fault):
    psc.fault(on=route, times=-1, **SLOW[fault])
    with Oidcd(psc) as oidcd:
        code, _, took_s, wall_s = refused(oidcd.login_ciba, deadline_ms=700)
        assert 0.5 < wall_s and took_s < 0.65 + 0.05 * slowness()
        assert code in ("DEADLINE_EXCEEDED", "PROVIDER_UNAVAILABLE")
        assert oidcd.call("providers")["providers"][0]["name"] == "sandbox"  # still alive


def test_a_lost_userinfo_is_asked_again(psc):
    psc.fault("status", "userinfo", status=503)
    with Oidcd(psc) as oidcd:
        assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN
    assert len(psc.seen("userinfo")) == 2


def test_a_code_is_never_sent_twice(psc):
    psc.fault("reset", "token.code", times=-1)
    with Oidcd(psc) as oidcd:
        assert refused(oidcd.login_browser)[0] == "PROVIDER_UNAVAILABLE"
    assert len(psc.seen("token.code")) == 1


@pytest.mark.parametrize("member, value, reason", [
    ("issuer", "https://issuer.example.test/realm", "issuer"),
    ("token_endpoint", "https://evil.example.test/token", "token_endpoint"),
    ("jwks_uri", "https://evil.example.test/certs", "jwks_uri"),
    ("authorization_endpoint", "https://evil.example.test/auth", "authorization_endpoint"),
    ("authorization_endpoint", "http://127.0.0.1:1/auth", "authorization_endpoint"),
    ("end_session_endpoint", "https://evil.example.test/logout", "end_session_endpoint"),
])
def test_discovery_leaves_the_profile(psc, member, value, reason):
    psc.fault("doc", set={member: value}, times=-1)
    with Oidcd(psc) as oidcd:
        got = refused(oidcd.login_browser)
    assert got[:2] == ("PROVIDER_DISCOVERY", reason)
    assert [entry["route"] for entry in psc.seen()] == ["discovery"]


@pytest.mark.parametrize("member", ["token_endpoint", "jwks_uri", "userinfo_endpoint",
                                    "backchannel_authentication_endpoint"])
def test_discovery_lacks_an_endpoint(psc, member):
    psc.fault("doc", unset=[member], times=-1)
    with Oidcd(psc) as oidcd:
        assert refused(oidcd.login_browser)[0] == "PROVIDER_DISCOVERY"


def test_known_metadata_outlives_the_documents(psc):
    with Oidcd(psc, metadata_age_s=1) as oidcd:
        oidcd.login_browser()
        psc.fault("status", "discovery", status=503, times=-1)
        psc.fault("status", "jwks", status=503, times=-1)
        time.sleep(1.2)
        psc.clear_seen()
        assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN
        assert len(psc.seen("discovery")) == 1  # asked again, in vain
        psc.clear_faults()
        psc.fault("doc", set={"token_endpoint": "https://evil.example.test/t"}, times=-1)
        time.sleep(1.2)
        assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN


@pytest.mark.parametrize("how", [
    {"cert": "wrongname"}, {"cert": "expired"}, {"cert": "otherca"}, {"max": "TLSv1.1"},
])
def test_tls_is_verified(psc, how):
    try:
        psc.tls(**how)
        with Oidcd(psc) as oidcd:
            got = refused(oidcd.login_browser)
            assert got[:2] == ("PROVIDER_UNAVAILABLE", "tls")
            provider = oidcd.call("providers")["providers"][0]
            assert provider["state"] == "down" and provider["error"]["reason"] == "tls"
    finally:
        psc.tls()
    assert psc.seen() == []


def test_tls_12_will_do(psc):
    try:
        psc.tls(max="TLSv1.2")
        with Oidcd(psc) as oidcd:
            number, url = oidcd.begin_browser()
            psc.tls()
            visit(UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN]))
            assert oidcd.result(number)["subject_name_id"] == PHYSICIAN
        assert psc.seen("discovery")[0]["tls"] == "TLSv1.2"
    finally:
        psc.tls()


def test_system_anchors_do_not_know_the_stand_in(psc):
    with Oidcd(psc, ca_file=None) as oidcd:
        assert refused(oidcd.login_browser)[:2] == ("PROVIDER_UNAVAILABLE", "tls")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts another /etc/ssl/certs")
def test_a_site_s_anchors_replace_the_system_s(psc, tmp_path, monkeypatch):
    """Here the system's directory knows the stand-in: it must not help a profile with its own file."""
    anchors = tmp_path / "certs"
    anchors.mkdir()
    shutil.copy(psc.ca_file, anchors / "stand-in.pem")
    subprocess.run(["openssl", "rehash", anchors], check=True, capture_output=True)
    shutil.copy(psc.card_ca_file, anchors / "ca-certificates.crt")
    start = tmp_path / "start"
    start.write_text("#!/bin/sh\nexec unshare --mount sh -c 'mount --bind "
                     f"{anchors} /etc/ssl/certs && exec \"$0\" \"$@\"' "
                     f"{program('cps-oidcd')} \"$@\"\n")
    start.chmod(0o700)
    monkeypatch.setattr(oidcd_module, "program", lambda _: start)
    with Oidcd(psc, ca_file=None) as oidcd:
        assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN
    with Oidcd(psc, ca_file=psc.card_ca_file) as oidcd:
        assert refused(oidcd.login_browser)[:2] == ("PROVIDER_UNAVAILABLE", "tls")


def test_the_environment_is_not_read(psc, tmp_path):
    keys = tmp_path / "keys.log"
    env = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",
           "ALL_PROXY": "http://127.0.0.1:9", "SSLKEYLOGFILE": str(keys)}
    with Oidcd(psc, env=env) as oidcd:
        assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN
    assert not keys.exists()


def test_a_proxy_is_used_when_configured(psc):
    env = {"no_proxy": "*", "NO_PROXY": "*"}
    with Oidcd(psc, proxy="http://127.0.0.1:9", env=env) as oidcd:
        assert refused(oidcd.login_browser)[:2] == ("PROVIDER_UNAVAILABLE", "connect")


def test_wrong_client_secret(psc):
    with Oidcd(psc) as oidcd:
        wrong = oidcd.secret_file("not-the-secret")
        with Oidcd(psc, client_secret_file=wrong) as other:
            assert refused(other.login_browser)[:2] == ("PROVIDER_CLIENT", "invalid_client")


def test_health(psc):
    with Oidcd(psc) as oidcd:
        provider = oidcd.call("providers")["providers"][0]
        assert provider == {"name": "sandbox", "issuer": psc.issuer, "state": "unknown",
                            "methods": ["browser", "ecps"]}
        oidcd.login_browser()
        provider = oidcd.call("providers")["providers"][0]
        assert provider["state"] == "up" and abs(provider["since_at"] - time.time()) < 30
        try:
            psc.outage()
            assert refused(oidcd.login_ciba)[0] == "PROVIDER_UNAVAILABLE"
        finally:
            psc.outage("none")
        provider = oidcd.call("providers")["providers"][0]
        assert provider["state"] == "down"
        assert provider["error"]["code"] == "PROVIDER_UNAVAILABLE"


def test_wrong_profiles_are_shown(psc):
    profiles = {"broken": "[provider]\nissuer = http://x\n", "empty": "",
                "typo": f"[provider]\nissuer = {psc.issuer}\nclient_id = a\nclientid = b\n",
                "bad name": "[provider]\n"}
    with Oidcd(psc, profiles=profiles) as oidcd:
        listed = {entry["name"]: entry for entry in oidcd.call("providers")["providers"]}
        assert set(listed) == {"broken", "empty", "sandbox", "typo"}
        assert listed["broken"]["error"]["code"] == "CONFIGURATION"
        assert any("clientid" in cause for cause in listed["typo"]["error"]["causes"])
        for name, code in (("broken", "CONFIGURATION"), ("nobody", "PROVIDER_UNKNOWN")):
            assert refused(oidcd.call, "login_browser", provider=name)[0] == code


def test_methods_of_a_profile(psc):
    with Oidcd(psc, ciba="no", browser="no") as oidcd:
        assert oidcd.call("providers")["providers"][0]["methods"] == []
        assert refused(oidcd.login_ciba)[:2] == ("CONFIGURATION", "method")
        assert refused(oidcd.login_browser)[:2] == ("CONFIGURATION", "method")


@pytest.mark.parametrize("params", [
    {"max_age": -2}, {"max_age": 86401}, {"prompt": "select_account"}, {"acr_values": "x" * 129},
])
def test_wrong_browser_parameters(psc, params):
    with Oidcd(psc) as oidcd:
        assert refused(oidcd.login_browser, **params)[0] == "INVALID_PARAMS"


def test_unknown_operation(psc):
    with Oidcd(psc) as oidcd:
        assert refused(oidcd.call, "format_disk")[0] == "METHOD_NOT_FOUND"


def test_slow_discovery_ends_by_itself(patient):
    oidcd, number, start = patient
    with pytest.raises(OidcError) as caught:
        oidcd.result(number, 30)
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_UNAVAILABLE", "timeout")
    assert TOTAL_MS / 1000 - 1 < time.monotonic() - start
