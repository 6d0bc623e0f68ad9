# SPDX-License-Identifier: Apache-2.0
"""Rules for programs, questions about those that no rule names, what is remembered of them."""
import contextlib
import json
import stat

import pytest

from cpsworld.agent import failure
from cpsworld.evidence import evidence_lines
from cpsworld.program import Program, executable
from cpsworld.ruled import (NONCE, OTHER, PERSON, World, claims_of, cpsctl, error_of, login,
                            questions, statement)
from cpsworld.wait import wait_until


@pytest.fixture(scope="module", name="asking")
def _asking():
    with World() as agent, agent.client() as root:
        login(root)
        agent.root = root
        yield agent


@pytest.fixture(name="agent")
def _agent(asking):
    """The one that asks, with nothing remembered and somebody at the desk."""
    asking.root.call("policy.revoke")
    asking.reload("", "")
    asking.pinentry.forget()
    asking.pinentry.default("cancel")
    if asking.root.call("session.current")["session"] is None:
        login(asking.root)
    return asking


# Consent -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("answer, said", [("yes", None), ("no", "remembered"), ("cancel", "once")])
def test_an_answer_is_asked_once(agent, answer, said):
    agent.pinentry.answers(answer)
    for again in range(2):
        with Program(agent) as dpi:
            number = statement(dpi)
            if said is None:
                assert dpi.wait(number)["statement"]
            elif again == 0 or said == "remembered":
                assert error_of(dpi, number) == ("CONSENT_REFUSED", said)
            else:  # closed: it is asked again
                agent.pinentry.answers("yes")
                assert dpi.wait(number)
    assert questions(agent) == (2 if said == "once" else 1)


def test_what_the_question_says(agent):
    agent.pinentry.answers("yes", "no")
    display = {"lang": "en_GB.UTF-8"}
    with Program(agent) as dpi, Program(agent, hello={"display": display}) as english:
        assert dpi.wait(statement(dpi))
        assert error_of(english, english.send("token.get")) == ("CONSENT_REFUSED", "remembered")
    french, other = agent.pinentry.said("SETDESC")
    assert dpi.path in french and "une attestation de connexion" in french
    assert "dpi.example" in french and "La réponse sera retenue." in french
    assert dpi.path in other and "an access token" in other and PERSON in other
    assert agent.pinentry.said("SETNOTOK") == ["Refuser", "Refuse"]
    assert agent.pinentry.said("SETCANCEL") == ["Pas maintenant", "Not now"]


@pytest.mark.parametrize("answer, name", [("timeout", "PROMPT_TIMEOUT"),
                                          ("crash", "COMPONENT_FAILED"),
                                          ("noterm", "PROMPT_UNAVAILABLE")])
def test_a_question_that_fails_is_no_answer(agent, answer, name):
    agent.pinentry.answers(answer, "yes")
    with Program(agent) as dpi:
        assert failure(dpi, statement(dpi)) == name
        assert agent.root.call("policy.list")["answers"] == []
        assert dpi.wait(statement(dpi))


def test_each_need_has_its_own_question(agent):
    agent.pinentry.default("yes")
    with Program(agent) as dpi, Program(agent, "other") as other:
        for number in (statement(dpi), statement(dpi, "other.example"), dpi.send("token.get"),
                       dpi.send("token.get", kind="id"), statement(dpi), dpi.send("token.get")):
            dpi.wait(number)
        other.wait(statement(other))
    assert questions(agent) == 5
    answers = agent.root.call("policy.list")["answers"]
    assert [(a["kind"], a["audience"], a["allowed"], a["mine"]) for a in answers] == [
        ("statement", "dpi.example", True, True), ("statement", "other.example", True, True),
        ("access", "test", True, True), ("id", "test", True, True),
        ("statement", "dpi.example", True, True)]


def test_a_yes_to_one_program_is_none_to_another(agent):
    """Both ask for the same at the same moment."""
    agent.pinentry.answers("held x", "no")
    with Program(agent) as dpi, Program(agent, "other") as other:
        first = statement(dpi)
        assert wait_until(lambda: questions(agent) == 1)
        second = statement(other)
        agent.root.call("policy.list")  # it has been read
        agent.pinentry.release()
        assert dpi.wait(first)
        assert error_of(other, second) == ("CONSENT_REFUSED", "remembered")


def test_one_question_for_all_who_need_it(agent):
    agent.pinentry.answers("slow 300 x")
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(Program(agent)) for _ in range(3)]
        numbers = [(client, statement(client)) for client in many for _ in range(4)]
        for client, number in numbers:
            assert client.wait(number)["statement"]
    assert questions(agent) == 1


