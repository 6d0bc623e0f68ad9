# SPDX-License-Identifier: Apache-2.0
"""Revocation lists: good, forged, stale, gone back, large; online and offline."""
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from cpsworld import CardSet
from cpsworld.agent import own
from cpsworld.authority import (CRL_PATH, CRL_URL, DELTA_INDICATOR, UNKNOWN_EXTENSION,
                                Authority, forged_key)
from cpsworld.desk import Desk
from cpsworld.paths import slowness
from cpsworld.revocation import claim, desk_at, refresh, restart, settled
from cpsworld.stopwatch import Stopwatch
from cpsworld.web import Web


@pytest.fixture(name="authority", scope="module")
def _authority():
    return Authority(CardSet())


@pytest.fixture(name="web")
def _web():
    with Web() as web:
        yield web


def test_a_good_card(web, authority):
    web.put(CRL_PATH, authority.crl(age=600, more=3))
    with desk_at(web, offline="closed") as desk:
        known = settled(desk)
        assert known["url"] == CRL_URL and known["state"] == "fresh" and known["entries"] == 3
        assert 600 <= known["age_s"] < 660 and "error" not in known
        assert known["next_update"] - known["this_update"] == 86400
        desk.login()
        said = claim(desk)
        assert said["source"] == "crl" and 600 <= said["age"] < 660
        assert web.asked(CRL_PATH) == 1, "a fresh list is not asked for again"
        (kept,) = (desk.agent.state / "crl").iterdir()
        assert kept.read_bytes() == web.files[CRL_PATH]
        assert kept.stat().st_mode & 0o777 == 0o600
        assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_revoked_online_then_offline(web, authority):
    web.put(CRL_PATH, authority.crl("physician", reason=x509.ReasonFlags.key_compromise))
    with desk_at(web) as desk:
        settled(desk)
        for turn in ("online", "offline", "offline, long after"):
            error = desk.refused("pin " + desk.pin)
            assert error.name == "CERTIFICATE_REVOKED" and error.data["reason"] == "keyCompromise"
            assert "since 20" in error.data["causes"][0], turn
            assert desk.pinentry.questions() == 0 and desk.session() is None
            assert desk.card.tries()["pin"] == 3
            # The next agent has nothing but what was kept.
            web.fault("close", CRL_PATH)
            desk.agent.stop()
            if turn == "offline":
                (kept,) = (desk.agent.state / "crl").iterdir()
                kept.write_bytes(authority.crl("physician", age=90000,
                                               reason=x509.ReasonFlags.key_compromise))
                own(kept)
            restart(desk)


def test_offline_without_any_list(web):
    web.fault("close", CRL_PATH)
    with desk_at(web) as desk:
        known = settled(desk)
        assert known["state"] == "none" and known["error"]
        desk.login()
        assert claim(desk) == {"source": "none"}
    with desk_at(web, offline="closed") as desk:
        settled(desk)
        error = desk.refused("pin " + desk.pin)
        assert error.name == "REVOCATION_UNKNOWN" and desk.session() is None


def test_off_asks_nobody(web, authority):
    web.put(CRL_PATH, authority.crl("physician"))
    with desk_at(web, policy="off", offline="closed") as desk:
        desk.login()
        assert claim(desk) == {"source": "none"} and web.requests == []


@pytest.mark.parametrize("card", ["foreign-ca", "forged-ca", "expired"])
def test_nothing_is_fetched_for_a_card_of_nobody(web, card):
    with desk_at(web, policy="crl+ocsp", insert=card) as desk:
        assert desk.refused("pin 0000").name.startswith("CERTIFICATE_")
        assert web.requests == []


# What may be wrong with a list: reason -> arguments of Authority.crl().
IDP = x509.IssuingDistributionPoint


def point(url=None, **only):
    flags = {"only_contains_user_certs": False, "only_contains_ca_certs": False,
             "only_some_reasons": None, "indirect_crl": False,
             "only_contains_attribute_certs": False, **only}
    names = [x509.UniformResourceIdentifier(url)] if url else None
    return IDP(full_name=names, relative_name=None, **flags), True


BAD = {
    "signature": [{"key": forged_key()}],
    "issuer": [{"name": "TEST AC ETRANGERE"}],
    "algorithm": [{"digest": hashes.SHA1()}],
    "future": [{"age": -3600}],
    "delta": [{"extensions": [(x509.DeltaCRLIndicator(1), True)]}],
    "indirect": [{"extensions": [point(CRL_URL, indirect_crl=True)]},
                 {"more": 1, "entry": (x509.CertificateIssuer(
                     [x509.UniformResourceIdentifier("http://x")]), True)}],
    "scope": [{"extensions": [point(CRL_URL, only_contains_ca_certs=True)]},
              {"extensions": [point(CRL_URL, only_contains_attribute_certs=True)]},
              {"extensions": [point(CRL_URL + "x")]},
              {"extensions": [point(CRL_URL, only_some_reasons=frozenset(
                  [x509.ReasonFlags.key_compromise]))]}],
    "critical": [{"extensions": [(x509.UnrecognizedExtension(UNKNOWN_EXTENSION, b"\x05\x00"),
                                  True)]},
                 {"more": 1, "entry": (x509.UnrecognizedExtension(UNKNOWN_EXTENSION, b"\x05\x00"),
                                       True)}],
}


