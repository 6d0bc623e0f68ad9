# SPDX-License-Identifier: Apache-2.0
"""Readers with keys of their own: a handler for pcscd that does PC/SC 2 part 10 in front of the
virtual card. No real reader of that kind was used."""

import pytest

from cpsworld.agent import RpcError
from cpsworld.desk import Desk
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

NEW = "1973"


@pytest.fixture(scope="module", name="one")
def _one():
    with Desk(pad=True) as it:
        yield it


@pytest.fixture(name="desk")
def _desk(one):
    """A card as new, nobody logged in; a message on the screen stays until it is taken away."""
    one.pinentry.default("hang")
    yield one
    one.pcscd.type_on_pad()
    if one.session() is not None:
        one.client.call("session.logout")
    one.card.remove()
    one.card.reload("physician")
    one.pinentry.forget()
    one.card.insert("physician")
    one.client.until_card()
    one.client.notifications.clear()


def start(desk, op="session.login", /, **params):
    """A request of which the message is on the screen."""
    shown = len(desk.pinentry.said("SETDESC"))
    number = desk.client.send(op, **({"method": "card"} if op == "session.login" else {}), **params)
    assert wait_until(lambda: len(desk.pinentry.said("SETDESC")) > shown), "nothing was shown"
    return number


def type_each(desk, *lines):
    """Types each line once another message asks for it; the first is on the screen."""
    for number, line in enumerate(lines, 1):
        assert wait_until(lambda: len(on_pad(desk)) >= number), "nothing was shown"
        desk.pcscd.type_on_pad(line)


def on_pad(desk):
    """The messages shown so far."""
    return [text for text in desk.pinentry.said("SETDESC") if "touches du lecteur" in text]


def login(desk):
    """A login that needs nobody at the screen."""
    desk.pcscd.type_on_pad(desk.pin)
    return desk.client.call("session.login", method="card")


def refused(desk, number):
    with pytest.raises(RpcError) as caught:
        desk.client.wait(number)
    return caught.value


def gone(desk):
    return wait_until(lambda: not desk.pinentry.alive())


def test_login_on_the_reader(desk):
    assert desk.client.call("card.list")["cards"][0]["pin_pad"]
    request = start(desk)
    assert "touches du lecteur" in desk.pinentry.said("SETDESC")[0]
    assert "Essais restants : 3" in desk.pinentry.said("SETDESC")[0]
    assert desk.client.next_event("progress", state="pin_pad")["tries_left"] == 3
    desk.pcscd.type_on_pad(desk.pin)
    assert desk.client.wait(request)["amr"] == ["sc", "pin", "hwk", "mfa"]
    assert desk.pinentry.questions() == 0, "no entry field anywhere"
    assert gone(desk), "the message goes with the answer"


def test_what_the_reader_is_told(desk):
    """Four digits, ASCII, left justified, no padding, thirty seconds, in French."""
    before = len(desk.pcscd.pad_blocks())
    login(desk)
    (block,) = desk.pcscd.pad_blocks()[before:]
    head, apdu = block[:38], block[38:]
    assert head == "1E1E8204000404" + "02" + "01" + "0C04" + "00" + "000000" + "09000000"
    assert apdu[:6] == "002000" and apdu[8:] == "04FFFFFFFF"
    desk.pcscd.type_on_pad(f"{desk.pin} {NEW} {NEW}")
    desk.client.call("card.change_pin")
    block = desk.pcscd.pad_blocks()[-1]
    head, apdu = block[:48], block[48:]
    assert head == "1E1E8204000004" + "0404" + "03" + "02" + "03" + "0C04" + "000102" + "000000" \
        + "0D000000"
    assert apdu[:6] == "002400" and apdu[8:] == "08" + "FF" * 8


def test_a_wrong_pin_is_asked_again_and_the_last_try_confirmed(desk):
    desk.pinentry.answers("hang", "hang", "yes", "hang")
    request = start(desk)
    type_each(desk, "0000", "0000", "0000")
    error = refused(desk, request)
    assert (error.name, error.data["tries_left"]) == ("PIN_BLOCKED", 0)
    descriptions = desk.pinentry.said("SETDESC")
    assert "Code porteur faux." in descriptions[1] and "Essais restants : 2" in descriptions[1]
    assert "un seul essai" in descriptions[2]
    assert desk.card.tries()["pin"] == 0


@pytest.mark.parametrize("typed, name", [("cancel", "PROMPT_CANCELLED"),
                                         ("timeout", "PROMPT_TIMEOUT")])
def test_given_up_on_the_reader(desk, typed, name):
    request = start(desk)
    desk.pcscd.type_on_pad(typed)
    assert refused(desk, request).name == name
    assert gone(desk)
    assert desk.card.tries()["pin"] == 3
    assert login(desk)["method"] == "card"


def test_change_on_the_reader(desk):
    change = start(desk, "card.change_pin")
    type_each(desk, f"{desk.pin} {NEW} 1111", f"{desk.pin} {NEW} {NEW}")
    assert desk.client.wait(change)["card"]["pin"]["tries_left"] == 3
    assert len(on_pad(desk)) == 2, "the two new ones differed, nothing was sent"
    desk.pcscd.type_on_pad(NEW)
    assert desk.client.call("session.login", method="card")["method"] == "card"


def test_the_puk_is_typed_on_the_screen(desk):
    """Readers know how to put a PIN into a command, two commands they do not."""
    desk.card.tries(pin=0)
    desk.pinentry.answers(f"pin {desk.card.cards['physician']['puk']}", f"twice {NEW}")
    assert desk.client.call("card.unblock_pin")["card"]["pin"]["tries_left"] == 3


@pytest.mark.parametrize("how", ["message", "cancel", "deadline"])
def test_given_up_on_the_screen(desk, how):
    """The reader waits for keys and cannot be told to stop: its cardop is killed, the answer comes
    at once; the reader stops by itself, and then the card is there again."""
    desk.pinentry.answers("slow 1500 x" if how == "message" else "hang")
    timer = Stopwatch()
    request = start(desk, **({"deadline_ms": 3000} if how == "deadline" else {}))
    if how == "cancel":
        desk.client.call("cancel", id=request)
    error = refused(desk, request)
    assert error.name == {"message": "PROMPT_CANCELLED", "cancel": "CANCELLED",
                          "deadline": "DEADLINE_EXCEEDED"}[how]
    assert timer.took_s() < 4 * slowness()
    assert gone(desk)
    desk.client.next_event("event.card", change="changed")
    desk.pcscd.type_on_pad("cancel")
    assert wait_until(lambda: not desk.pcscd.pad_left())
    desk.client.until_card()
    assert login(desk)["method"] == "card"
    assert desk.card.tries()["pin"] == 3


def test_the_reader_is_not_asked_when_the_configuration_says_so():
    with Desk(pad=True, settings="[pin]\npad = no\n") as desk:
        assert not desk.client.call("card.list")["cards"][0]["pin_pad"]
        assert desk.login()["method"] == "card"
        assert desk.pinentry.questions() == 1


def test_a_cps4_on_the_reader():
    """Its change is two commands: two turns at the keys."""
    with Desk(insert="cps4", pad=True) as desk:
        desk.pinentry.default("hang")
        desk.pcscd.type_on_pad(desk.pin, f"{NEW} {NEW}")
        desk.client.call("card.change_pin")
        desk.pcscd.type_on_pad(NEW)
        assert desk.client.call("session.login", method="card")["card"]["family"] == "CPS4"
