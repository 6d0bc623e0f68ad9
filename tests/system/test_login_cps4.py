# SPDX-License-Identifier: Apache-2.0
"""Login by a CPS4 through the whole agent, alone and with a CPS3 in the reader beside it."""

import base64
import json

import pytest

from cpsworld import VirtualCard
from cpsworld.agent import RpcError
from cpsworld.desk import Desk
from cpsworld.wait import wait_until


def claims_of(desk):
    statement = desk.client.call("statement.get", audience="dpi", nonce="12345678")["statement"]
    body = statement.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_a_login_and_its_statement():
    with Desk(insert="cps4") as desk:
        (card,) = desk.client.call("card.list")["cards"]
        known = desk.card.cards["cps4"]
        assert card["state"] == "ready" and card["family"] == "CPS4"
        session = desk.login()
        assert session["card"]["family"] == "CPS4"
        claims = claims_of(desk)
        assert claims["national_id"] == known["holder"]["national_id"]
        assert claims["amr"] == ["sc", "pin", "hwk", "mfa"]
        assert claims["card"]["family"] == "CPS4"
        assert known["serial"] not in json.dumps(claims)
        assert desk.card.counters()["verifies"] == 1
        desk.client.call("session.logout")
        wait_until(lambda: not desk.card.tries()["verified"])
        assert not desk.card.tries()["verified"]  # a real logout resets the card


def test_a_wrong_pin_then_the_right_one():
    with Desk(insert="cps4") as desk:
        session = desk.login("pin 0000", "pin " + desk.pin)
        assert session["holder"]["national_id"] == desk.card.cards["cps4"]["holder"]["national_id"]
        assert desk.card.counters()["verifies"] == 2
        assert desk.card.tries()["pin"] == 3


def reader_of(desk, family):
    return next(card["reader"] for card in desk.client.call("card.list")["cards"]
                if card["family"] == family)


def test_two_readers():
    """Each card is chosen by its reader; the other one leaves the session alone."""
    with Desk(insert="cps4") as desk, VirtualCard(
            desk.pcscd, slot=1, insert="physician", cards=desk.card.cards) as other:
        while {card["state"] for card in desk.client.call("card.list")["cards"]} != {"ready"} or \
                len(desk.client.call("card.list")["cards"]) < 2:
            desk.client.next_event("event.card", 10)
        desk.login("pin " + desk.card.cards["physician"]["pin"], reader=reader_of(desk, "CPS3"))
        assert claims_of(desk)["card"]["family"] == "CPS3"
        desk.login("pin " + desk.card.cards["cps4"]["pin"], reader=reader_of(desk, "CPS4"))
        assert claims_of(desk)["card"]["family"] == "CPS4"
        other.remove()
        assert claims_of(desk)["card"]["family"] == "CPS4"
        desk.card.remove()
        assert wait_until(lambda: desk.session() is None)  # told a moment after pcscd knows
        with pytest.raises(RpcError, match="NO_SESSION"):
            claims_of(desk)
