# SPDX-License-Identifier: Apache-2.0
"""How long a PIN typed once serves, and when the card forgets it."""
import pytest

from cpsworld.desk import Desk
from cpsworld.wait import wait_until

NEW = "1973"


@pytest.fixture
def desk():
    with Desk() as it:
        yield it


def policy(desk):
    return desk.client.call("status")["policy"]["pin"]


def test_the_session_policy(desk):
    assert policy(desk) == {"when": "session", "verified": []}
    desk.login()
    (card,) = policy(desk)["verified"]
    assert card["reader"] == desk.card.reader and 14000 < card["seconds_left"] <= 14400
    assert desk.card.tries()["verified"]
    desk.client.call("session.logout")
    assert policy(desk)["verified"] == []
    assert wait_until(lambda: not desk.card.tries()["verified"])


def test_each_use():
    with Desk(settings="[pin]\npolicy = each_use\n") as desk:
        session = desk.login()
        assert wait_until(lambda: not desk.card.tries()["verified"]), "reset once it was used"
        assert policy(desk) == {"when": "each_use", "verified": []}
        assert desk.session() == session, "the session goes on"
        assert desk.login(fresh=True)["epoch"] > session["epoch"]
        assert desk.pinentry.questions() == 2


def test_minutes():
    with Desk(settings="[pin]\npolicy = minutes\nminutes = 5\n") as desk:
        desk.login()
        assert policy(desk)["when"] == "minutes" and policy(desk)["minutes"] == 5
        assert 290 <= policy(desk)["verified"][0]["seconds_left"] <= 300


def test_a_change_ends_what_the_old_pin_opened(desk):
    desk.login()
    desk.pinentry.answers(f"pin {desk.pin}", f"twice {NEW}")
    desk.client.call("card.change_pin")
    assert policy(desk)["verified"] == []
    assert wait_until(lambda: not desk.card.tries()["verified"])
    assert desk.session() is not None