def test_questions_do_not_hold_anybody_up(agent):
    agent.pinentry.answers("hang")
    with Program(agent) as dpi, Program(agent, "other") as other:
        waiting = statement(dpi, deadline_ms=4000)
        assert wait_until(lambda: questions(agent) == 1)
        assert failure(other, statement(other, interaction="none")) == "INTERACTION_REQUIRED"
        assert other.call("session.current")["session"]
        assert failure(dpi, waiting) == "DEADLINE_EXCEEDED"
    assert wait_until(lambda: not agent.pinentry.alive())
    assert agent.root.call("policy.list")["answers"] == []


def test_a_program_cannot_bury_the_user(agent):
    agent.pinentry.default("hang")
    with Program(agent) as dpi, Program(agent, "other") as other:
        numbers = [statement(dpi, f"a{i}") for i in range(5)]
        assert failure(dpi, numbers[4]) == "TOO_MANY_REQUESTS"
        waits = statement(other, deadline_ms=300)
        assert failure(other, waits) == "DEADLINE_EXCEEDED", "another program may still ask"
        for number in numbers[:4]:
            dpi.call("cancel", id=number)
            assert failure(dpi, number) == "CANCELLED"


def test_who_comes_back_is_not_asked_again(agent):
    agent.pinentry.default("yes")
    with Program(agent) as dpi:
        dpi.wait(statement(dpi))
        agent.root.call("session.logout")
        assert failure(dpi, statement(dpi)) == "NO_SESSION"
        login(agent.root)
        dpi.wait(statement(dpi))
    assert questions(agent) == 1


def test_nobody_answers_for_the_next_one(agent):
    """The session ends while the question is on the screen."""
    agent.pinentry.answers("hang")
    with Program(agent) as dpi:
        number = statement(dpi)
        assert wait_until(lambda: questions(agent) == 1)
        agent.root.call("session.logout")
        assert failure(dpi, number) == "SESSION_CHANGED"
    assert wait_until(lambda: not agent.pinentry.alive())
    assert agent.root.call("policy.list")["answers"] == []


def test_a_locked_session_answers_nothing(agent):
    agent.pinentry.answers("yes", "hang")
    with Program(agent) as dpi:
        dpi.wait(statement(dpi))
        number = statement(dpi, "other.example")
        assert wait_until(lambda: questions(agent) == 2)
        agent.root.call("session.lock")
        assert failure(dpi, number) == "SESSION_LOCKED"
        assert failure(dpi, statement(dpi)) == "SESSION_LOCKED"
        login(agent.root)
        assert dpi.wait(statement(dpi)), "what was answered before still holds"
    assert questions(agent) == 2


def test_a_program_that_cannot_be_told_is_never_remembered(agent):
    """This test runs as another user: its executable is hidden from the agent."""
    agent.pinentry.default("yes")
    for _ in range(2):
        assert agent.root.wait(statement(agent.root))
    assert "Un programme inconnu" in agent.pinentry.said("SETDESC")[0]
    assert questions(agent) == 2 and agent.root.call("policy.list")["answers"] == []


# Revocation --------------------------------------------------------------------------------------

def test_a_revoked_answer_is_asked_again_on_open_connections(agent):
    agent.pinentry.answers("yes", "yes", "no", "no")
    with Program(agent) as dpi:
        dpi.wait(statement(dpi))
        assert dpi.call("token.get") and dpi.call("token.get")
        answers = agent.root.call("policy.list")["answers"]
        assert agent.root.call("policy.revoke", id=answers[1]["id"]) == {"revoked": 1}
        assert error_of(dpi, dpi.send("token.get")) == ("CONSENT_REFUSED", "remembered")
        assert dpi.wait(statement(dpi)), "the other answer holds"
        assert agent.root.call("policy.revoke", program=dpi.path) == {"revoked": 2}
        assert error_of(dpi, statement(dpi)) == ("CONSENT_REFUSED", "remembered")
        assert agent.root.call("policy.revoke", id=answers[0]["id"]) == {"revoked": 0}
    told = [e for e in evidence_lines(agent.root) if e["event"].startswith("consent")]
    assert {e["event"] for e in told} == {"consent", "consent_revoked"}
    given = [e for e in told if e.get("result") == "given"][-1]
    assert given["program"] and given["kind"] == "access" and given["person"] != PERSON


