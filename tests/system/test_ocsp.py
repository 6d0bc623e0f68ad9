# SPDX-License-Identifier: Apache-2.0
"""OCSP as a policy, with openssl as the responder."""

import pytest

from cpsworld import CardSet
from cpsworld.authority import CRL_PATH, OCSP_PATH, Authority, forged_key
from cpsworld.paths import slowness
from cpsworld.revocation import claim, desk_at, refresh, settled
from cpsworld.stopwatch import Stopwatch
from cpsworld.web import Web

BUDGET_S = 3


@pytest.fixture(name="authority", scope="module")
def _authority():
    return Authority(CardSet())


@pytest.fixture(name="web")
def _web():
    with Web() as web:
        yield web


def test_ocsp_good_and_revoked(web, authority, tmp_path):
    web.put(OCSP_PATH, authority.ocsp())
    with desk_at(web, policy="ocsp", offline="closed") as desk:
        desk.login()
        said = claim(desk)
        assert said["source"] == "ocsp" and said["age"] < 60
        assert web.asked(CRL_PATH) == 0
        desk.client.call("session.logout")
        web.put(OCSP_PATH, authority.ocsp("responder"))
        error = desk.refused("pin " + desk.pin)
        assert error.name == "CERTIFICATE_REVOKED" and error.data["reason"] == "keyCompromise"
        # A responder of its own, that the authority has certified for it.
        web.put(OCSP_PATH, authority.ocsp(signer=authority.responder(tmp_path)))
        desk.login()
        assert claim(desk)["source"] == "ocsp"


def test_ocsp_answers_that_prove_nothing(web, authority, tmp_path):
    question = []
    replayed = authority.ocsp()

    def replay(body):
        question.append(body)
        return replayed(question[0])

    with desk_at(web, policy="ocsp", offline="closed") as desk:
        for reason, answer in (
                ("signature", authority.ocsp(signer=authority.responder(tmp_path, False))),
                ("signature", authority.ocsp(
                    signer=authority.responder(tmp_path, issuer_key=forged_key()))),
                ("unknown", authority.ocsp(known=["nurse"])),
                ("malformed", lambda body: b"<html>"),
                ("refused", lambda body: b"\x30\x03\x0a\x01\x06"),
                ("status", None)):
            web.put(OCSP_PATH, answer)
            error = desk.refused("pin " + desk.pin)
            assert error.name == "REVOCATION_UNKNOWN", reason
            assert error.data["reason"] == reason, (reason, error.data)
        web.put(OCSP_PATH, replay)
        desk.login()
        desk.client.call("session.logout")
        error = desk.refused("pin " + desk.pin)
        assert error.name == "REVOCATION_UNKNOWN" and error.data["reason"] == "nonce"


def test_ocsp_budget(web, authority):
    web.put(OCSP_PATH, authority.ocsp())
    web.fault("hang", OCSP_PATH)
    with desk_at(web, policy="ocsp") as desk:
        timer = Stopwatch()
        desk.login()
        assert BUDGET_S - 0.5 < timer.wall_s() and timer.took_s() < BUDGET_S + 2 * slowness()
        assert claim(desk) == {"source": "none"}


def test_ocsp_and_lists_together(web, authority):
    web.put(CRL_PATH, authority.crl())
    web.put(OCSP_PATH, authority.ocsp())
    with desk_at(web, policy="crl+ocsp", offline="closed") as desk:
        settled(desk)
        desk.login()
        assert claim(desk)["source"] == "ocsp"
        desk.client.call("session.logout")
        web.fault("404", OCSP_PATH)
        desk.login()
        assert claim(desk)["source"] == "crl", "the list, when nobody answers"
        desk.client.call("session.logout")
        web.fault(None, OCSP_PATH)
        web.put(CRL_PATH, authority.crl("responder", number=2, age=0))
        refresh(desk)
        assert desk.refused("pin " + desk.pin).name == "CERTIFICATE_REVOKED", "either is enough"