def test_lists_that_are_refused(web, authority):
    """Each for its own reason; a login goes on, without a source, or does not, by the policy."""
    assert DELTA_INDICATOR.dotted_string == "2.5.29.27"
    web.fault("404", CRL_PATH)
    with desk_at(web) as desk:
        assert settled(desk)["reason"] == "status"
        web.fault(None, CRL_PATH)
        for reason, cases in BAD.items():
            for arguments in cases:
                web.put(CRL_PATH, authority.crl(**arguments))
                known = refresh(desk)
                assert known["state"] == "none" and known["reason"] == reason, (arguments, known)
        for content in (b"<html>portal</html>", b"\x30\x80", authority.crl()[:-1],
                        authority.crl() + b"\0", bytes(100)):
            web.put(CRL_PATH, content)
            assert refresh(desk)["reason"] == "malformed"
        desk.login()
        assert claim(desk) == {"source": "none"}
        # Good ones, as odd as they may be.
        for number, extensions in ((1, [point(CRL_URL)]), (2, [point(only_contains_user_certs=True)]),
                                   (3, [(x509.UnrecognizedExtension(UNKNOWN_EXTENSION, b"\5\0"),
                                         False)])):
            web.put(CRL_PATH, authority.crl(number=number, extensions=extensions))
            known = refresh(desk)
            assert known["state"] == "fresh" and "error" not in known, known
        assert claim(desk)["source"] == "crl", "an open session follows"
        assert list((desk.agent.state / "crl").iterdir()) != []


def test_a_list_that_goes_back(web, authority):
    web.put(CRL_PATH, authority.crl(number=300, age=60))
    with desk_at(web) as desk:
        assert settled(desk)["state"] == "fresh"
        for reason, content in (("number_back", authority.crl(number=299, age=30)),
                                ("number_back", authority.crl(number=7, age=30)),
                                ("number_back", authority.crl(number=None, age=30)),
                                ("older", authority.crl(number=300, age=90)),
                                ("malformed", b"x")):
            web.put(CRL_PATH, content)
            known = refresh(desk)
            assert known["reason"] == reason and known["state"] == "fresh", "the one in use stays"
            assert 60 <= known["age_s"] < 90
        web.put(CRL_PATH, authority.crl(number=2**60, age=30))
        known = refresh(desk)
        assert "reason" not in known and known["age_s"] < 60


def test_a_stale_list(web, authority):
    web.put(CRL_PATH, authority.crl("nurse", age=86400, lifetime=3600))
    with desk_at(web) as desk:
        assert settled(desk)["state"] == "stale"
        desk.login()
        assert claim(desk) == {"source": "none"}
    with desk_at(web, offline="closed") as desk:
        settled(desk)
        error = desk.refused("pin " + desk.pin)
        assert error.name == "REVOCATION_UNKNOWN" and error.data["reason"] == "expired"
    with desk_at(web, insert="nurse") as desk:
        settled(desk)
        assert desk.refused("pin " + desk.pin).name == "CERTIFICATE_REVOKED", "it stays so"
    # Older than the administrator lets a list be.
    web.put(CRL_PATH, authority.crl(age=7300, lifetime=864000))
    with Desk(trust=f"proxy = {web.proxy}\ncrl_max_age_h = 2\n") as desk:
        assert settled(desk)["state"] == "stale"


def test_a_large_list_keeps_nobody_waiting(web, authority):
    """Five megabytes: read elsewhere, while the agent answers."""
    web.put(CRL_PATH, authority.large_crl(190000))
    assert len(web.files[CRL_PATH]) > 5_000_000
    with desk_at(web, offline="closed") as desk, desk.agent.client() as other:
        worst, end = 0, time.monotonic() + 60
        while time.monotonic() < end:
            timer = Stopwatch()
            lists = other.call("status")["trust"]["revocation"]["lists"]
            worst = max(worst, timer.took_s())
            if lists and lists[0]["state"] == "fresh":
                break
        print(f"slowest answer while a list of {len(web.files[CRL_PATH])} bytes was read: "
              f"{worst * 1000:.1f} ms")
        assert lists[0]["entries"] == 190000 and worst < 0.1 * slowness()
        desk.login()
        assert claim(desk)["source"] == "crl"
