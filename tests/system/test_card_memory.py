# SPDX-License-Identifier: Apache-2.0
"""A card that comes back: whose it is at once, nothing on disk, and nothing believed for long."""

import os
import shutil

import pytest

from cpsworld import CardSet, Pcscd, VirtualCard
from cpsworld.agent import Agent, RpcError
from cpsworld.desk import Desk

KINDS = {"physician": 3, "variant": 3, "contactless": 2, "cps4": 3, "cps4-t1": 3,
         "cps4-variant": 4}  # recognised by two selections, one of them in vain


def come_back(desk, name):
    """Takes the card out and in again; how many APDUs it takes until it is known whose it is."""
    desk.card.remove()
    desk.client.next_event("event.card", change="removed")
    desk.card.reset_counters()
    desk.card.insert(name)
    desk.client.until_card()
    return desk.card.counters()["apdus"]


@pytest.mark.parametrize("name,most", KINDS.items())
def test_identity_of_a_card_seen_before(name, most):
    with Desk(insert=name) as desk:
        (first,) = desk.client.call("card.list")["cards"]
        assert come_back(desk, name) <= most
        (again,) = desk.client.call("card.list")["cards"]
        assert again.pop("card_id") != first.pop("card_id")
        assert again == first
        # Another one in between, the tries of the PIN as they are now.
        come_back(desk, "nurse")
        if again.get("pin"):
            desk.card.tries(pin=2, card=name)
        assert come_back(desk, name) <= most
        (later,) = desk.client.call("card.list")["cards"]
        assert later["serial"] == first["serial"]
        assert later.get("pin", {}).get("tries_left") == (2 if again.get("pin") else None)


def test_a_login_with_a_card_seen_before():
    with Desk() as desk:
        desk.login()
        before = come_back(desk, "physician")
        session = desk.login()
        assert session["holder"]["national_id"] == \
            desk.card.cards["physician"]["holder"]["national_id"]
        assert desk.card.counters()["verifies"] == 1
        assert before <= 3


def test_nothing_of_it_is_on_disk():
    with Desk() as desk:
        come_back(desk, "physician")
        serial = desk.card.cards["physician"]["serial"].encode()
        certificate = desk.card.cards.certificate("physician").read_bytes()[100:200]
        for directory, _, names in os.walk(desk.agent.dir):
            for name in names:
                path = os.path.join(directory, name)
                if not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                assert serial not in content and certificate not in content, path


def test_a_card_made_anew_with_the_same_number(tmp_path):
    """The first signature tells: no session is opened, the card is read as it is, and works."""
    ours = CardSet()
    shutil.copytree(ours.dir, tmp_path / "other")
    for kind in ("key", "der"):
        shutil.copy(ours.cards / "nurse" / f"aut.{kind}",
                    tmp_path / "other" / "cards" / "physician" / f"aut.{kind}")
    other = CardSet(tmp_path / "other")
    with Pcscd() as pcscd, Agent(pcscd, anchors=[ours.chain]) as agent, agent.client() as client:
        client.call("subscribe")
        with VirtualCard(pcscd, insert="physician", cards=ours):
            client.until_card()
        client.next_event("event.card", change="removed")
        with VirtualCard(pcscd, insert="physician", cards=other) as slot:
            client.until_card()
            before = client.call("card.certificate", usage="authentication")
            agent.pinentry.answers("pin 1234")
            with pytest.raises(RpcError) as error:
                client.call("session.login", method="card")
            assert error.value.name == "CARD_PROTOCOL"
            assert client.call("session.current")["session"] is None
            client.next_event("event.card", change="removed")
            client.until_card()
            after = client.call("card.certificate", usage="authentication")
            assert before != after
            agent.pinentry.answers("pin 1234")
            client.call("session.login", method="card")
            assert slot.tries()["pin"] == 3
