# SPDX-License-Identifier: Apache-2.0
"""What follows a login: refresh with rotation, logout, what is left when the provider is away."""
import json
import os
import time

import pytest

from cpsworld.oidcd import PHYSICIAN, Oidcd, OidcError
from cpsworld.stopwatch import Stopwatch
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until


def refused(call, *args, **params):
    with pytest.raises(OidcError) as caught:
        call(*args, **params)
    return caught.value.code, caught.value.reason


def refreshed(oidcd, login):
    """Refreshes, once the pause after a failure is over."""
    def answer():
        try:
            return oidcd.call("refresh", handle=login["handle"])["access_token"]
        except OidcError as error:
            assert error.reason == "resting"
            return None
    return wait_until(answer)


def test_refresh(psc, oidcd):
    login = oidcd.login_browser()
    fresh = oidcd.call("refresh", handle=login["handle"])
    assert fresh["access_token"] != login["access_token"]
    assert 90 < fresh["access_token_exp_at"] - time.time() <= 120
    assert fresh["id_token"] != login["id_token"]
    assert fresh["id_token_exp_at"] >= login["id_token_exp_at"]
    again = oidcd.call("refresh", handle=login["handle"])
    assert again["access_token"] != fresh["access_token"]
    sent = [entry["params"]["refresh_token"] for entry in psc.seen("token.refresh")]
    assert len(sent) == 2 and sent[0] != sent[1]  # rotated
    assert psc.secrets_in(json.dumps([login, fresh, again])) == set(), "it stays in oidcd"


def test_refresh_without_id_token(psc, oidcd):
    psc.settings(refresh_id_token=False)
    login = oidcd.login_browser()
    assert set(oidcd.call("refresh", handle=login["handle"])) == {"access_token",
                                                                 "access_token_exp_at"}
    assert oidcd.call("logout", handle=login["handle"]) == {"ended": True}


def test_refresh_without_rotation(psc, oidcd):
    psc.settings(rotate_refresh=False)
    login = oidcd.login_browser()
    oidcd.call("refresh", handle=login["handle"])
    oidcd.call("refresh", handle=login["handle"])
    sent = [entry["params"]["refresh_token"] for entry in psc.seen("token.refresh")]
    assert len(set(sent)) == 1


def test_one_refresh_at_a_time(psc, oidcd):
    login = oidcd.login_browser()
    psc.fault("delay", "token.refresh", ms=1500)
    numbers = [oidcd.worker.send("refresh", {"handle": login["handle"]}) for _ in range(10)]
    answers = [oidcd.worker.receive() for _ in numbers]
    assert sorted(answer["id"] for answer in answers) == numbers
    assert len({answer["result"]["access_token"] for answer in answers}) == 1
    assert len(psc.seen("token.refresh")) == 1


def test_a_caller_that_leaves_does_not_lose_the_rotation(psc, oidcd):
    login = oidcd.login_browser()
    psc.fault("delay", "token.refresh", ms=2500)
    number = oidcd.worker.send("refresh", {"handle": login["handle"]}, deadline_ms=300)
    assert refused(oidcd.result, number)[0] == "DEADLINE_EXCEEDED"
    number = oidcd.worker.send("refresh", {"handle": login["handle"]})
    assert oidcd.result(number)["access_token"]
    assert len(psc.seen("token.refresh")) == 1
    assert oidcd.call("refresh", handle=login["handle"])["access_token"]


def test_an_ended_session_is_closed(psc, oidcd):
    login = oidcd.login_browser()
    psc.end_sessions(PHYSICIAN)
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED",
                                                                      "invalid_grant")
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED", "handle")
    assert len(psc.seen("token.refresh")) == 1


