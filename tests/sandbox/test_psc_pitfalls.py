# SPDX-License-Identifier: Apache-2.0
"""What integrators of Pro Santé Connect have met, one test each, as far as oidcd is concerned:
levels and claims that differ, addresses, parameters, lifetimes, identities, rude answers. What has
tests of its own elsewhere (pauses, polls, proxies, key rotation) is not repeated here."""
import concurrent.futures
import json
import time
import urllib.parse

import pytest

from cpsworld.oidcd import NURSE, PHYSICIAN, Oidcd, OidcError
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until


def refused(call, *args, **params):
    with pytest.raises(OidcError) as caught:
        call(*args, **params)
    return caught.value.code, caught.value.reason


@pytest.mark.parametrize("acr", ["eidas1", "eidas2", "eidas3"])
def test_01_another_acr_than_the_one_asked(psc, oidcd, acr):
    psc.settings(acr={"CARD": acr})
    assert oidcd.login_browser()["acr"] == acr
    assert psc.seen("authorize")[0]["params"]["acr_values"] == "eidas1"


@pytest.mark.parametrize("setting, accepted", [("refuse", False), ("accept", True)])
def test_02_no_acr_at_all(psc, setting, accepted):
    psc.settings(acr={"CARD": None})
    with Oidcd(psc, acr_absent=setting) as oidcd:
        if accepted:
            assert "acr" not in oidcd.login_browser()
        else:
            assert refused(oidcd.login_browser) == ("ID_TOKEN_REJECTED", "acr")


def test_03_hosts_that_move_are_configuration(psc, oidcd):
    """Nothing of the address is built in: here it is another issuer, on other ports."""
    assert oidcd.login_browser()["issuer"] == psc.issuer


def test_04_the_discovery_document_of_psc_and_not_the_standard_one(psc, oidcd):
    oidcd.login_browser()
    assert all(one["path"].endswith("/wallet-openid-configuration")
               for one in psc.seen("discovery"))
    assert psc.seen("authorize")[0]["listener"] == "wallet"


def test_05_an_endpoint_of_another_environment(psc, oidcd):
    psc.fault("doc", set={"token_endpoint": "https://auth.bas.psc.esante.gouv.fr/token"}, times=-1)
    assert refused(oidcd.login_browser) == ("PROVIDER_DISCOVERY", "token_endpoint")


def test_06_acr_values_are_always_eidas1(psc, oidcd):
    psc.phone_auto()
    oidcd.login_ciba()
    oidcd.login_browser()
    for route in ("ciba_auth", "authorize"):
        assert psc.seen(route)[0]["params"]["acr_values"] == "eidas1"


def test_07_the_redirect_address_as_it_was_registered(psc):
    with Oidcd(psc, "psc-fixed", redirect_host="localhost", redirect_ports="8123 8124 8125",
               redirect_path="/callback") as oidcd:
        number, _ = oidcd.begin_browser()
        oidcd.cancel(number)
    with Oidcd(psc, "psc-fixed", redirect_host="localhost", redirect_path="/psc/callback") as oidcd:
        _, url = oidcd.begin_browser()
        page = UserAgent(psc.ca_file)
        assert not page.go(url).startswith("http://"), "an error page and no callback"


def test_08_no_page_makes_token_calls(psc, oidcd):
    """What holds tokens is called by this program, without cookies; the browser gets a code."""
    oidcd.login_browser()
    for route in ("token", "userinfo", "jwks"):
        (call,) = psc.seen(route)
        assert call["user_agent"].startswith("cps-agent") and not call["cookies"], route
    assert "Mozilla" not in str([call["user_agent"] for call in psc.seen()])


def test_09_tokens_of_seconds(psc):
    psc.settings(access_ttl=2, id_ttl=2)
    with Oidcd(psc) as oidcd:
        login = oidcd.login_browser()
        assert login["access_token_exp_at"] - time.time() <= 2
        time.sleep(2.2)
        assert oidcd.call("refresh", handle=login["handle"])["access_token"]


