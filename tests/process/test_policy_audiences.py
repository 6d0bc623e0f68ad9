# SPDX-License-Identifier: Apache-2.0
"""Several sections about one program: what holds for a request goes by its audience."""
import json
import re

import pytest

from cpsworld.agent import failure
from cpsworld.evil import PROVIDER_SETTINGS
from cpsworld.paths import SOURCE_DIR
from cpsworld.program import Program, executable
from cpsworld.ruled import (PERSON, World, claims_of, cpsctl, error_of, login, questions, statement)
from cpsworld.wait import wait_until

RECORD, SHARED, LABS = "https://dpi.example", "https://dmp.example", "https://labs.example"

RULES = f"""[dpi]
program = {{dpi}}
audiences = {RECORD}
methods = session.* statement.get
tokens = none
lifetime = 60

[dmp]
program = {{dpi}}
audiences = {SHARED}
confirm = statement
lifetime = 20
counter_signature = no

[others]
program = {{dpi}}
audiences = https://*.example
interaction = no
confirm = statement

[test]
program = {{dpi}}
audiences = test
methods = token.get
tokens = access
"""


@pytest.fixture(scope="module", name="ruled")
def _ruled():
    with World(settings=PROVIDER_SETTINGS + "[statement]\ncounter_signature = yes\n") as agent, \
            agent.client() as root:
        agent.root = root
        yield agent


@pytest.fixture(name="agent")
def _agent(ruled):
    """With these rules, nothing remembered, and somebody at the desk."""
    ruled.root.call("policy.revoke")
    assert ruled.reload(RULES, "") == []
    ruled.pinentry.forget()
    ruled.pinentry.default("cancel")
    if ruled.root.call("session.current")["session"] is None:
        login(ruled.root)
    return ruled


def lifetime(dpi, audience):
    claims = claims_of(dpi.wait(statement(dpi, audience))["statement"])
    assert claims["aud"] == audience
    return claims["exp"] - claims["iat"]


def test_what_is_given_goes_by_audience(agent):
    agent.pinentry.answers("yes", "no")
    with Program(agent) as dpi:
        assert lifetime(dpi, RECORD) == 60 and questions(agent) == 0
        assert lifetime(dpi, SHARED) == 20 and questions(agent) == 1
        assert error_of(dpi, statement(dpi, SHARED)) == ("CONSENT_REFUSED", "once")
        assert lifetime(dpi, RECORD) == 60, "between the others as before"
        assert failure(dpi, statement(dpi, LABS)) == "INTERACTION_REQUIRED"
        assert failure(dpi, statement(dpi, "urn:other")) == "NOT_ALLOWED"
        assert failure(dpi, statement(dpi, RECORD, counter_sign=True)) == "NO_CARD"
        assert failure(dpi, statement(dpi, SHARED, counter_sign=True)) in (
            "CONSENT_REFUSED", "NOT_ALLOWED")
    assert questions(agent) == 3 and SHARED in agent.pinentry.said("SETDESC")[0]


def test_a_counter_signature_goes_by_audience(agent):
    agent.reload(RULES.replace("confirm = statement\n", ""))
    with Program(agent) as dpi:
        assert failure(dpi, statement(dpi, RECORD, counter_sign=True)) == "NO_CARD"
        assert failure(dpi, statement(dpi, SHARED, counter_sign=True)) == "NOT_ALLOWED"
        assert failure(dpi, statement(dpi, LABS, counter_sign=True)) == "NO_CARD"


def test_methods_and_tokens_go_by_audience(agent):
    """The audience of the session's own tokens is their provider."""
    with Program(agent) as dpi:
        assert dpi.call("token.get", provider="test")["token"]
        assert dpi.call("token.get"), "the one of the session, named or not"
        assert failure(dpi, dpi.send("token.get", kind="id")) == "NOT_ALLOWED"
        assert failure(dpi, statement(dpi, "test")) == "NOT_ALLOWED", "not among its methods"
        assert failure(dpi, dpi.send("status")) == "NOT_ALLOWED"
        assert dpi.call("session.current")["session"], "what has no audience goes by the first"
    agent.reload(RULES.replace("methods = token.get", "methods = token.introspect"))
    with Program(agent) as dpi:
        assert failure(dpi, dpi.send("token.get")) == "NOT_ALLOWED"


def test_what_is_asked_just_after_a_login_is_no_way_round(agent):
    """When such a call comes, nobody is at the desk, and its audience is not known yet."""
    agent.reload("[dpi]\nprogram = {dpi}\ntokens = access\n"
                 "[test]\nprogram = {dpi}\naudiences = test\nmethods = token.introspect\n")
    agent.root.call("session.logout")
    with Program(agent) as dpi:
        numbers = [dpi.send("session.login", method="ecps", national_id=PERSON),
                   dpi.send("token.introspect", online=False), dpi.send("token.get")]
        assert dpi.wait(numbers[0]) and dpi.wait(numbers[1])["active"]
        assert failure(dpi, numbers[2]) == "NOT_ALLOWED"


def test_nobody_is_asked_on_the_way_round_either(agent):
    agent.reload("[dpi]\nprogram = {dpi}\n"
                 "[test]\nprogram = {dpi}\naudiences = test\ninteraction = no\n")
    agent.root.call("session.logout")
    with Program(agent) as dpi:
        numbers = [dpi.send("session.login", method="ecps", national_id=PERSON),
                   dpi.send("token.get")]
        assert dpi.wait(numbers[0])
        assert failure(dpi, numbers[1]) == "INTERACTION_REQUIRED" and questions(agent) == 0


