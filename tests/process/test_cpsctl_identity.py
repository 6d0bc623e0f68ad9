# SPDX-License-Identifier: Apache-2.0
"""What cpsctl prints of holders and of practice situations, in both languages."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from cpsworld.fake_agent import Error, FakeAgent

CPSCTL = str(pathlib.Path(os.environ["CPS_BUILD_DIR"]) / "bin" / "cpsctl")
CARD = {"reader": "R", "card_id": "c1", "state": "ready", "family": "CPS3", "serial": "29900101",
        "interface": "contact", "type": "CPS", "not_before": 1700000000, "not_after": 1900000000,
        "pin": {"tries_left": 3, "blocked": False}}
PERSON = {"source": "certificate", "name": "ADELINE VALMONT1011", "national_id": "899700001011",
          "profession": "Médecin", "profession_code": "10", "speciality": "SM26",
          "structure": {"name": "CABINET", "id": "499700000000010"}}
NOBODY = {"source": "certificate", "common_name": "100000000000018/00042"}
MAPPED = {"source": "mapping", "name": "Lou SPECIMEN", "internal_id": "H3V-0042",
          "common_name": "100000000000018/00042"}
PRACTICE = {"number": 9, "structure_name": "CLINIQUE DE L'ÉTANG", "structure_id": "600000000000067",
            "sector": "SA02"}
SESSION = {"id": "s", "epoch": 7, "method": "card", "amr": ["sc"], "auth_time": 1700000000,
           "expires_at": 4000000000, "presence": "card", "psc": None, "holder": PERSON,
           "card": {"reader": "R", "family": "CPS3"}, "practice": None,
           "practice_choice_needed": False}
STATE = {"situations": [{"number": 1, "sector": "SA07"}, {**PRACTICE, "raw": "AAAA"}, {"number": 12}],
         "chosen": None, "practice": None, "choice_needed": True, "remembered": False, "epoch": 7}


@pytest.fixture(name="start")
def _start(tmp_path):
    fakes = []

    def start(**answers):
        directory = tmp_path / str(len(fakes))
        directory.mkdir()
        fake = FakeAgent(str(directory), {k.replace("_", ".", 1): v for k, v in answers.items()})
        fakes.append(fake)
        return fake

    yield start
    for fake in fakes:
        fake.__exit__()


def run(fake, *args, lang="fr_FR.UTF-8"):
    env = {k: v for k, v in os.environ.items() if k not in ("LANGUAGE", "LC_ALL")}
    done = subprocess.run([CPSCTL, *args], capture_output=True, text=True, timeout=60, check=False,
                          env={**env, "CPS_AGENT_SOCK": fake.path, "LANG": lang, "TZ": "UTC"})
    return done.returncode, done.stdout, done.stderr


def card(start, lang="fr_FR.UTF-8", **members):
    fake = start(card_list={"cards": [{**CARD, **members}], "epoch": 7})
    status, out, err = run(fake, "card", lang=lang)
    assert (status, err) == (0, "")
    return out


def test_a_person(start):
    assert card(start, holder=PERSON).splitlines() == [
        "R : carte CPS3 29900101, prête, essais restants : 3",
        "  porteur : ADELINE VALMONT1011 (899700001011)", "  profession : Médecin (10) SM26",
        "  structure : CABINET (499700000000010)",
        "  certificat : CPS, du 2023-11-14 au 2030-03-17"]
    assert card(start, lang="en_US.UTF-8", holder=PERSON).splitlines()[1:] == [
        "  holder: ADELINE VALMONT1011 (899700001011)", "  profession: Médecin (10) SM26",
        "  structure: CABINET (499700000000010)",
        "  certificate: CPS, from 2023-11-14 to 2030-03-17"]


def test_nobody_is_not_a_person(start):
    out = card(start, holder=NOBODY, type=None)
    assert "ne nomme personne : 100000000000018/00042" in out and "porteur :" not in out
    assert "type inconnu" in out
    out = card(start, lang="en_US.UTF-8", holder=NOBODY, interface="contactless", pin=None)
    assert "names nobody: 100000000000018/00042" in out and "contactless: asks for no PIN" in out


def test_a_mapped_person_is_told_as_such(start):
    out = card(start, holder=MAPPED)
    assert "porteur : Lou SPECIMEN (H3V-0042)" in out
    assert "nom donné par ce poste (people.d), non par la carte" in out
    out = run(start(session_login={**SESSION, "holder": MAPPED}), "login", lang="en_GB.UTF-8")[1]
    assert "Lou SPECIMEN (H3V-0042)" in out
    assert "name given by this station (people.d), not by the card" in out


def test_hostile_holders_do_not_drive_the_terminal(start):
    out = card(start, holder={"source": "certificate", "common_name": "\x1b[2J\x9b",
                              "structure": {"name": "a\nb\x07"}})
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", out)
    assert len(out.splitlines()) == 4


def test_the_practice_situation_of_a_session(start):
    out = run(start(session_login={**SESSION, "practice": PRACTICE}), "login")[1]
    assert "situation d'exercice : CLINIQUE DE L'ÉTANG (600000000000067) SA02" in out
    fake = start(session_login={**SESSION, "practice_choice_needed": True})
    assert "à choisir : cpsctl practice" in run(fake, "login")[1]
    assert "to be chosen: cpsctl practice" in run(fake, "login", lang="en_US.UTF-8")[1]


def test_listing_and_choosing(start):
    fake = start(session_practice=STATE)
    status, out, _ = run(fake, "practice")
    assert status == 0 and out.splitlines() == [
        "   1  SA07", "   9  CLINIQUE DE L'ÉTANG (600000000000067) SA02", "  12  sans précision",
        "À choisir : cpsctl practice NUMÉRO"]
    assert "number" not in fake.asked("session.practice")[0]
    assert json.loads(run(fake, "practice", "--json")[1]) == STATE
    fake = start(session_practice={**STATE, "chosen": 9, "choice_needed": False,
                                   "remembered": True})
    status, out, _ = run(fake, "practice", "9", "--epoch", "7", lang="en_US.UTF-8")
    assert "*  9  CLINIQUE" in out and "This choice is remembered on this station" in out
    asked = fake.asked("session.practice")[0]
    assert asked["number"] == 9 and asked["epoch"] == 7 and "forget" not in asked
    run(fake, "practice", "--forget")
    assert fake.asked("session.practice")[-1]["forget"] is True


def test_nothing_to_choose_from(start):
    empty = {**STATE, "situations": [], "choice_needed": False}
    assert run(start(session_practice=empty), "practice")[1] == "Aucune situation d'exercice.\n"
    failed = {**empty, "error": "CARD_PROTOCOL"}
    assert "non lues : La carte a donné une réponse inattendue.\n" in run(start(session_practice=failed), "practice")[1]


@pytest.mark.parametrize("args", [["x"], ["0"], ["-3"], ["9", "10"], ["9x"], ["--number", "9"],
                                  ["99999999999999999999"]])
def test_words_that_are_no_number(start, args):
    fake = start(session_practice=STATE)
    assert run(fake, "practice", *args)[0] == 2
    assert not fake.asked("session.practice")


@pytest.mark.parametrize("name, status", [
    ("CARD_NOT_NOMINATIVE", 7), ("CARD_CONTACTLESS", 7), ("PRACTICE_UNKNOWN", 1),
    ("NO_SESSION", 6)])
def test_exit_statuses(start, name, status):
    fake = start(session_login=Error(name), session_practice=Error(name))
    for command in (["login"], ["practice", "3"]):
        code, _, err = run(fake, *command)
        assert code == status and "→" in err