def test_answers_outlive_the_agent_and_are_those_of_one_person():
    with World() as agent:
        agent.pinentry.answers("yes")
        with agent.client() as root, Program(agent) as dpi:
            login(root)
            dpi.wait(statement(dpi))
            assert root.stored()
        path = agent.state / "consents.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert PERSON not in path.read_text()
        agent.stop()
        agent.start()
        with agent.client() as root, Program(agent) as dpi:
            login(root)
            assert dpi.wait(statement(dpi)) and questions(agent) == 1
            root.call("session.logout")
        agent.stop()
        agent.install_oidcd(subject_name_id=OTHER)
        agent.pinentry.answers("no")
        agent.start()
        with agent.client() as root, Program(agent) as dpi:
            login(root)
            assert error_of(dpi, statement(dpi)) == ("CONSENT_REFUSED", "remembered")
            assert [a["mine"] for a in root.call("policy.list")["answers"]] == [False, True]
        agent.stop()
        path.write_text("{")
        agent.start()
        with agent.client() as root:
            assert root.call("policy.list")["answers"] == []
        assert path.with_suffix(".json.damaged").exists() and "damaged" in agent.log.read_text()


def test_answers_outlive_a_hangup(agent):
    """Those that are kept, and the one that is being given."""
    agent.pinentry.answers("yes", "no", "held x")
    with Program(agent) as dpi, Program(agent, "other") as other:
        dpi.wait(statement(dpi))
        assert error_of(dpi, dpi.send("token.get")) == ("CONSENT_REFUSED", "remembered")
        asked = statement(other)
        assert wait_until(lambda: questions(agent) == 3)
        before = agent.root.call("policy.list")["answers"]
        assert agent.reload() == []
        assert agent.root.call("policy.list")["answers"] == before
        agent.pinentry.release()
        assert dpi.wait(statement(dpi)) and other.wait(asked)
        assert error_of(dpi, dpi.send("token.get")) == ("CONSENT_REFUSED", "remembered")
    assert questions(agent) == 3


# Rules -------------------------------------------------------------------------------------------

def test_audiences_tokens_methods_and_lifetime(agent):
    agent.reload("[dpi]\nprogram = {dpi}\naudiences = dpi.example\ntokens = id\nlifetime = 30\n"
                 "methods = session.current statement.get token.get\ncounter_signature = no\n")
    with Program(agent) as dpi:
        answer = dpi.wait(statement(dpi))
        claims = claims_of(answer["statement"])
        assert claims["exp"] - claims["iat"] == 30 and claims["exp"] == answer["expires_at"]
        assert failure(dpi, statement(dpi, "other.example")) == "NOT_ALLOWED"
        assert failure(dpi, dpi.send("token.get")) == "NOT_ALLOWED"
        assert dpi.call("token.get", kind="id")["token_type"] == "ID"
        assert failure(dpi, dpi.send("status")) == "NOT_ALLOWED"
        assert failure(dpi, statement(dpi, counter_sign=True)) == "NOT_ALLOWED"
        assert dpi.call("session.current")["session"]
    assert questions(agent) == 0


def test_rules_hold_for_open_connections_once_read(agent):
    with Program(agent) as dpi:
        agent.reload("[dpi]\nprogram = {dpi}\ntokens = access\n")
        assert dpi.call("token.get")
        agent.reload("[dpi]\nprogram = {dpi}\ntokens = none\n")
        assert failure(dpi, dpi.send("token.get")) == "NOT_ALLOWED"
        agent.reload("", "[dpi]\nprogram = {dpi}\ntokens = access\n")
        assert dpi.call("token.get"), "the user answers what the site leaves open"
        agent.reload("[all]\nprogram = /*/*/programs/*\ntokens = none\n")
        assert failure(dpi, dpi.send("token.get")) == "NOT_ALLOWED"


def test_a_rule_that_comes_during_the_question_counts(agent):
    agent.pinentry.answers("held x")
    with Program(agent) as dpi:
        number = statement(dpi)
        assert wait_until(lambda: questions(agent) == 1)
        agent.reload("[dpi]\nprogram = {dpi}\naudiences = none\n")
        agent.pinentry.release()
        assert failure(dpi, number) == "NOT_ALLOWED"


def test_confirmation_each_time(agent):
    agent.reload("[dpi]\nprogram = {dpi}\naudiences = *\ntokens = access\nconfirm = statement\n")
    agent.pinentry.answers("yes", "no", "yes")
    with Program(agent) as dpi:
        assert dpi.wait(statement(dpi))
        assert error_of(dpi, statement(dpi)) == ("CONSENT_REFUSED", "once")
        assert dpi.wait(statement(dpi)) and dpi.call("token.get")
        assert failure(dpi, statement(dpi, interaction="none")) == "INTERACTION_REQUIRED"
    assert questions(agent) == 3 and agent.root.call("policy.list")["answers"] == []
    assert "retenue" not in agent.pinentry.said("SETDESC")[0]


