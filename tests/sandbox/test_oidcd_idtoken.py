# SPDX-License-Identifier: Apache-2.0
"""Every forged ID token of the stand-in, each refused with its own reason; the odd but correct ones
accepted. A table, so that a fault added to the stand-in without a line here is noticed."""
import time

import pytest

from cpsworld.oidcd import PHYSICIAN, Oidcd, OidcError

# How the stand-in spoils the token -> reason of the refusal.
REASONS = {
    # claims, signed with the real key
    "wrong_nonce": "nonce",
    "no_nonce": "nonce",
    "wrong_iss": "iss",
    "no_iss": "iss",
    "wrong_aud": "aud",
    "no_aud": "aud",
    "multi_aud": "azp",
    "wrong_azp": "azp",
    "expired": "exp",
    "no_exp": "exp",
    "exp_string": "exp",
    "iat_future": "iat",
    "no_iat": "iat",
    "nbf_future": "nbf",
    "no_sub": "sub",
    "wrong_sub": "userinfo_sub",
    "wrong_name_id": "userinfo_subject",
    "no_name_id": None,  # UserInfo, bound by sub, names the person
    "wrong_at_hash": "at_hash",
    "wrong_acr": "acr",
    "no_acr": "acr",
    "wrong_auth_req": None,  # a claim of CIBA, without meaning in the code flow
    "typ_at": "typ",
    "no_typ": "typ",
    "old_auth_time": "auth_time",
    "auth_time_future": "auth_time",
    # header and signature
    "alg_none": "alg",
    "hs_pub": "alg",
    "badsig": "signature",
    "empty_sig": "signature",
    "payload_swap": "signature",
    "no_kid": None,  # one usable key: legitimate
    "unknown_kid": "kid",
    "rogue_key": "signature",
    "rogue_jwk_header": "signature",
    "rogue_jku_header": "signature",
    "crit": "crit",
    "ps256": "alg",
    "rs512": "alg",
    "alg_case": "alg",
    # shape
    "missing": "missing",
    "two_parts": "segments",
    "extra_part": "segments",
    "padded": "base64",
    "dup_member": "json",
    "not_json": "json",
    "payload_array": "json",
    "bad_utf8": "json",
    "huge": "size",
    # unusual but correct
    "aud_array": None,
    "multi_aud_azp": None,
    "no_at_hash": None,
    "zero_auth_time": None,
    "unknown_auth_mode": None,
    "unknown_claim": None,
}

# By the phone: no nonce, so the token itself must name the person that was asked for.
CIBA_REASONS = {
    **REASONS,
    "wrong_nonce": None,
    "no_nonce": None,
    "wrong_name_id": "subject",
    "no_name_id": "subject",
    "wrong_auth_req": "auth_req_id",
}


@pytest.fixture(scope="module")
def oidcd(stand_in):
    stand_in.reset()
    with Oidcd(stand_in) as oidcd:
        yield oidcd


def test_the_table_is_complete(psc):
    catalogue = psc.call("GET", "/catalogue")["idt"]
    assert {how for kind in catalogue.values() for how in kind} == set(REASONS)


def judge(reason, login):
    if reason is None:
        assert login()["subject_name_id"] == PHYSICIAN
        return
    with pytest.raises(OidcError) as caught:
        login()
    assert (caught.value.code, caught.value.reason) == ("ID_TOKEN_REJECTED", reason)


@pytest.mark.parametrize("how", REASONS)
def test_browser(psc, oidcd, how):
    psc.fault("idt", how=how)
    judge(REASONS[how], oidcd.login_browser)
    asked = len(psc.seen("userinfo"))
    reason = REASONS[how]
    assert asked == (1 if reason is None or reason.startswith("userinfo") else 0)


@pytest.fixture(scope="module")
def phones(stand_in, oidcd):
    """A phone a case, all at once: how -> the person, and how the login ended."""
    people = {how: f"8997000002{number:02}" for number, how in enumerate(CIBA_REASONS)}
    stand_in.reset()
    for how, person in people.items():
        stand_in.add_account(person, given="DANY", family="ESSAI")
        stand_in.fault("idt", "token.ciba", how=how, login=person, times=-1)
    stand_in.phone_auto()
    numbers = {oidcd.begin_ciba(person): how for how, person in people.items()}
    ends = {}
    while len(ends) < len(numbers):
        packet = oidcd.worker.receive(60)
        if "progress" not in packet:
            ends[numbers[packet["id"]]] = packet
    return {how: (people[how], packet) for how, packet in ends.items()}


