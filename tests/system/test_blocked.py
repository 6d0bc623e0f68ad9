# SPDX-License-Identifier: Apache-2.0
"""The local block list: nobody on it logs in, whoever is on it now leaves, at once."""

import pytest

from cpsworld.agent import Agent, RpcError
from cpsworld.desk import Desk
from cpsworld.evil import OIDCD, PROVIDER_SETTINGS, evil
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

PERSON = "899700001011"


def lines_for(desk):
    """A line of each kind that blocks the card in the desk."""
    certificate = desk.client.call("card.certificate", usage="authentication")["serial"]
    card = desk.card.cards["physician"]
    return {"card": f"card {card['serial']}", "certificate": f"certificate {certificate}",
            "person": f"person {card['holder']['national_id']}"}


def block(desk, *lines):
    (desk.agent.config / "blocked.conf").write_text("\n".join(lines) + "\n")
    desk.client.next_event("event.health", component="blocklist", state="up")


def test_blocked_cards_are_refused_before_any_pin():
    with Desk() as desk:
        for kind, line in lines_for(desk).items():
            block(desk, line + "  a note on Mrs X")
            error = desk.refused("pin " + desk.pin)
            assert error.name == "BLOCKED_LOCALLY" and error.data["reason"] == kind
            assert desk.pinentry.questions() == 0 and desk.card.tries()["pin"] == 3
            assert "Mrs X" not in desk.agent.log.read_text() + str(error.data)
        block(desk, "# nobody any more")
        desk.login()


@pytest.mark.parametrize("kind", ["card", "certificate", "person"])
def test_an_open_session_is_closed_at_once(kind):
    with Desk() as desk:
        line = lines_for(desk)[kind]
        session = desk.login()
        block(desk, "card 1", "person 899700002022")
        assert desk.session() is not None, "somebody else is"
        timer = Stopwatch()
        (desk.agent.config / "blocked.conf").write_text(line + "\n")
        event = desk.client.next_event("event.session", change="closed")
        assert timer.took_s() < 1
        assert event["reason"] == "blocked" and event["epoch"] > session["epoch"]
        assert desk.session() is None
        assert wait_until(lambda: not desk.card.tries()["verified"]), "the card is reset"


def test_a_mistake_unblocks_nobody():
    with Desk() as desk:
        line = lines_for(desk)["person"]
        block(desk, line)
        (desk.agent.config / "blocked.conf").write_text("nonsense\n")
        desk.client.next_event("event.health", component="blocklist", state="refused")
        assert desk.refused("pin " + desk.pin).name == "BLOCKED_LOCALLY"
        assert desk.client.call("status")["trust"]["blocked"]["entries"] == 1


def test_other_logins_too():
    """The phone, or the browser, do not lead around the list."""
    oidcd = evil(OIDCD, MARKER="x", TTL=120, LOGIN={})
    with Agent(libexec={"cps-oidcd": oidcd}, settings=PROVIDER_SETTINGS) as agent, \
            agent.client() as client:
        client.call("subscribe")
        client.call("session.login", method="ecps", national_id=PERSON)
        (agent.config / "blocked.conf").write_text(f"person {PERSON}\n")
        assert client.next_event("event.session", change="closed")["reason"] == "blocked"
        with pytest.raises(RpcError, match="BLOCKED_LOCALLY"):
            client.call("session.login", method="ecps", national_id=PERSON)
        assert client.call("session.current")["session"] is None


def test_an_authority_that_is_not_trusted_any_more():
    with Desk() as desk:
        desk.login()
        for path in (desk.agent.config / "trust" / "test").iterdir():
            path.unlink()
        event = desk.client.next_event("event.session", change="closed")
        assert event["reason"] == "untrusted"
        assert desk.refused("pin " + desk.pin).name == "CERTIFICATE_UNTRUSTED"