def test_confirmation_of_each_token(agent):
    agent.reload("[dpi]\nprogram = {dpi}\ntokens = access\nconfirm = token\n")
    agent.pinentry.answers("yes", "no")
    with Program(agent) as dpi:
        assert dpi.call("token.get")
        assert error_of(dpi, dpi.send("token.get")) == ("CONSENT_REFUSED", "once")
    assert questions(agent) == 2


def test_a_program_that_may_not_have_anybody_asked(agent):
    agent.reload("[dpi]\nprogram = {dpi}\ninteraction = no\n")
    with Program(agent) as dpi:
        assert failure(dpi, statement(dpi)) == "INTERACTION_REQUIRED"
        assert failure(dpi, dpi.send("session.login", method="ecps",
                                     national_id=OTHER)) == "INTERACTION_REQUIRED"
    assert questions(agent) == 0


def test_a_file_with_a_mistake_changes_nothing(agent):
    agent.reload("[dpi]\nprogram = {dpi}\naudiences = dpi.example\n")
    (refused,) = agent.reload("[dpi]\nprogram = {dpi}\naudiences = *\ntokens = refresh\n")
    assert refused["file"] == "10-site.conf"
    assert "line 4" in refused["error"] and "tokens" in refused["error"]
    with Program(agent) as dpi:
        assert dpi.wait(statement(dpi))
        assert failure(dpi, statement(dpi, "other.example")) == "NOT_ALLOWED"
    assert agent.root.call("policy.list")["refused"] == [refused]
    assert agent.reload("[dpi]\nprogram = {dpi}\naudiences = *\n") == []


@pytest.mark.parametrize("unknown, site, said", [
    ("refuse", "", "NOT_ALLOWED"), ("allow", "", None),
    ("allow", "[default]\naudiences = none\n", "NOT_ALLOWED"),
    ("refuse", "[dpi]\nprogram = {dpi}\naudiences = dpi.example\n", None)])
def test_what_becomes_of_unknown_programs(unknown, site, said):
    with World(site, "[dpi]\nprogram = {dpi}\naudiences = *\n",
               policy=f"unknown = {unknown}\n") as agent:
        with agent.client() as root, Program(agent) as dpi:
            login(root)
            number = statement(dpi)
            assert (failure(dpi, number) if said else dpi.wait(number) and None) == said
            assert root.call("policy.list")["unknown"] == unknown
        assert questions(agent) == 0


def test_check_tells_without_asking(agent):
    agent.reload("[dpi]\nprogram = {dpi}\naudiences = dpi.example\ntokens = access\n"
                 "confirm = token\nlifetime = 20\n", "[o]\nprogram = {other}\ntokens = none\n")
    check = agent.root.call
    dpi = check("policy.check", program=executable(agent, "dpi"), audience="dpi.example")
    assert dpi["decisions"] == {"statement": "allow", "access": "ask", "id": "refuse",
                                "exchange": "refuse", "proxy": "ask"}
    assert dpi["site"]["section"] == "dpi" and dpi["lifetime_s"] == 20 and dpi["user"] is None
    other = check("policy.check", program=executable(agent, "other"), audience="x")
    assert other["decisions"]["statement"] == "ask" and other["decisions"]["id"] == "refuse"
    assert other["user"]["file"] == "policy.conf" and other["site"] is None
    agent.pinentry.answers("no")
    with Program(agent, "other") as program:
        error_of(program, statement(program, "x"))
    other = check("policy.check", program=executable(agent, "other"), audience="x")
    assert other["decisions"]["statement"] == "refuse" and questions(agent) == 1


# The command line --------------------------------------------------------------------------------