def test_10_answers_that_take_three_seconds(psc):
    """Four logins side by side, each of which waits for another endpoint."""
    def login():
        with Oidcd(psc) as oidcd:
            return oidcd.login_browser()["access_token"]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as desks:
        logins = []
        for route in ("discovery", "jwks", "token", "userinfo"):
            psc.fault("delay", route, ms=3000)
            logins.append(desks.submit(login))
            assert wait_until(lambda: psc.faults()[-1]["hits"] == 1), route
        assert all(one.result() for one in logins)
    assert time.monotonic() - start >= 3


def test_11_no_leeway_longer_than_the_token(psc):
    with Oidcd(psc, leeway_s=61) as oidcd:
        (provider,) = oidcd.call("providers")["providers"]
        assert provider["error"]["code"] == "CONFIGURATION"
    with Oidcd(psc) as oidcd:
        psc.fault("idt", how="expired")
        assert refused(oidcd.login_browser) == ("ID_TOKEN_REJECTED", "exp")


@pytest.mark.parametrize("form", ["federated", "uuid"])
def test_12_the_form_of_sub_changes_and_the_person_does_not(psc, form):
    psc.settings(sub_format=form)
    with Oidcd(psc) as oidcd:
        login = oidcd.login_browser()
        assert login["subject_name_id"] == PHYSICIAN
        assert login["sub"].startswith("f:") == (form == "federated")


@pytest.mark.parametrize("change, kept", [
    ({"set": {"SubjectRole": "10^1.2.250.1.213.1.1.5.5"}}, {"SubjectRole":
                                                            ["10^1.2.250.1.213.1.1.5.5"]}),
    ({"set": {"otherIds": [{"identifiant": "1", "origine": "EDIT", "qualite": "1"}]}},
     {"otherIds": [{"identifiant": "1", "origine": "EDIT", "qualite": 1}]}),
    ({"unset": ["SubjectRefPro"]}, {"SubjectRefPro": None}),
    ({"set": {"Acces_Regulation_Medicale": "", "email": None}}, {"email": None}),
    ({"set": {"authMode": "SOMETHING_NEW"}}, {}),
])
def test_13_userinfo_of_every_shape(psc, oidcd, change, kept):
    psc.fault("body", "userinfo", **change)
    userinfo = oidcd.login_browser()["userinfo"]
    assert {name: userinfo.get(name) for name in kept} == kept


def test_15_an_access_token_is_no_identity(psc, oidcd):
    psc.fault("idt", how="typ_at")
    assert refused(oidcd.login_browser) == ("ID_TOKEN_REJECTED", "typ")


def test_16_eleven_digits(psc, oidcd):
    psc.phone_auto()
    assert oidcd.login_ciba(PHYSICIAN[1:])["subject_name_id"] == PHYSICIAN
    assert psc.seen("ciba_auth")[0]["params"]["login_hint"] == PHYSICIAN


def test_17_a_site_s_own_authorities(psc):
    with Oidcd(psc, ca_file=psc.card_ca_file) as oidcd:
        assert refused(oidcd.login_browser) == ("PROVIDER_UNAVAILABLE", "tls")


def test_18_a_browser_that_is_logged_in_already(psc, oidcd):
    """Each login is a request of its own, with its own state: an address is never opened twice."""
    browser = UserAgent(psc.ca_file)
    urls = []
    for _ in range(2):
        number, url = oidcd.begin_browser()
        visit(browser.login_card(url, psc.cards[PHYSICIAN]))
        assert oidcd.result(number)["subject_name_id"] == PHYSICIAN
        urls.append(url)
    first, second = (dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
                     for url in urls)
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_19_a_session_is_ended_at_the_provider_by_logout_alone(psc):
    """A program that goes away, its time being over for instance, leaves the provider's session to
    others: logout is another act."""
    with Oidcd(psc) as oidcd:
        oidcd.login_browser()
    assert len(psc.sessions()) == 1
    with Oidcd(psc) as oidcd:
        login = oidcd.login_browser(NURSE)
        assert oidcd.call("logout", handle=login["handle"]) == {"ended": True}
    assert len(psc.sessions()) == 1 and len(psc.seen("logout")) == 1


