# SPDX-License-Identifier: Apache-2.0
"""The PIN of a card, changed and unblocked by its holder."""
import json
import re
import shutil
import subprocess

import pytest

from cpsworld.agent import RpcError, unprivileged
from cpsworld.desk import Desk
from cpsworld.paths import build_dir
from cpsworld.wait import wait_until

NEW = "1973"


@pytest.fixture(scope="module")
def one_desk():
    with Desk() as it:
        yield it


@pytest.fixture
def desk(one_desk):
    """The desk, with a card as new in its reader, nobody logged in, nothing asked so far."""
    yield one_desk
    one_desk.card.clear_faults()
    one_desk.card.latency(apdu_us=0)
    if one_desk.card.status()["card"] is not None:
        one_desk.card.remove()
    one_desk.card.reload("physician")
    one_desk.card.reset_counters()
    one_desk.pinentry.forget()
    one_desk.card.insert("physician")
    one_desk.client.until_card()
    one_desk.client.notifications.clear()


def ask(desk, method, *answers, **params):
    desk.pinentry.answers(*answers)
    return desk.client.call(method, **params)


def refused(desk, method, *answers, **params):
    with pytest.raises(RpcError) as caught:
        ask(desk, method, *answers, **params)
    return caught.value


def puk(desk):
    return desk.card.cards["physician"]["puk"]


def presented(desk):
    """How often a code was presented to the card, in one command or another."""
    ins = desk.card.counters()["ins"]
    return desk.card.counters()["verifies"] + ins.get("24", 0) + ins.get("2C", ins.get("2c", 0))


# Change -------------------------------------------------------------------------------------------

def test_the_pin_is_changed(desk):
    answer = ask(desk, "card.change_pin", f"pin {desk.pin}", f"pin {NEW}", f"pin {NEW}")
    assert answer["card"]["pin"] == {"tries_left": 3, "blocked": False}
    assert "Essais restants : 3" in desk.pinentry.said("SETDESC")[0]
    error = desk.refused(f"pin {desk.pin}", "cancel")
    assert error.name == "PROMPT_CANCELLED" and desk.card.tries()["pin"] == 2
    assert desk.login(f"pin {NEW}")["method"] == "card"
    log = desk.agent.log.read_text()
    assert "was changed" in log
    for code in (desk.pin, NEW):
        assert not re.search(rf"\b{code}\b", log)