@pytest.mark.parametrize("how", CIBA_REASONS)
def test_ciba(phones, how):
    person, end = phones[how]
    if CIBA_REASONS[how] is None:
        assert end["result"]["subject_name_id"] == person
    else:
        assert (end["error"]["code"], end["error"]["reason"]) == ("ID_TOKEN_REJECTED",
                                                                  CIBA_REASONS[how])


def test_a_login_by_the_phone_is_of_now(psc, oidcd):
    """A browser may go on with a session of this morning; a phone has just been rung."""
    at = int(time.time()) - 600
    psc.fault("idt", set={"auth_time": at}, times=2)
    assert oidcd.login_browser()["auth_at"] == at
    psc.phone_auto()
    judge("auth_time", oidcd.login_ciba)
    assert oidcd.login_ciba()["subject_name_id"] == PHYSICIAN


@pytest.mark.parametrize("change", [{"set": {"SubjectNameID": "8997 0000"}},
                                    {"unset": ["SubjectNameID"]}])
def test_a_person_without_a_usable_identifier(psc, oidcd, change):
    psc.fault("idt", how="no_name_id")
    psc.fault("body", "userinfo", **change)
    judge("subject", oidcd.login_browser)


@pytest.mark.parametrize("length, shared", [(127, True), (128, False)])
def test_the_longest_name_of_a_session(psc, oidcd, length, shared):
    """A longer one is not kept, and tells nothing about which logins share a session."""
    psc.fault("idt", set={"sid": "s" * length}, times=2)
    handles = [oidcd.login_browser()["handle"] for _ in range(2)]
    assert oidcd.call("logout", handle=handles[0]) == {"ended": not shared}
    assert oidcd.call("logout", handle=handles[1]) == {"ended": True}


def test_no_session_is_left_by_a_refusal(psc, oidcd):
    psc.fault("idt", how="badsig")
    with pytest.raises(OidcError):
        oidcd.login_browser()
    with pytest.raises(OidcError) as caught:
        oidcd.call("refresh", handle="A" * 43)
    assert (caught.value.code, caught.value.reason) == ("LOGIN_EXPIRED", "handle")


@pytest.mark.parametrize("keys, accepted", [
    ({"acr_absent": "accept"}, True), ({"acr_absent": "refuse"}, False),
])
def test_absent_acr_is_a_choice(psc, keys, accepted):
    psc.fault("idt", how="no_acr")
    with Oidcd(psc, **keys) as oidcd:
        if accepted:
            assert "acr" not in oidcd.login_browser()
        else:
            judge("acr", oidcd.login_browser)


def test_accepted_acr_is_a_set(psc):
    with Oidcd(psc, accepted_acr="eidas1, eidas2") as oidcd:
        judge("acr", oidcd.login_browser)  # the carte CPS gives eidas3
        psc.settings(acr={"CARD": "eidas2"})
        assert oidcd.login_browser()["acr"] == "eidas2"


def test_absent_auth_time_is_told(psc, oidcd):
    psc.fault("idt", how="zero_auth_time")
    login = oidcd.login_browser()
    assert login["warnings"] == ["auth_time_absent"]
    assert abs(login["auth_at"] - time.time()) < 60  # since the token was issued, then


def test_max_age_requires_auth_time(psc, oidcd):
    psc.fault("idt", how="zero_auth_time")
    with pytest.raises(OidcError) as caught:
        oidcd.login_browser(max_age=300)
    assert caught.value.reason == "auth_time"