def test_20_a_logout_without_state(psc, oidcd):
    psc.settings(logout_state=False)
    login = oidcd.login_browser()
    assert oidcd.call("logout", handle=login["handle"]) == {"ended": True}
    assert psc.sessions() == []


def test_24_the_session_of_the_previous_person_in_the_browser(psc, oidcd):
    """A browser that is still logged in answers for that person, and is asked to log in anew."""
    browser = UserAgent(psc.ca_file)
    assert oidcd.login_browser(PHYSICIAN, agent=browser)["subject_name_id"] == PHYSICIAN
    login = oidcd.login_browser(NURSE, agent=browser)
    assert login["subject_name_id"] == PHYSICIAN, "told as it is: the caller compares"
    login = oidcd.login_browser(NURSE, agent=browser, prompt="login")
    assert login["subject_name_id"] == NURSE


def test_25_another_browser_brings_the_answer(psc, oidcd):
    """What belongs to a login is kept here, not in the browser that began it."""
    number, url = oidcd.begin_browser()
    back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
    status, _, _ = visit(back, headers={"User-Agent": "another browser"})
    assert status == 303 and oidcd.result(number)["subject_name_id"] == PHYSICIAN


def test_26_the_phone_of_tests_needs_no_phone(psc, oidcd):
    number = oidcd.begin_ciba()
    assert wait_until(psc.phone_pending)
    (ring,) = psc.phone_pending()
    assert ring["binding_message"] == "42" and len(set(ring["choices"])) == 3
    psc.phone_decide("42")
    while "result" not in (packet := oidcd.worker.receive()):
        assert packet["id"] == number
    assert packet["result"]["subject_name_id"] == PHYSICIAN


def test_two_agents_with_one_refresh_token(psc):
    """As one of them sees it: the token was exchanged for another that it has not. The provider takes
    its use for theft and closes what was given for it; the agent hears that the login is over,
    once, and does not insist. Tokens never leave oidcd, so one oidcd plays both: it is not given
    the new token. Another login of the same person is not touched."""
    with Oidcd(psc) as oidcd, Oidcd(psc) as elsewhere:
        handle = oidcd.login_browser()["handle"]
        other = elsewhere.login_browser()["handle"]
        psc.fault("body", "token.refresh", unset=["refresh_token"])
        assert oidcd.call("refresh", handle=handle)["access_token"]
        assert refused(oidcd.call, "refresh", handle=handle) == ("LOGIN_EXPIRED", "invalid_grant")
        for _ in range(5):
            assert refused(oidcd.call, "refresh", handle=handle) == ("LOGIN_EXPIRED", "handle")
        sent = [one["params"]["refresh_token"] for one in psc.seen("token.refresh")]
        assert len(sent) == 2 and sent[0] == sent[1]
        assert elsewhere.call("refresh", handle=other)["access_token"]


def test_browser_cancelled(psc, oidcd):
    number, url = oidcd.begin_browser()
    visit(UserAgent(psc.ca_file).cancel(url))
    assert refused(oidcd.result, number) == ("LOGIN_REFUSED", "access_denied")


@pytest.mark.parametrize("how", ["wrong_azp", "iat_future", "wrong_at_hash", "typ_at"])
def test_stricter_than_certified_peers(psc, oidcd, how):
    psc.fault("idt", how=how)
    assert refused(oidcd.login_browser)[0] == "ID_TOKEN_REJECTED"


def test_metadata_that_nobody_believes(psc, oidcd):
    """acr_values_supported is ["0", "0"] at PSC, and everything else is listed as supported."""
    psc.fault("doc", set={"acr_values_supported": ["0", "0"],
                          "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]})
    assert json.dumps(oidcd.login_browser()["acr"])
