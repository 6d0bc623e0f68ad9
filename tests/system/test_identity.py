# SPDX-License-Identifier: Apache-2.0
"""Who holds which card: the virtual cards, the real helpers."""
import base64
import json
import subprocess
import time

import pytest

from cpsworld import VirtualCard
from cpsworld.agent import Agent, RpcError, unprivileged
from cpsworld.desk import Desk
from cpsworld.wait import wait_until

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
        assert error.name == "CARD_NOT_NOMINATIVE" and "administrator" in error.data["advice_en"]
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
        assert "Session : Lou SPECIMEN (H3V-0042)" in out and "people.d" in out


def test_a_mapping_never_renames_a_person():
    with Desk(people={"other": CLERK.replace("common_name = 100000000000018/00042",
                                             "card = 29900101")}) as desk:
        holder = shown(desk)["holder"]
        assert holder["source"] == "certificate" and holder["family_name"] != "SPECIMEN"
        assert desk.login()["holder"]["national_id"] == holder["national_id"]


def test_a_mistake_in_a_mapping_stops_the_start():
    agent = Agent(people={"good": CLERK, "wrong": CLERK.replace("family_name", "famly_name")})
    agent.start(wait=False)
    assert agent.process.wait(30) != 0
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
        assert wait_until(lambda: desk.session() is None)


def test_a_card_with_contacts_goes_first():
    """Nobody has to name a reader because another card lies on the contactless one."""
    with Desk(insert="contactless") as desk, \
            VirtualCard(desk.pcscd, slot=1, cards=desk.card.cards, insert="nurse") as other:
        while len(desk.client.call("card.list")["cards"]) < 2:
            desk.client.next_event("event.card", change="inserted")
        while any(card["state"] == "reading" for card in desk.client.call("card.list")["cards"]):
            desk.client.next_event("event.card", change="ready")
        desk.pinentry.answers("pin " + other.cards["nurse"]["pin"])
        session = desk.client.call("session.login", method="card")
        assert session["card"]["reader"] == other.reader


@pytest.mark.parametrize("card", ["physician", "cps4", "contactless"])
def test_certificates_of_a_card(card):
    """The one in memory, and those that are read when asked for."""
    with Desk(insert=card) as desk:
        own = "tech" if card == "contactless" else "aut"
        known = desk.card.cards[card]["certificates"]
        assert desk.client.call("card.certificate")["usage"] == {
            "tech": "technical", "aut": "authentication"}[own]
        names = {"authentication": "aut", "signature": "sig", "technical": "tech"}
        for usage, name in names.items():
            try:
                answer = desk.client.call("card.certificate", usage=usage)
            except RpcError as error:
                assert error.name == "CARD_UNSUPPORTED"
                assert (name == "tech") != (own == "tech")
                continue
            assert answer["usage"] == usage
            assert int(answer["serial"], 16) == known[name]["serial"]
            assert answer["certificate"].startswith("-----BEGIN CERTIFICATE-----")