@pytest.mark.parametrize("how, code, reason", [
    ("empty", "PROVIDER_ANSWER", "jwks"),
    ("not_a_set", "PROVIDER_ANSWER", "json"),
    ("null_keys", "PROVIDER_ANSWER", "jwks"),
    ("other_keys", "ID_TOKEN_REJECTED", "kid"),
    ("same_kid_other_key", "ID_TOKEN_REJECTED", "signature"),
    ("no_kid", "ID_TOKEN_REJECTED", "kid"),
    ("several_no_kid", "ID_TOKEN_REJECTED", "kid"),
    ("duplicate_kid", "PROVIDER_ANSWER", "jwks"),
    ("small", "PROVIDER_ANSWER", "jwks"),
    ("exponent_one", "PROVIDER_ANSWER", "jwks"),
    ("enc_use", "PROVIDER_ANSWER", "jwks"),
    ("symmetric", "PROVIDER_ANSWER", "jwks"),
    ("no_alg", None, None),
    ("unknown_kty", None, None),
    ("many", None, None),
])
def test_key_sets(psc, how, code, reason):
    psc.fault("keys", how=how, times=-1)
    with Oidcd(psc) as oidcd:
        if code is None:
            assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN
            return
        with pytest.raises(OidcError) as caught:
            oidcd.login_browser()
    assert (caught.value.code, caught.value.reason) == (code, reason)


def test_key_sets_are_all_here(psc):
    assert len(psc.call("GET", "/catalogue")["keys"]) == 15


@pytest.mark.parametrize("keep", [True, False])
def test_key_rotation(psc, keep):
    with Oidcd(psc) as oidcd:
        oidcd.login_browser()
        psc.rotate(keep=keep)
        assert oidcd.login_browser()["subject_name_id"] == PHYSICIAN
        assert len(psc.seen("jwks")) == 2


def test_unknown_keys_do_not_make_a_storm(psc):
    with Oidcd(psc) as oidcd:
        psc.fault("idt", how="unknown_kid", times=-1)
        for _ in range(6):
            judge("kid", oidcd.login_browser)
    assert len(psc.seen("jwks")) == 1 + 3  # the first, then three a minute at most


def test_userinfo_of_another_person(psc, oidcd):
    psc.fault("body", "userinfo", set={"sub": "somebody-else"})
    judge("userinfo_sub", oidcd.login_browser)
    psc.fault("body", "userinfo", set={"SubjectNameID": "899700000029"})
    judge("userinfo_subject", oidcd.login_browser)


def test_userinfo_is_read_tolerantly(psc, oidcd):
    psc.fault("body", "userinfo", unset=["SubjectRefPro", "otherIds"], set={
        "SubjectRole": "10^1.2.250.1.213.1.1.5.5", "email": None, "given_name": 7,
        "Mode_Acces_Raison": "", "new_member": {"deep": [1]},
        "otherIDs": [{"identifiant": PHYSICIAN, "origine": "RPPS", "qualite": "1"}, "odd"]})
    info = oidcd.login_browser()["userinfo"]
    assert info["SubjectRole"] == ["10^1.2.250.1.213.1.1.5.5"]
    assert info["otherIds"] == [{"identifiant": PHYSICIAN, "origine": "RPPS", "qualite": 1}]
    for absent in ("email", "given_name", "Mode_Acces_Raison", "new_member", "otherIDs",
                   "SubjectRefPro"):
        assert absent not in info


def test_a_large_userinfo_still_fits_its_packet(psc, oidcd):
    activity = {f"field{n}": "x" * 60 for n in range(20)}
    def reference(activities):
        return {"exercices": [{"codeProfession": "10", "activities": [activity] * activities}]}
    psc.fault("body", "userinfo", set={"SubjectRefPro": reference(12)})
    info = oidcd.login_browser()["userinfo"]
    assert len(info["SubjectRefPro"]["exercices"][0]["activities"]) == 12
    psc.fault("body", "userinfo", set={"SubjectRefPro": reference(40)})
    with pytest.raises(OidcError) as caught:
        oidcd.login_browser()
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_ANSWER", "userinfo_size")


def test_signed_userinfo(psc, oidcd):
    psc.settings(userinfo="jwt")
    login = oidcd.login_browser()
    assert login["userinfo"]["SubjectRefPro"]["codeCivilite"] == "MME"
    token = login["id_token"]  # a JWT of the same key, with its last bytes spoiled
    other = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    psc.fault("status", "userinfo", status=200, headers={"content-type": "application/jwt"},
              body=other)
    with pytest.raises(OidcError) as caught:
        oidcd.login_browser()
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_ANSWER", "userinfo_jwt")
