# SPDX-License-Identifier: Apache-2.0
"""Practice situations of the virtual cards: read, chosen, stated, by programs and by people."""
import base64
import json
import os
import subprocess
import sys

import pytest

from cpsworld.agent import RpcError, unprivileged
from cpsworld.desk import Desk
from cpsworld.paths import SOURCE_DIR

AUDIENCE = {"audience": "https://dpi.example", "nonce": "n-0S6_WzA2Mj"}


def claims(desk):
    return payload(desk.client.call("statement.get", **AUDIENCE)["statement"])


def payload(jws):
    part = jws.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def run(desk, *command):
    done = subprocess.run(
        unprivileged([str(part) for part in command]), capture_output=True, text=True, timeout=60,
        env={**desk.agent.environment, "CPS_AGENT_SOCK": str(desk.agent.socket)})
    return done.returncode, done.stdout, done.stderr


def cpsctl(desk, *arguments):
    return run(desk, desk.agent.bin / "cpsctl", *arguments)


# Practice situations -----------------------------------------------------------------------------

def as_told(practice):
    return {"number": practice["number"], "structure_name": practice["name"],
            "structure_id": practice["structure"], "sector": practice["sector"]}


@pytest.mark.parametrize("name", ["locum", "cps4"])
def test_practice_situations_of_a_card(name):
    with Desk(insert=name) as desk:
        practices = desk.card.cards[name]["practices"]
        session = desk.login()
        assert session["practice_choice_needed"] and session["practice"] is None
        state = desk.client.call("session.practice")
        raws = [situation.pop("raw") for situation in state["situations"]]
        assert state["situations"] == [as_told(practice) for practice in practices]
        assert all(base64.urlsafe_b64decode(raw + "==")[0] == 0xEE for raw in raws)
        last = practices[-1]
        desk.client.call("session.practice", number=last["number"])
        assert claims(desk)["practice"] == as_told(last), "all of one situation"
        desk.client.call("session.logout")
        assert desk.login()["practice"] == as_told(last), "remembered"
        assert desk.card.tries()["pin"] == 3


@pytest.mark.parametrize("name, told", [("physician", True), ("variant", False)])
def test_what_the_certificate_tells_is_not_read_from_the_card(name, told):
    """The variant's certificate has no code of speciality: the card's own object has."""
    with Desk(insert=name) as desk:
        known = desk.card.cards[name]["holder"]["speciality"]
        (card,) = desk.client.call("card.list")["cards"]
        assert ("speciality" in card["holder"]) == told
        assert desk.login()["holder"]["speciality"] == known
        assert claims(desk)["holder"]["speciality"] == known


def test_the_only_situation_is_chosen():
    with Desk(insert="nurse") as desk:
        (practice,) = desk.card.cards["nurse"]["practices"]
        assert desk.login()["practice"] == as_told(practice)
        assert claims(desk)["practice"] == as_told(practice)


def test_situations_cost_the_first_signature_nothing():
    """They are read after it."""
    with Desk(insert="locum") as desk:
        before = desk.card.counters()
        session = desk.login()
        after = desk.card.counters()
        assert session["practice_choice_needed"]
        assert after["rsa_ops"] - before["rsa_ops"] == 1
        assert after["verifies"] - before["verifies"] == 1


def test_a_card_torn_out_while_situations_are_read():
    """Whichever APDU it is: the login fails because the card is gone, or had succeeded before."""
    with Desk(insert="locum") as desk:
        desk.login()
        desk.client.call("session.logout")
        desk.card.reset_counters()
        desk.login()
        total = desk.card.counters()["apdus"]
        desk.client.call("session.logout")
        for at, when in zip(range(total, total - 6, -1), 2 * ("before", "inside", "after")):
            desk.card.tear(at=at, when=when)
            try:
                desk.login()
            except RpcError as error:
                assert error.name == "CARD_REMOVED", at
            desk.card.clear_faults()
            if not desk.card.status()["card"]:
                desk.card.insert("locum")
            desk.client.until_card()
            assert desk.card.tries()["pin"] == 3


@pytest.mark.parametrize("sw", ["6A82", "6F00", "6982"])
def test_a_card_that_refuses_its_situations(sw):
    with Desk(insert="physician") as desk:
        desk.login()
        desk.client.call("session.logout")
        desk.card.reset_counters()
        desk.login()
        total = desk.card.counters()["apdus"]
        desk.client.call("session.logout")
        desk.card.inject(sw, at=total - 3, times=1)
        session = desk.login()
        assert session["amr"] == ["sc", "pin", "hwk", "mfa"]
        state = desk.client.call("session.practice")
        known = [as_told(practice) for practice in desk.card.cards["physician"]["practices"]]
        for situation in state["situations"]:
            situation.pop("raw")
            assert situation in known, "whole, or not there"


# The command line and the example ----------------------------------------------------------------

def test_the_command_line_lists_chooses_and_forgets():
    with Desk(insert="locum") as desk:
        assert cpsctl(desk, "practice")[0] == 6, "nobody is there"
        desk.pinentry.answers("pin " + desk.pin)
        status, out, err = cpsctl(desk, "login")
        assert status == 0 and "situation d'exercice à choisir : cpsctl practice" in out, err
        status, out, _ = cpsctl(desk, "practice")
        assert status == 0 and "   9  CLINIQUE DE L'ÉTANG (600000000000067) SA02" in out
        assert "*" not in out and "À choisir" in out
        assert cpsctl(desk, "practice", "2")[0] == 1
        assert cpsctl(desk, "practice", "neuf")[0] == 2
        assert cpsctl(desk, "practice", "9", "--forget")[0] == 2
        status, out, _ = cpsctl(desk, "practice", "9")
        assert status == 0 and "*  9  CLINIQUE" in out and "retenu" in out
        status, out, _ = cpsctl(desk, "status")
        assert "situation d'exercice : CLINIQUE DE L'ÉTANG (600000000000067) SA02" in out
        status, out, _ = cpsctl(desk, "practice", "--json")
        assert json.loads(out)["chosen"] == 9
        status, out, _ = cpsctl(desk, "practice", "--forget")
        assert status == 0 and "retenu" not in out and "*  9" in out
        desk.client.call("session.logout")
        assert desk.login()["practice_choice_needed"]


def test_the_example_of_a_patient_record():
    example = SOURCE_DIR / "docs" / "examples" / "dpi.py"
    with Desk(insert="locum") as desk:
        copy = desk.agent.bin / "dpi.py"
        copy.write_text(example.read_text())
        desk.pinentry.answers("pin " + desk.pin)
        status, out, err = run(desk, sys.executable, copy, "https://dpi.example", "n-0S6_WzA2Mj",
                               "9")
        assert status == 0, err
        told = payload(out)
        assert told["practice"]["number"] == 9 and told["aud"] == "https://dpi.example"
        assert told["nonce"] == "n-0S6_WzA2Mj" and "SA02" in err
        status, _, err = run(desk, sys.executable, copy, "https://dpi.example", "n-0S6_WzA2Mj",
                             "2")
        assert status == 1 and "PRACTICE_UNKNOWN" in err
        lines = example.read_text().splitlines()
        assert len(lines) <= 66 and os.access(example, os.X_OK)
