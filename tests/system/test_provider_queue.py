# SPDX-License-Identifier: Apache-2.0
"""Many programs on one card: the order they are served in, and those who leave."""
import base64
import time

import pytest

from cpsworld.agent import RpcError
from cpsworld.desk import Desk

RSA_US = 150000
DATA = base64.urlsafe_b64encode(b"0" * 51).decode()


@pytest.fixture(scope="module", name="desk")
def _desk():
    with Desk() as desk:
        desk.login()
        (token,) = desk.client.call("pkcs11.tokens", wait=True)["tokens"]
        desk.card_id = token["card_id"]
        desk.card.latency(rsa_us=RSA_US)
        yield desk


def ask(desk, client, **params):
    return client.send("pkcs11.sign", **{"card_id": desk.card_id, "usage": "authentication",
                                         "mechanism": "RSA_PKCS", "data": DATA, **params})


def served_in_turn(desk):
    """Six programs ask: how long each waits after the one before it."""
    clients = [desk.agent.client() for _ in range(6)]
    numbers = []
    for client in clients:
        numbers.append(ask(desk, client))
        desk.client.call("status")  # the agent has seen it: two at one moment have no order
    done = []
    for client, number in zip(clients, numbers):
        client.wait(number)
        done.append(time.monotonic())
    for client in clients:
        client.socket.close()
    return [after - before for before, after in zip(done, done[1:])]


def test_first_come_first_served(desk):
    """One after the other, in the order of the requests; what a machine that stands still shows as
    answered at one moment has no order, so it may take another look."""
    assert any(min(served_in_turn(desk)) > RSA_US / 1e6 / 2 for _ in range(3))


def test_who_leaves_leaves_the_queue(desk):
    """A program that is gone, one that cancels and one out of time cost the others nothing."""
    before = desk.card.counters()["rsa_ops"]
    desk.card.mute()  # the first keeps the card until all of that has happened
    first, gone, cancels, late, last = (desk.agent.client() for _ in range(5))
    number = ask(desk, first)
    ask(desk, gone)
    cancelled, overdue = ask(desk, cancels), ask(desk, late, deadline_ms=50)
    served = ask(desk, last)
    gone.socket.close()
    cancels.call("cancel", id=cancelled)
    for client, refused, name in ((cancels, cancelled, "CANCELLED"),
                                  (late, overdue, "DEADLINE_EXCEEDED")):
        with pytest.raises(RpcError) as caught:
            client.wait(refused)
        assert caught.value.name == name
    desk.card.mute(False)
    first.wait(number)
    last.wait(served)
    assert desk.card.counters()["rsa_ops"] == before + 2
    for client in (first, cancels, late, last):
        client.socket.close()


def test_a_card_removed_fails_the_whole_queue_at_once(desk):
    clients = [desk.agent.client() for _ in range(5)]
    numbers = [ask(desk, client) for client in clients]
    desk.card.remove(wait=False)
    for client, number in zip(clients, numbers):
        try:
            client.wait(number, timeout_s=30)
        except RpcError as error:
            assert error.name == "CARD_REMOVED"
    with pytest.raises(RpcError, match="CARD_REMOVED"):
        clients[0].wait(ask(desk, clients[0]))
    desk.client.next_event("event.card", change="removed")
    for client in clients:
        client.socket.close()


def test_another_insertion_is_another_card(desk):
    desk.card.latency(rsa_us=0)
    desk.card.insert("physician")
    desk.client.until_card()
    with pytest.raises(RpcError, match="CARD_REMOVED"):
        desk.client.wait(ask(desk, desk.client))
    (token,) = desk.client.call("pkcs11.tokens", wait=True)["tokens"]
    assert token["card_id"] != desk.card_id


def test_interaction_none_never_asks(desk):
    (token,) = desk.client.call("pkcs11.tokens", wait=True)["tokens"]
    asked = desk.pinentry.questions()
    for usage in ("authentication", "signature"):
        with pytest.raises(RpcError, match="INTERACTION_REQUIRED"):
            desk.client.wait(ask(desk, desk.client, card_id=token["card_id"], usage=usage,
                                 interaction="none"))
    assert desk.pinentry.questions() == asked