def test_refresh_survives_an_outage_without_a_storm(psc, oidcd):
    login = oidcd.login_browser()
    psc.fault("status", "token.refresh", status=503, times=-1)
    timer = Stopwatch()
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("PROVIDER_UNAVAILABLE",
                                                                      "status")
    reasons = [refused(oidcd.call, "refresh", handle=login["handle"]) for _ in range(20)]
    # Programs that insist wait for the pauses, of 1, 2, 4… seconds.
    assert set(reasons) <= {("PROVIDER_UNAVAILABLE", "resting"), ("PROVIDER_UNAVAILABLE", "status")}
    assert 1 <= len(psc.seen("token.refresh")) <= 1 + timer.wall_s()
    psc.clear_faults()
    assert refreshed(oidcd, login)
    assert oidcd.call("refresh", handle=login["handle"])["access_token"]


def test_a_pause_that_the_provider_asks_for(psc, oidcd):
    login = oidcd.login_browser()
    psc.fault("status", "token.refresh", status=503, headers={"Retry-After": "2"})
    timer = Stopwatch()
    assert refused(oidcd.call, "refresh", handle=login["handle"])[1] == "status"
    assert refreshed(oidcd, login) and timer.wall_s() >= 2


def test_a_network_that_comes_back(psc, oidcd):
    """Nothing has left this machine: the refresh token is still good."""
    login = oidcd.login_browser()
    psc.outage("refuse")
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("PROVIDER_UNAVAILABLE",
                                                                      "connect")
    psc.outage("none")
    assert refreshed(oidcd, login)
    assert len(psc.seen("token.refresh")) == 1


@pytest.mark.parametrize("fault", [
    {"kind": "reset"}, {"kind": "reset", "after": True}, {"kind": "truncate"}])
def test_a_token_that_may_be_spent_is_never_sent_again(psc, oidcd, fault):
    login = oidcd.login_browser()
    psc.fault(on="token.refresh", times=-1, **fault)
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED",
                                                                      "refresh_lost")
    psc.clear_faults()
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED", "handle")
    assert len(psc.seen("token.refresh")) == 1


def test_a_provider_that_has_rotated_is_not_asked_again(psc, oidcd):
    login = oidcd.login_browser()
    oidcd.call("refresh", handle=login["handle"])
    psc.fault("reset", "token.refresh")
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED",
                                                                      "refresh_lost")


def test_a_provider_that_does_not_rotate_may_be_asked_again(psc, oidcd):
    psc.settings(rotate_refresh=False)
    login = oidcd.login_browser()
    oidcd.call("refresh", handle=login["handle"])
    psc.fault("reset", "token.refresh")
    assert refused(oidcd.call, "refresh", handle=login["handle"])[0] == "PROVIDER_UNAVAILABLE"
    assert refreshed(oidcd, login)


def test_a_provider_that_goes_and_comes_back_is_told(psc, oidcd):
    login = oidcd.login_browser()
    psc.outage("refuse")
    refused(oidcd.call, "refresh", handle=login["handle"])
    psc.outage("none")
    assert refreshed(oidcd, login)
    told = [(event["name"], event["state"]) for event in oidcd.worker.events
            if event["event"] == "provider"]
    assert told == [("sandbox", "up"), ("sandbox", "down"), ("sandbox", "up")]
    assert all(abs(event["since_at"] - time.time()) < 60 for event in oidcd.worker.events)
    assert oidcd.worker.events[1]["error"]["code"] == "PROVIDER_UNAVAILABLE"


@pytest.mark.parametrize("how, reason", [
    ("wrong_sub", "sub"), ("wrong_iss", "iss"), ("wrong_aud", "aud"), ("wrong_nonce", "nonce"),
    ("badsig", "signature"), ("alg_none", "alg"), ("dup_member", "json"), ("wrong_acr", "acr"),
    ("no_acr", "acr"), ("no_typ", "typ"),
    ("unknown_kid", "kid"), ("wrong_at_hash", "at_hash"),
])
def test_a_forged_id_token_at_refresh_closes(psc, oidcd, how, reason):
    login = oidcd.login_browser()
    psc.fault("idt", "token.refresh", how=how)
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("ID_TOKEN_REJECTED", reason)
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED", "handle")


