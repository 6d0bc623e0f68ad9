# SPDX-License-Identifier: Apache-2.0
"""Who holds which card, and where they practise: the virtual cards, the real helpers."""
import base64
import json
import os
import subprocess
import sys
import time

import pytest

from cpsworld.agent import Agent, RpcError, unprivileged
from cpsworld.desk import Desk
from cpsworld.paths import SOURCE_DIR

AUDIENCE = {"audience": "https://dpi.example", "nonce": "n-0S6_WzA2Mj"}
CLERK = """[person]
common_name = 100000000000018/00042
family_name = SPECIMEN
given_name = Lou
internal_id = H3V-0042
"""
TECHNICAL = "[person]\ncard = 29900101\nfamily_name = VALMONT1011\nnational_id = 99700001011\n"


def claims(desk):
    part = desk.client.call("statement.get", **AUDIENCE)["statement"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def run(desk, *command):
    done = subprocess.run(
        unprivileged([str(part) for part in command]), capture_output=True, text=True, timeout=60,
        env={**desk.agent.environment, "CPS_AGENT_SOCK": str(desk.agent.socket)})
    return done.returncode, done.stdout, done.stderr


def cpsctl(desk, *arguments):
    return run(desk, desk.agent.bin / "cpsctl", *arguments)


def shown(desk):
    (card,) = desk.client.call("card.list")["cards"]
    return card


# Who holds the card ------------------------------------------------------------------------------

@pytest.mark.parametrize("name, family", [("physician", "CPS3"), ("cps4", "CPS4")])
def test_a_person_is_named_in_full(name, family):
    with Desk(insert=name) as desk:
        card, known = shown(desk), desk.card.cards[name]
        holder = known["holder"]
        assert card["family"] == family and card["type"] == "CPS"
        assert card["interface"] == "contact"
        assert card["not_before"] < time.time() < card["not_after"]
        assert card["holder"] == {
            "source": "certificate", "name": f"{holder['given_name']} {holder['family_name']}",
            "family_name": holder["family_name"], "given_name": holder["given_name"],
            "national_id": holder["national_id"], "national_id_type": "RPPS",
            "profession": holder["title"], "profession_code": holder["profession"],
            **({"speciality": holder["speciality"]} if holder["speciality"] else {})}
        session = desk.login()
        told = claims(desk)
        assert session["card"]["type"] == told["card"]["type"] == "CPS"
        assert told["holder"]["profession_code"] == holder["profession"]
        assert told["holder"]["source"] == "certificate"


def test_a_card_that_names_nobody_is_no_person():
    with Desk(insert="cpe") as desk:
        card, structure = shown(desk), desk.card.cards["cpe"]["structure"]
        assert card["type"] == "CPE" and card["state"] == "ready"
        assert card["holder"] == {
            "source": "certificate", "common_name": structure["common_name"],
            "structure": {"name": structure["name"], "locality": structure["locality"],
                          "id": structure["identifier"]}}
        error = desk.refused()
        assert error.name == "CARD_NOT_NOMINATIVE" and "people.d" in error.data["advice_en"]
        assert desk.pinentry.questions() == 0 and desk.card.tries()["pin"] == 3
        assert desk.session() is None
        status, out, _ = cpsctl(desk, "card")
        assert status == 0 and f"ne nomme personne : {structure['common_name']}" in out
        assert structure["name"] in out
        status, _, err = cpsctl(desk, "login")
        assert status == 7 and "Cette carte ne dit pas qui la porte." in err


def test_a_card_that_names_nobody_and_a_site_that_says_who():
    with Desk(insert="cpe", people={"accueil": CLERK}) as desk:
        assert shown(desk)["holder"]["source"] == "mapping"
        session = desk.login()
        assert session["holder"]["name"] == "Lou SPECIMEN"
        told = claims(desk)
        assert told["sub"] == "H3V-0042" and told["name"] == "Lou SPECIMEN"
        assert "national_id" not in told
        assert told["holder"]["source"] == "mapping"
        assert told["holder"]["structure"]["id"] == "100000000000018"
        assert told["amr"] == ["sc", "pin", "hwk", "mfa"] and told["card"]["type"] == "CPE"
        _, out, _ = cpsctl(desk, "status")
        assert "Session de Lou SPECIMEN (H3V-0042)" in out and "people.d" in out


def test_a_mapping_never_renames_a_person():
    with Desk(people={"other": CLERK.replace("common_name = 100000000000018/00042",
                                             "card = 29900101")}) as desk:
        holder = shown(desk)["holder"]
        assert holder["source"] == "certificate" and holder["family_name"] != "SPECIMEN"
        assert desk.login()["holder"]["national_id"] == holder["national_id"]


def test_a_mistake_in_a_mapping_stops_the_start():
    agent = Agent(people={"good": CLERK, "wrong": CLERK.replace("family_name", "famly_name")})
    agent.start(wait=False)
    assert agent.process.wait(10) != 0
    log = agent.log.read_text()
    assert "wrong.conf, line 3" in log and "famly_name" in log
    agent.close()


# Contactless -------------------------------------------------------------------------------------

def test_a_contactless_card_names_itself_and_opens_nothing():
    with Desk(insert="contactless") as desk:
        card = shown(desk)
        assert card["interface"] == "contactless" and "pin" not in card
        assert card["holder"] == {"source": "certificate",
                                  "common_name": "8025000001/0029900101"}
        assert desk.refused().name == "CARD_CONTACTLESS"
        status, out, _ = cpsctl(desk, "card")
        assert "sans contact : ne demande pas de code" in out
        status, _, err = cpsctl(desk, "login")
        assert status == 7 and "lecteur à contact" in err
        assert desk.card.counters()["rsa_ops"] == 0 and desk.pinentry.questions() == 0


def test_a_contactless_card_where_the_site_allows_it():
    with Desk(insert="contactless", people={"adeline": TECHNICAL},
              settings="[session]\ncontactless = allow\n") as desk:
        session = desk.client.call("session.login", method="card", interaction="none")
        assert session["amr"] == ["sc", "hwk"] and session["practice"] is None
        told = claims(desk)
        assert told["amr"] == ["sc", "hwk"] and told["sub"] == "899700001011"
        assert told["holder"]["source"] == "mapping"
        assert desk.pinentry.questions() == 0
        desk.card.remove()
        assert desk.session() is None


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
        assert cpsctl(desk, "practice", "9", "--forget")[0] == 1
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
        part = out.strip().split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        assert told["practice"]["number"] == 9 and told["aud"] == "https://dpi.example"
        assert told["nonce"] == "n-0S6_WzA2Mj" and "SA02" in err
        status, _, err = run(desk, sys.executable, copy, "https://dpi.example", "n-0S6_WzA2Mj",
                             "2")
        assert status == 1 and "PRACTICE_UNKNOWN" in err
        lines = example.read_text().splitlines()
        assert len(lines) <= 66 and os.access(example, os.X_OK)