def test_the_command_line(agent):
    agent.reload("[dpi]\nprogram = {dpi}\naudiences = dpi.example\nlifetime = 20\n")
    agent.pinentry.answers("yes", "no")
    ask = ("statement", "--nonce", NONCE, "--audience")
    assert cpsctl(agent, *ask, "one.example").count(".") == 2
    assert "cpsctl policy" in cpsctl(agent, *ask, "two.example", status=4)
    listed = cpsctl(agent, "policy")
    for said in ("demandé à la personne connectée", "[dpi] du site, fichier 10-site.conf",
                 "audiences = dpi.example", "permis : attestation, one.example",
                 "refusé : attestation, two.example", str(agent.bin / "cpsctl")):
        assert said in listed, listed
    answers = json.loads(cpsctl(agent, "--json", "policy", "list"))["answers"]
    checked = cpsctl(agent, "policy", "check", executable(agent, "dpi"), "--audience", "x")
    link = agent.dir / "link"
    link.symlink_to(executable(agent, "dpi"))
    by_link = cpsctl(agent, "policy", "check", str(link), "--audience", "x")
    assert by_link == f"{link} est un lien vers {executable(agent, 'dpi')}\n{checked}"
    assert "attestation : refusé" in checked and "20 s" in checked
    assert ": 1" in cpsctl(agent, "policy", "revoke", str(answers[0]["id"]))
    agent.pinentry.answers("yes")
    assert cpsctl(agent, *ask, "one.example").count(".") == 2
    assert ": 2" in cpsctl(agent, "policy", "revoke", "--program", str(agent.bin / "cpsctl"))
    assert ": 0" in cpsctl(agent, "policy", "revoke", "--all")
    assert "Aucune réponse retenue." in cpsctl(agent, "policy")
    for wrong in (("revoke",), ("revoke", "x"), ("revoke", "1", "--all"), ("check",), ("x",),
                  ("check", "dpi"), ("list", "x")):
        cpsctl(agent, "policy", *wrong, status=2)


def test_status_shows_a_file_with_a_mistake(agent):
    agent.reload("[dpi]\nprogram = {dpi}\naudience = x\n")
    for command in ("status", "policy"):
        assert "10-site.conf, line 3" in cpsctl(agent, command)


# Web origins -------------------------------------------------------------------------------------

RELAY = "[relay]\nprogram = {relay}\norigins = yes\n"
PAGE = "https://dpi.example.fr"


def hello(client, **params):
    return client.send("hello", protocol=1, **params)


def test_only_a_relay_speaks_for_origins(agent):
    agent.reload(RELAY)
    with Program(agent) as dpi:
        assert failure(dpi, hello(dpi, origin=PAGE)) == "NOT_ALLOWED"
    with Program(agent, "relay", greet=False) as relay:
        for wrong in ("null", "http://dpi.example.fr", "https://dpi.example.fr@evil.example",
                      "https://dpi.example.fr.", "https://dpi.example.fr/", "http://localhost"):
            assert error_of(relay, hello(relay, origin=wrong)) == ("INVALID_PARAMS", "origin")
        relay.wait(hello(relay, origin=PAGE))
        for other in ({}, {"origin": "https://other.example.fr"}):
            assert error_of(relay, hello(relay, **other)) == ("INVALID_PARAMS", "origin")
        relay.wait(hello(relay, origin=PAGE))


def test_pages_have_rules_and_answers_of_their_own(agent):
    agent.reload(RELAY + "[page]\norigin = https://*.example.fr\naudiences = dpi.example\n")
    agent.pinentry.answers("no", "yes")
    with Program(agent, "relay", hello={"origin": PAGE}) as known, \
            Program(agent, "relay", hello={"origin": "https://xn--dpi-fake.example.org"}) as page, \
            Program(agent, "relay") as itself:
        assert known.wait(statement(known)) and questions(agent) == 0
        assert failure(known, statement(known, "x")) == "NOT_ALLOWED"
        for method in ("status", "session.current", "card.list", "policy.list", "keys.rotate"):
            assert failure(known, known.send(method)) == "NOT_ALLOWED"
        assert error_of(page, statement(page)) == ("CONSENT_REFUSED", "remembered")
        assert itself.wait(statement(itself)), "an answer about a page is not one about the relay"
    asked = agent.pinentry.said("SETDESC")
    assert asked[0].startswith("https://xn--dpi-fake.example.org (") and PAGE not in asked[1]
    answers = agent.root.call("policy.list")["answers"]
    assert [a.get("origin") for a in answers] == ["https://xn--dpi-fake.example.org", None]
    assert agent.root.call("policy.revoke", program="https://xn--dpi-fake.example.org") == {
        "revoked": 1}


def test_plain_http_of_the_machine_by_configuration():
    with World(RELAY, policy="unknown = ask\nhttp_localhost = yes\n") as agent, \
            Program(agent, "relay", greet=False) as relay:
        assert failure(relay, hello(relay, origin="http://dpi.example.fr")) == "INVALID_PARAMS"
        relay.wait(hello(relay, origin="http://localhost:3000"))