@pytest.mark.parametrize("how", ["no_nonce", "no_at_hash", "aud_array", "missing"])
def test_odd_id_tokens_at_refresh(psc, oidcd, how):
    login = oidcd.login_browser()
    psc.fault("idt", "token.refresh", how=how)
    assert oidcd.call("refresh", handle=login["handle"])["access_token"]


def test_keys_rotated_before_a_refresh(psc, oidcd):
    login = oidcd.login_browser()
    psc.rotate(keep=False)
    assert "id_token" in oidcd.call("refresh", handle=login["handle"])
    assert len(psc.seen("jwks")) == 2


def test_logout(psc, oidcd):
    login = oidcd.login_browser()
    assert len(psc.sessions()) == 1
    assert oidcd.call("logout", handle=login["handle"]) == {"ended": True}
    assert psc.sessions() == []
    sent = psc.seen("logout")[0]
    assert sent["method"] == "POST" and "id_token_hint" in sent["params"]
    assert sent["path"].count("?") == 0
    revoked = psc.seen("revoke")[0]
    assert revoked["params"]["token_type_hint"] == "refresh_token"
    assert revoked["authorization"]["scheme"] == "Basic"
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED", "handle")
    assert refused(oidcd.call, "logout", handle=login["handle"]) == ("LOGIN_EXPIRED", "handle")