def test_an_independent_program_finds_the_new_pin(desk):
    ask(desk, "card.change_pin", f"pin {desk.pin}", f"twice {NEW}")
    for pin, status in ((desk.pin, 255), (NEW, 0)):
        done = subprocess.run(["pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", pin],
                              env=desk.pcscd.env(), capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == status, done.stdout + done.stderr


def test_a_wrong_current_pin_is_asked_again(desk):
    ask(desk, "card.change_pin", "pin 0000", f"twice {NEW}", f"pin {desk.pin}", f"twice {NEW}")
    tries = [p["params"]["tries_left"] for p in desk.client.notifications
             if p["method"] == "progress"]
    assert tries == [3, 2]
    assert "Code porteur faux." in desk.pinentry.said("SETERROR")
    assert desk.login(f"pin {NEW}")["method"] == "card"


@pytest.mark.parametrize("weak", ["0000", "1234", "123", "abcd"])
def test_what_cannot_be_a_pin_is_never_sent(desk, weak):
    before = presented(desk)
    error = refused(desk, "card.change_pin", f"pin {desk.pin}", f"pin {weak}", "cancel")
    assert error.name == "PROMPT_CANCELLED"
    assert presented(desk) == before and desk.card.tries()["pin"] == 3


@pytest.mark.parametrize("typed", ["12", ""])
def test_a_pinentry_that_never_gives_a_code(desk, typed):
    """A broken one is not asked for as long as the request lives."""
    desk.pinentry.default("pin " + typed)
    try:
        error = desk.refused("pin " + typed)
        assert error.name == "PIN_INVALID" and presented(desk) == 0
        assert desk.pinentry.questions() == 10
    finally:
        desk.pinentry.default("cancel")


def test_the_last_try_of_a_change_is_the_user_s_to_give(desk):
    desk.card.tries(pin=1)
    assert refused(desk, "card.change_pin", "no").name == "PIN_LAST_TRY"
    assert desk.card.tries()["pin"] == 1
    ask(desk, "card.change_pin", "yes", f"pin {desk.pin}", f"twice {NEW}")
    assert desk.card.tries()["pin"] == 3


def test_three_wrong_pins_in_a_change(desk):
    error = refused(desk, "card.change_pin", "pin 0000", f"twice {NEW}", "pin 0001",
                    f"twice {NEW}", "yes", "pin 0002", f"twice {NEW}", "pin 0003")
    assert (error.name, error.data["tries_left"]) == ("PIN_BLOCKED", 0)
    assert desk.pinentry.left() == ["pin 0003"]
    error = refused(desk, "card.change_pin", f"pin {desk.pin}")
    assert error.name == "PIN_BLOCKED" and len(desk.pinentry.left()) == 1, "not even asked"


@pytest.mark.parametrize("method", ["card.change_pin", "card.unblock_pin"])
def test_who_may_stop_it(desk, method):
    assert refused(desk, method, "pin 0000", interaction="none").name == "INTERACTION_REQUIRED"
    assert desk.pinentry.questions() == 0
    assert refused(desk, method, "hang", deadline_ms=1000).name == "DEADLINE_EXCEEDED"
    asked = desk.pinentry.questions()
    desk.pinentry.answers("hang")
    request = desk.client.send(method)
    assert wait_until(lambda: desk.pinentry.questions() > asked)
    assert refused(desk, method).name == "CARD_BUSY", "one question about a card at a time"
    desk.client.call("cancel", id=request)
    with pytest.raises(RpcError, match="CANCELLED"):
        desk.client.wait(request)
    assert wait_until(lambda: not desk.pinentry.alive())
    assert refused(desk, method, "timeout").name == "PROMPT_TIMEOUT"
    with desk.agent.client() as other:
        desk.pinentry.answers("hang")
        other.send(method)
        assert wait_until(desk.pinentry.alive)
    assert wait_until(lambda: not desk.pinentry.alive())
    assert refused(desk, method, reader="none").name == "NO_READER"
    assert presented(desk) == 0


def test_a_card_pulled_while_the_codes_are_typed(desk):
    asked = desk.pinentry.questions()
    desk.pinentry.answers("hang")
    request = desk.client.send("card.change_pin")
    assert wait_until(lambda: desk.pinentry.questions() > asked)
    desk.card.remove()
    with pytest.raises(RpcError, match="CARD_REMOVED"):
        desk.client.wait(request)
    assert wait_until(lambda: not desk.pinentry.alive())
    assert refused(desk, "card.change_pin").name == "NO_CARD"


@pytest.mark.parametrize("when", ["before", "inside"])
def test_a_card_torn_out_while_the_pin_changes(desk, when):
    """Whatever the card did, the answer says that it is not known."""
    desk.card.tear(1, when, ins="24")
    error = refused(desk, "card.change_pin", f"pin {desk.pin}", f"twice {NEW}")
    assert error.name == "CARD_REMOVED"


# Unblocking ---------------------------------------------------------------------------------------

def test_a_blocked_card_is_unblocked(desk):
    desk.card.tries(pin=0)
    answer = ask(desk, "card.unblock_pin", f"pin {puk(desk)}", f"pin {NEW}", f"pin {NEW}")
    assert answer["card"]["pin"] == {"tries_left": 3, "blocked": False}
    description = desk.pinentry.said("SETDESC")[0]
    assert "Essais restants : 10" in description, "those of the PUK"
    assert not desk.card.tries()["verified"]
    assert desk.login(f"pin {NEW}")["method"] == "card"


def test_a_wrong_puk(desk):
    wrong = "00000000"
    error = refused(desk, "card.unblock_pin", f"pin {wrong}", f"twice {NEW}", "cancel")
    assert error.name == "PROMPT_CANCELLED" and desk.card.tries()["puk"] == 9
    assert "PUK" in desk.pinentry.said("SETERROR")[0]
    assert "Essais restants : 9" in desk.pinentry.said("SETDESC")[-1]
    assert refused(desk, "card.unblock_pin", "pin 1234", f"twice {NEW}", "cancel").name == \
        "PROMPT_CANCELLED"
    assert desk.card.tries()["puk"] == 9, "no PUK has four digits: it was not sent"


def test_the_last_try_of_the_puk(desk):
    desk.card.tries(puk=1)
    assert refused(desk, "card.unblock_pin", "no").name == "PIN_LAST_TRY"
    assert "PUK" in desk.pinentry.said("SETDESC")[0]
    assert desk.card.tries()["puk"] == 1
    error = refused(desk, "card.unblock_pin", "yes", "pin 00000000", f"twice {NEW}")
    assert (error.name, error.data["tries_left"]) == ("PUK_BLOCKED", 0)
    assert refused(desk, "card.unblock_pin", "pin 1").name == "PUK_BLOCKED"
    assert desk.pinentry.left() == ["pin 1"]


# On the command line ------------------------------------------------------------------------------

def test_cpsctl_pin(desk):
    directory = desk.agent.dir
    for part in ("lib", "share"):
        shutil.copytree(build_dir() / part, directory / part)
    env = {**desk.agent.environment, "PATH": f"{directory}/bin:/usr/bin:/bin", "TERM": "screen"}

    def run(*words, lang="fr_FR.UTF-8"):
        done = subprocess.run(unprivileged(["cpsctl", *words]), env={**env, "LANGUAGE": lang},
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    desk.pinentry.answers(f"pin {desk.pin}", f"twice {NEW}")
    status, out, err = run("pin", "change")
    assert (status, out) == (0, "Code porteur changé.\n"), err
    assert "Code porteur demandé (essais : 3)" in err
    desk.pinentry.answers(f"pin {puk(desk)}", "twice 8520")
    assert run("pin", "unblock", lang="en")[:2] == (0, "PIN unblocked.\n")
    desk.card.tries(pin=0)
    desk.pinentry.answers()
    status, _, err = run("pin", "change")
    assert status == 8 and "bloqué" in err and "PUK" in err
    status, out, _ = run("pin", "status")
    assert status == 0 and "code porteur bloqué" in out and "une fois pour la session" in out
    assert json.loads(run("pin", "status", "--json")[1])["pin"]["when"] == "session"
    assert run("pin")[0] == run("pin", "forget")[0] == run("pin", "status", "x")[0] == 2
    for words in (("pin", "change", NEW), ("pin", "change", "--pin", NEW)):
        assert run(*words)[0] == 2, "codes are never taken from the command line"