def test_the_user_narrows_by_audience(agent):
    agent.reload(None, "[dpi]\nprogram = {dpi}\n[dpi-r]\nprogram = {dpi}\n"
                       f"audiences = {RECORD} urn:other\nlifetime = 10\nconfirm = statement\n")
    agent.pinentry.answers("yes")
    with Program(agent) as dpi:
        assert lifetime(dpi, RECORD) == 10 and questions(agent) == 1
        assert failure(dpi, statement(dpi, "urn:other")) == "NOT_ALLOWED"


def test_rules_that_come_during_the_question(agent):
    """What counts in the end is what the rules say of that audience by then."""
    agent.pinentry.answers("held x")
    with Program(agent) as dpi:
        number = statement(dpi, SHARED)
        assert wait_until(lambda: questions(agent) == 1)
        agent.reload(RULES.replace(f"audiences = {SHARED}", "audiences = urn:else")
                     .replace("audiences = https://*.example", "audiences = urn:more"))
        agent.pinentry.release()
        assert failure(dpi, number) == "NOT_ALLOWED"
        assert lifetime(dpi, RECORD) == 60


@pytest.mark.parametrize("section, line, why", [
    (f"audiences = urn:more {SHARED}\n", 3, f"audiences: [dmp] has it for the same program: {SHARED}"),
    ("lifetime = 5\n", 2, "program: as in [dpi]: audiences must say for whom"),
    ("audiences = urn:more\nsignature = no\n", 4,
     "signature: goes by program and not by audience: say it in [dpi]")])
def test_a_mistake_changes_nothing_and_is_shown(agent, section, line, why):
    line += RULES.count("\n")
    (refused,) = agent.reload(f"{RULES}[again]\nprogram = {{dpi}}\n{section}")
    assert f"[again] {why}" in refused["error"] and f"line {line};" in refused["error"]
    with Program(agent) as dpi:
        assert lifetime(dpi, RECORD) == 60
        assert failure(dpi, statement(dpi, "urn:more")) == "NOT_ALLOWED"
    for command in ("status", "policy"):
        assert f"line {line}" in cpsctl(agent, command)


def checked(agent, *words):
    path = executable(agent, "dpi")
    return (json.loads(cpsctl(agent, "--json", "policy", "check", path, *words)),
            cpsctl(agent, "policy", "check", path, *words))


def test_check_says_what_holds_for_an_audience(agent):
    answer, text = checked(agent, "--audience", SHARED)
    assert (answer["site"]["section"], answer["site"]["part_of"]) == ("dmp", "dpi")
    assert answer["decisions"] == {"statement": "ask", "access": "allow", "id": "refuse",
                                   "exchange": "refuse", "proxy": "ask"}
    assert (answer["lifetime_s"], answer["counter_signature"]) == (20, False)
    for said in ("[dmp] du site, fichier 10-site.conf", "le reste comme dans [dpi]",
                 "attestation : demandé à la personne connectée", "20 s"):
        assert said in text, text
    assert "[others]" not in text and "[dpi] du site" not in text
    answer, text = checked(agent, "--audience", RECORD)
    assert answer["site"]["section"] == "dpi" and answer["decisions"]["statement"] == "allow"
    answer, text = checked(agent, "--audience", "test")
    assert "statement.get" not in answer["methods"] and "token.get" in answer["methods"]
    assert "session.login" in answer["methods"], "what has no audience goes by the first"


def test_check_without_an_audience_lists_the_sections(agent):
    answer, text = checked(agent)
    assert answer["site"]["section"] == "dpi" and "part_of" not in answer["site"]
    assert [part["section"] for part in answer["parts"]] == ["dmp", "others", "test"]
    assert "statement" not in answer["decisions"]
    for said in ("[dpi] du site", "Pour certains destinataires (--audience) :", "[dmp] du site",
                 f"audiences = {SHARED}", "Pour les autres :"):
        assert said in text, text
    rules = agent.root.call("policy.list")["rules"]
    assert [rule.get("part_of") for rule in rules] == [None, "dpi", "dpi", "dpi"]


def test_the_rules_of_the_guide_say_what_it_says(agent):
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", (SOURCE_DIR / "docs" / "policy.md").read_text(), re.M)
    rules = [block for block in blocks if re.search(r"^ {4}(program|origin) =", block, re.M)]
    assert len(rules) >= 3
    assert agent.reload("".join(re.sub("^ {4}", "", block, flags=re.M) for block in rules)) == []

    def say(audience):
        said = agent.root.call("policy.check", program="/opt/dpi/bin/messagerie", audience=audience)
        return said["decisions"]["statement"], said["decisions"]["exchange"], said["lifetime_s"]

    assert say("https://messagerie.hopital.example") == ("allow", "refuse", 120)
    assert say("https://a.mssante.example") == ("ask", "refuse", 30)
    assert say("https://other.example") == ("refuse", "refuse", 120)
    assert say("annuaire")[1] == "ask"
    assert "statement.get" not in agent.root.call(
        "policy.check", program="/opt/dpi/bin/messagerie", audience="annuaire")["methods"]
