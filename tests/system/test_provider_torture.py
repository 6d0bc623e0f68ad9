# SPDX-License-Identifier: Apache-2.0
"""The PKCS#11 module with a card, called in every wrong way, and with the card taken away."""
import pytest

from cpsworld.desk import Desk
from cpsworld.provider import Provider, finish, torture


@pytest.fixture(scope="module", name="desk")
def _desk():
    with Desk() as desk:
        desk.provider = Provider(desk.agent)
        yield desk


@pytest.fixture(autouse=True)
def _forgotten(desk):
    """Each test starts with a card that has verified no PIN."""
    desk.pinentry.default("cancel")
    desk.card.swap("physician")
    desk.client.until_card()


@pytest.mark.parametrize("case", ["arguments", "sequences", "threads", "fork"])
def test_torture(desk, case):
    desk.pinentry.answers("pin " + desk.pin)
    finish(torture(desk, case))
    assert desk.card.counters()["verifies"] >= 1


def test_removal_and_insertion(desk):
    desk.pinentry.default("pin " + desk.pin)
    process = torture(desk, "removal")
    assert process.stdout.readline() == "take it out\n"
    desk.card.remove()
    desk.client.next_event("event.card", change="removed")
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "put it in\n"
    desk.card.insert("physician")
    desk.client.until_card()
    desk.client.call("pkcs11.tokens", wait=True)
    finish(process)


def test_a_card_torn_out_while_it_signs(desk):
    desk.login()
    process = torture(desk, "sign")
    assert process.stdout.readline() == "ready\n"
    desk.card.tear(when="inside", ins="88")
    assert finish(process).splitlines()[0] == "0x32"
