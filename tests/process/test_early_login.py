# SPDX-License-Identifier: Apache-2.0
"""Logins asked for before the agent knows which cards and which providers there are: whoever wakes it
by its socket says so in its first lines."""
import base64
import contextlib
import json

import pytest

from cpsworld import CardSet
from cpsworld.agent import Agent, RpcError, failure
from cpsworld.evil import CARDOP, OIDCD, PROMPT, SPOKEN_CARDWATCH, evil, misbehave
from cpsworld.wait import wait_until

READER = {"event": "reader", "reader": "Reader 00", "present": True, "mute": False, "atr": "3B00",
          "events": 1}
STATEMENT = {"audience": "dpi", "nonce": "n-0S6_WzA2Mj"}
PERSON = "899700001011"


class Cards(Agent):
    """Its card service says nothing until the test does."""

    def __init__(self):
        cards = CardSet()
        der = base64.urlsafe_b64encode(cards.certificate("physician", "aut").read_bytes())
        card = {"CERTIFICATE": der.rstrip(b"=").decode(),
                "KEY": (cards.cards / "physician" / "aut.key").read_text()}
        super().__init__(anchors=[cards.chain], libexec={
            "cps-cardwatch": evil(SPOKEN_CARDWATCH), "cps-prompt": evil(PROMPT, PIN="1234"),
            "cps-cardop": evil(CARDOP, **card)})

    def say(self, *events):
        fifo = self.dir / "home" / "cardwatch"
        assert wait_until(fifo.exists)
        with open(fifo, "wb", buffering=0) as said:
            for event in ({"event": "pcsc", "state": "up"}, *events, {"event": "beat"}):
                said.write(json.dumps(event).encode() + b"\n")


def served(client):
    """All that was sent is under way."""
    client.call("keys.jwks")


def test_what_follows_a_login_by_card_waits_for_it():
    with Cards() as agent, agent.client() as client, agent.client() as other:
        login = client.send("session.login", method="card")
        following = client.send("statement.get", **STATEMENT)
        same = other.send("session.login", method="card")
        served(client), served(other)
        assert failure(other, other.send("statement.get", deadline_ms=100, **STATEMENT)) == \
            "DEADLINE_EXCEEDED", "it follows the login of its own connection"
        agent.say(READER)
        epoch = client.wait(login)["epoch"]
        assert client.wait(following)["statement"] and other.wait(same)["epoch"] == epoch


@pytest.mark.parametrize("end", ["no reader", "cancelled", "late", "alone"])
def test_a_login_by_card_that_never_begins(end):
    with Cards() as agent, agent.client() as client:
        client.call("subscribe")
        login = client.send("session.login", method="card", deadline_ms=300 if end == "late" else
                            60000)
        following = client.send("statement.get", **STATEMENT)
        served(client)
        if end == "no reader":
            agent.say()
            assert failure(client, login) == "NO_READER"
        elif end == "cancelled":
            client.call("cancel", id=login)
            assert failure(client, login) == "CANCELLED"
        elif end == "late":
            assert failure(client, login) == "DEADLINE_EXCEEDED"
        else:
            client.call("cancel", id=following)
            assert failure(client, following) == "CANCELLED"
            agent.say(READER)
            assert client.wait(login)["method"] == "card"
            return
        assert failure(client, following) == "NO_SESSION"
        agent.say(READER)
        client.until_card()
        assert client.call("session.current")["session"] is None, "nobody asked any more"


@contextlib.contextmanager
def providers(fault):
    """Which providers there are is known when that is over."""
    with Agent(libexec={"cps-oidcd": evil(OIDCD, TTL=60, MARKER="t", LOGIN={})}) as agent:
        agent.stop()
        misbehave(agent, "cps-oidcd", "providers", fault)
        agent.start()
        with agent.client() as client:
            yield client


@pytest.mark.parametrize("method", ["ecps", "browser"])
def test_what_follows_a_login_by_a_provider_waits_for_it(method):
    who = {"national_id": PERSON} if method == "ecps" else {}
    with providers("time.sleep(0.3); honest(request)") as client:
        login = client.send("session.login", method=method, **who)
        following = client.send("token.get")
        assert client.wait(login)["method"] == method
        assert client.wait(following)["token"]


@pytest.mark.parametrize("fault", ["exits", "garbage", "a result of text"])
def test_providers_that_cannot_be_told(fault):
    with providers(fault) as client:
        login = client.send("session.login", method="ecps", national_id=PERSON)
        following = client.send("token.get")
        assert failure(client, login) in ("PROVIDER_UNKNOWN", "COMPONENT_FAILED")
        assert failure(client, following) == "NO_SESSION"


def test_who_names_a_provider_waits_for_no_list():
    with providers("stops") as client:
        with pytest.raises(RpcError, match="INVALID_PARAMS"):
            client.call("session.login", method="ecps", provider="test")
        late = client.send("session.login", method="ecps", national_id=PERSON, deadline_ms=200)
        assert failure(client, late) == "DEADLINE_EXCEEDED"
