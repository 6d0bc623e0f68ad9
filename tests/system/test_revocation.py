# SPDX-License-Identifier: Apache-2.0
"""What a revoked card, or a server of the authority that fails, does to logins and sessions."""
import os

import pytest

from cpsworld import CardSet
from cpsworld.authority import CRL_PATH, Authority, forged_key
from cpsworld.paths import slowness
from cpsworld.revocation import claim, desk_at, refresh, restart, settled
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


def test_servers_that_do_not_serve(web, authority):
    web.put(CRL_PATH, authority.crl())
    with desk_at(web) as desk:
        settled(desk)
        for fault, reason in (("close", "network"), ("redirect", "redirect"), ("huge", "too_large"),
                              ("half", "truncated"), ("500", "status"), ("empty", "empty")):
            web.fault(fault, CRL_PATH)
            asked = web.asked(CRL_PATH)
            known = refresh(desk)
            assert known["reason"] == reason and known["state"] == "fresh", "the one in use stays"
            assert web.asked(CRL_PATH) == asked + 1, "no redirect is followed"
        desk.login(), desk.client.call("session.logout"), desk.login()
        assert web.asked(CRL_PATH) == asked + 1, "not again for every login"


@pytest.mark.parametrize("fault, offline", [("hang", "open"), ("hang", "closed"), ("drip", "open")])
def test_a_server_that_hangs_keeps_nobody_waiting(web, authority, fault, offline):
    web.put(CRL_PATH, authority.crl())
    web.fault(fault, CRL_PATH)
    with desk_at(web, offline=offline) as desk:
        assert web.until_asked(CRL_PATH)
        timer = Stopwatch()
        if offline == "open":
            desk.login()
            assert claim(desk) == {"source": "none"}
        else:
            error = desk.refused("pin " + desk.pin)
            assert error.name == "REVOCATION_UNKNOWN" and error.data["reason"] == "not_yet"
        assert timer.took_s() < BUDGET_S + 2 * slowness()
        assert web.asked(CRL_PATH) == 1, "one at a time"


def test_a_session_whose_card_gets_revoked(web, authority):
    web.put(CRL_PATH, authority.crl(number=1))
    with desk_at(web) as desk:
        settled(desk)
        session = desk.login()
        web.put(CRL_PATH, authority.crl("physician", number=2, age=0))
        desk.client.send("trust.refresh")
        event = desk.client.next_event("event.session", change="closed")
        assert event["reason"] == "revoked" and event["epoch"] > session["epoch"]
        assert desk.session() is None
        assert desk.refused("pin " + desk.pin).name == "CERTIFICATE_REVOKED"


def test_revoked_while_the_pin_is_typed(web, authority):
    web.put(CRL_PATH, authority.crl(number=1))
    with desk_at(web) as desk:
        settled(desk)
        desk.pinentry.answers("wait")
        number = desk.client.send("session.login", method="card")
        desk.client.next_event("progress", state="pin")
        web.put(CRL_PATH, authority.crl("physician", number=2, age=0))
        with desk.agent.client() as other:
            other.call("trust.refresh")
        desk.client.call("cancel", id=number)
        assert desk.session() is None
        assert desk.refused("pin " + desk.pin).name == "CERTIFICATE_REVOKED"


def test_a_cache_that_was_tampered_with(web, authority):
    web.put(CRL_PATH, authority.crl())
    with desk_at(web) as desk:
        settled(desk)
        (kept,) = (desk.agent.state / "crl").iterdir()
        web.fault("close", CRL_PATH)
        for content in (b"", b"garbage", authority.crl(key=forged_key()), authority.crl()[:-5]):
            desk.agent.stop()
            kept.write_bytes(content)
            assert restart(desk)["state"] == "none"
        desk.agent.stop()
        kept.unlink()
        os.symlink("/etc/passwd", kept)
        assert restart(desk)["state"] == "none"