@pytest.mark.parametrize("kind", ["hang", "reset", "html"])
def test_logout_forgets_whatever_the_provider_says(psc, oidcd, kind):
    login = oidcd.login_browser()
    psc.fault(kind, "logout", times=-1)
    psc.fault(kind, "revoke", times=-1)
    timer = Stopwatch()
    answer = oidcd.call("logout", handle=login["handle"],
                        deadline_ms=2000 if kind == "hang" else 20000)
    assert timer.took_s() < 2
    assert answer == {"ended": kind == "html"}  # a page of confirmation is an answer
    assert refused(oidcd.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED", "handle")


@pytest.mark.parametrize("outage", ["refuse", "status"])
def test_a_logout_that_the_provider_did_not_hear_is_told_again(psc, oidcd, outage):
    login = oidcd.login_browser()
    if outage == "refuse":
        psc.outage("refuse")
    else:
        psc.fault("status", "logout", status=503)
    assert oidcd.call("logout", handle=login["handle"]) == {"ended": False}
    assert refused(oidcd.call, "refresh", handle=login["handle"])[0] == "LOGIN_EXPIRED"
    psc.outage("none")
    assert len(psc.sessions()) == 1
    assert wait_until(lambda: oidcd.call("providers") and any(
        one["event"] == "logout" for one in oidcd.worker.events))
    told = [one for one in oidcd.worker.events if one["event"] == "logout"]
    assert told[0]["ended"] and told[0]["provider"] == "sandbox" and told[0]["tries"] >= 2
    assert psc.sessions() == []
    assert len({one["params"]["token"] for one in psc.seen("revoke")}) == 1


def test_handles_of_one_session_end_it_together(psc, oidcd):
    """A browser that is still logged in gives the session that it has: one logout must not end it
    under the other handle."""
    browser = UserAgent(psc.ca_file)
    first = oidcd.login_browser(agent=browser)
    second = oidcd.login_browser(agent=browser)
    assert len(psc.sessions()) == 1 and second["auth_at"] == first["auth_at"]
    assert oidcd.call("logout", handle=first["handle"]) == {"ended": False}
    assert refused(oidcd.call, "refresh", handle=first["handle"]) == ("LOGIN_EXPIRED", "handle")
    assert not psc.seen("logout") and not psc.seen("revoke")
    assert oidcd.call("refresh", handle=second["handle"])["access_token"]
    assert oidcd.call("logout", handle=second["handle"]) == {"ended": True}
    assert psc.sessions() == []


def test_a_late_logout_does_not_end_the_session_of_a_new_login(psc, oidcd):
    browser = UserAgent(psc.ca_file)
    first = oidcd.login_browser(agent=browser)
    psc.fault("status", "logout", status=503, times=1)
    assert oidcd.call("logout", handle=first["handle"]) == {"ended": False}
    second = oidcd.login_browser(agent=browser)
    psc.clear_seen()
    # Another logout that was not heard either is told again: by then the first would have been.
    other = oidcd.login_browser(agent=UserAgent(psc.ca_file))
    psc.fault("status", "logout", status=503, times=1)
    oidcd.call("logout", handle=other["handle"])
    assert wait_until(lambda: oidcd.call("providers") and any(
        one["event"] == "logout" and one["tries"] > 1 for one in oidcd.worker.events))
    assert len(psc.sessions()) == 1, "that of the first two logins"
    assert oidcd.call("refresh", handle=second["handle"])["access_token"]


def test_logout_during_a_refresh(psc, oidcd):
    login = oidcd.login_browser()
    psc.fault("delay", "token.refresh", ms=800)
    refreshing = oidcd.worker.send("refresh", {"handle": login["handle"]})
    leaving = oidcd.worker.send("logout", {"handle": login["handle"]})
    answers = {packet["id"]: packet for packet in
               (oidcd.worker.receive(), oidcd.worker.receive())}
    assert answers[refreshing]["error"]["code"] == "LOGIN_EXPIRED"
    assert answers[leaving]["result"] == {"ended": True}
    assert psc.sessions() == []


def test_handles_do_not_outlive_the_process(psc, oidcd):
    login = oidcd.login_browser()
    with Oidcd(psc) as other:
        assert refused(other.call, "refresh", handle=login["handle"]) == ("LOGIN_EXPIRED",
                                                                          "handle")


def test_no_secret_in_the_log(psc, capfd):
    with Oidcd(psc, env={"CPS_DEBUG": "1"}) as oidcd:
        number, url = oidcd.begin_browser()
        back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
        visit(back)
        login = oidcd.result(number)
        assert {name for _, name in psc.secrets_in(back)} == {"code"}, "what is there is found"
        fresh = oidcd.call("refresh", handle=login["handle"])
        psc.fault("idt", how="badsig")
        refused(oidcd.login_browser)
        psc.phone_auto(answer="refuse")
        refused(oidcd.login_ciba)
        with open(f"/proc/{oidcd.worker.process.pid}/cmdline", encoding="ascii") as file:
            arguments = file.read()
        with open(f"/proc/{oidcd.worker.process.pid}/environ", encoding="ascii") as file:
            arguments += file.read()
        oidcd.call("logout", handle=login["handle"])
    log = capfd.readouterr().err + arguments
    assert {name for entry in psc.seen() for name in entry["params"]} >= {
        "code", "code_verifier", "refresh_token"}
    assert psc.secrets_in(log) == set()
    assert "provider sandbox is up" in log
    for secret in (login["access_token"], login["id_token"], fresh["access_token"],
                   psc.clients["psc-basic"]["secret"], PHYSICIAN, login["sub"], "ESSAI"):
        assert secret not in log


def test_rights(psc, oidcd):
    pid = oidcd.worker.process.pid
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.split(":", 1) for line in file)
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    oidcd.login_browser()
    for name in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{name}")
        assert not target.startswith("/") or target == "/dev/null" or int(name) < 3, target


def test_a_flood_of_requests(psc, oidcd):
    numbers = [oidcd.worker.send("login_browser", {"provider": "sandbox"}) for _ in range(80)]
    refusals = []
    urls = 0
    while len(refusals) < 16 or urls < 64:
        packet = oidcd.worker.receive()
        if "error" in packet:
            refusals.append(packet["error"]["code"])
        else:
            urls += 1
    assert refusals == ["TOO_MANY_REQUESTS"] * 16 and len(numbers) == 80


def test_a_malformed_packet_ends_the_process(psc, oidcd):
    oidcd.worker.channel.send(json.dumps({"id": 1, "op": "providers"}).encode())
    with pytest.raises(EOFError):
        oidcd.worker.receive()
    assert oidcd.worker.process.wait(30) != 0
