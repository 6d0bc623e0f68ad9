# SPDX-License-Identifier: Apache-2.0
"""Practice situations and amr, with helpers that answer what the test wants."""
import base64
import contextlib
import itertools
import json

import pytest

from cpsworld import CardSet
from cpsworld.agent import Agent, RpcError
from cpsworld.evil import (CARDOP, OIDCD, PROMPT, PROVIDER_SETTINGS, SPOKEN_CARDWATCH, Notes, evil,
                           misbehave)
from cpsworld.paths import SOURCE_DIR, slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

READER = "Evil reader 00 00"
AUDIENCE = {"audience": "dpi", "nonce": "n-0S6_WzA2Mj"}
OFFICE = {"number": 1, "structure_name": "CABINET DU DR VALMONT",
          "structure_id": "499700000000010", "sector": "SA07", "raw": "AAAA"}
HOSPITAL = {"number": 9, "structure_name": "HOPITAL", "structure_id": "100000000000018",
            "sector": "SA01", "raw": "BBBB"}
CLERK = """[person]
card = 29900101
family_name = SPECIMEN
given_name = Lou
internal_id = H3V-0042
"""
# Activities of a UserInfo, after oidcd.
REFERENCE = {"SubjectRefPro": {"exercices": [{"codeProfession": "10", "activities": [
    {"codeSecteurDactivite": "SA07", "raisonSocialeSite": "CABINET", "codeModeExercice": "L"},
    {"codeSecteurDactivite": "SA01", "raisonSocialeSite": "HOPITAL"}]}]}}


def claims(statement):
    part = statement.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Station(Agent):
    """An agent whose card is a program, with the key and the certificate of a card of the set."""

    def __init__(self, card="physician", login=None, **agent):
        cards = CardSet()
        contactless = card == "contactless"
        use = "tech" if contactless else "aut"
        der = base64.urlsafe_b64encode(cards.certificate(card, use).read_bytes()).rstrip(b"=")
        values = {"CERTIFICATE": der.decode(),
                  "KEY": (cards.cards / card / f"{use}.key").read_text(),
                  "SITUATIONS": [OFFICE, HOSPITAL], "INFO": {}}
        if contactless:
            values["PIN"] = None
        values.update(agent.pop("cardop", {}))
        settings = PROVIDER_SETTINGS + agent.pop("settings", "")
        super().__init__(anchors=[cards.chain], settings=settings, **agent, libexec={
            "cps-cardwatch": evil(SPOKEN_CARDWATCH), "cps-prompt": evil(PROMPT, PIN="1234"),
            "cps-cardop": evil(CARDOP, **values),
            "cps-oidcd": evil(OIDCD, MARKER="m", TTL=120, LOGIN=login or {})})
        self.events = itertools.count(1)

    def say(self, event, **members):
        fifo = self.dir / "home" / "cardwatch"
        assert wait_until(fifo.exists)
        with open(fifo, "wb", buffering=0) as file:
            file.write(json.dumps({"event": event, **members}).encode() + b"\n")

    def reader(self, present):
        self.say("reader", reader=READER, present=present, mute=False, atr="3B00",
                 events=next(self.events))


@contextlib.contextmanager
def desk(insert=True, **station):
    """The station and a client that has subscribed, with the card ready."""
    with Station(**station) as agent, agent.client() as client:
        client.call("subscribe")
        agent.say("pcsc", state="up")
        agent.say("beat")
        if insert:
            agent.reader(True)
            client.until_card()
        yield agent, client


def failure(client, method, /, **params):
    with pytest.raises(RpcError) as caught:
        client.call(method, **params)
    return caught.value.name


# What each way to log in is worth ----------------------------------------------------------------

def by_card():
    with desk() as (_, client):
        client.call("session.login", method="card")
        return claims(client.call("statement.get", **AUDIENCE)["statement"])


def by_contactless_card():
    with desk(card="contactless", people={"clerk": CLERK},
              settings="[session]\ncontactless = allow\n") as (_, client):
        client.call("session.login", method="card", interaction="none")
        return claims(client.call("statement.get", **AUDIENCE)["statement"])


def by_provider(method, **login):
    with desk(insert=False, login=login) as (_, client):
        who = {"national_id": "899700001011"} if method != "browser" else {}
        client.call("session.login", method=method, provider="test", **who)
        return claims(client.call("statement.get", **AUDIENCE)["statement"])


# The rows of the table in docs/statement.md, by how they begin.
ROWS = {
    "`card`, with contacts": [by_card],
    "`card`, contactless": [by_contactless_card],
    "`ecps` or `browser`, `authMode` `CARD`": [
        lambda m=mode, w=way: by_provider(w, auth_mode=m)
        for mode, way in (("CARD", "ecps"), ("MOBILE", "ecps"), ("MOBILE", "browser"))],
    "`browser` at a provider of kind `local-idp`": [
        lambda: by_provider("browser", kind="local-idp", amr=["pwd", "mfa"])],
    "`proxy`": [lambda: by_provider("proxy", kind="esante-proxy", channel="MOBILE",
                                    auth_mode=None)],
    "`ecps` or `browser`, any other": [
        lambda m=mode, w=way: by_provider(w, auth_mode=m)
        for mode, way in (("FIDO", "browser"), ("card", "ecps"), (None, "browser"))] + [
        lambda: by_provider("browser", auth_mode=None, amr=["mfa"])],
}


def documented():
    """Rows of the table: how the login is described, and its amr."""
    lines = (SOURCE_DIR / "docs" / "statement.md").read_text().splitlines()
    start = lines.index("| Login | `amr` | Why |") + 2
    for line in itertools.takewhile(lambda text: text.startswith("|"), lines[start:]):
        _, login, amr, *_ = (cell.strip() for cell in line.split("|"))
        yield login, [] if amr == "(empty)" else amr.replace("`", "").split()


def test_every_row_of_the_table_is_tested():
    logins = [login for login, _ in documented()]
    assert len(logins) == len(ROWS)
    assert all(login.startswith(row) for login, row in zip(logins, ROWS))


@pytest.mark.parametrize("row", ROWS)
def test_amr_is_what_the_table_says(row):
    (amr,) = [amr for login, amr in documented() if login.startswith(row)]
    for login in ROWS[row]:
        assert login()["amr"] == amr


# Contactless cards -------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", ["", "[session]\ncontactless = refuse\n"])
def test_a_contactless_card_opens_nothing_by_default(settings):
    with desk(card="contactless", people={"clerk": CLERK}, settings=settings) as (agent, client):
        (card,) = client.call("card.list")["cards"]
        assert card["interface"] == "contactless" and "pin" not in card
        for interaction in ("allowed", "none"):
            assert failure(client, "session.login", method="card",
                           interaction=interaction) == "CARD_CONTACTLESS"
        assert not Notes(agent).of("cps-prompt") and not Notes(agent).of("cps-cardop", "op sign")
        assert client.call("session.current")["session"] is None


def test_a_contactless_card_of_nobody_opens_nothing_at_all():
    with desk(card="contactless", settings="[session]\ncontactless = allow\n") as (agent, client):
        (card,) = client.call("card.list")["cards"]
        assert "name" not in card["holder"] and "national_id" not in card["holder"]
        assert failure(client, "session.login", method="card") == "CARD_NOT_NOMINATIVE"
        assert not Notes(agent).of("cps-cardop", "op sign")


def test_a_tap_is_no_new_proof():
    with desk(card="contactless", people={"clerk": CLERK},
              settings="[session]\ncontactless = allow\n") as (_, client):
        session = client.call("session.login", method="card")
        assert failure(client, "session.step_up", max_age=0) == "CARD_CONTACTLESS"
        assert client.call("session.current")["session"]["auth_time"] == session["auth_time"]


def test_each_login_has_the_card_sign_something_else():
    with desk() as (agent, client):
        for _ in range(2):
            client.call("session.login", method="card", fresh=True)
        first, second = Notes(agent).texts("cps-cardop", "signs ")
        assert first != second


def test_a_session_by_a_contactless_card_says_what_it_is():
    with desk(card="contactless", people={"clerk": CLERK},
              settings="[session]\ncontactless = allow\n") as (agent, client):
        session = client.call("session.login", method="card")
        assert session["amr"] == ["sc", "hwk"] and session["presence"] == "card"
        assert session["holder"]["name"] == "Lou SPECIMEN"
        assert session["practice"] is None and not session["practice_choice_needed"]
        told = claims(client.call("statement.get", **AUDIENCE)["statement"])
        assert told["sub"] == "H3V-0042" and "national_id" not in told
        assert told["holder"]["source"] == "mapping" and told["name"] == "Lou SPECIMEN"
        assert not Notes(agent).of("cps-cardop", "op verify")
        assert not Notes(agent).of("cps-cardop", "op situations"), "they want a PIN"
        agent.reader(False)
        assert client.next_event("event.session", change="closed")["reason"] == "card_removed"


def test_an_unknown_word_for_contactless_stops_the_start():
    agent = Agent(settings="[session]\ncontactless = yes\n")
    agent.start(wait=False)
    assert agent.process.wait(30) != 0
    assert wait_until(lambda: "[session] contactless" in agent.log.read_text())
    agent.close()


# Practice situations -----------------------------------------------------------------------------

def without_raw(situation):
    return {key: value for key, value in situation.items() if key != "raw"}


def test_one_of_several_is_chosen_and_stays_so():
    with desk() as (agent, client), agent.client() as other:
        assert failure(client, "session.practice") == "NO_SESSION"
        session = client.call("session.login", method="card")
        assert session["practice"] is None and session["practice_choice_needed"]
        states = [note["params"]["state"] for note in client.notifications
                  if note["method"] == "progress"]
        assert states[-2:] == ["proving", "practice"]
        listed = client.call("session.practice")
        assert listed == {"situations": [OFFICE, HOSPITAL], "chosen": None, "practice": None,
                          "choice_needed": True, "remembered": False, "epoch": session["epoch"]}
        assert "practice" not in claims(client.call("statement.get", **AUDIENCE)["statement"])

        other.call("subscribe", events=["session"])
        assert failure(client, "session.practice", number=2) == "PRACTICE_UNKNOWN"
        assert failure(client, "session.practice", number=9, forget=True) == "INVALID_PARAMS"
        assert failure(client, "session.practice", number=9,
                       epoch=session["epoch"] - 1) == "SESSION_CHANGED"
        assert client.call("session.practice")["chosen"] is None, "nothing of that chose"
        chosen = client.call("session.practice", number=9, epoch=session["epoch"])
        assert chosen["practice"] == without_raw(HOSPITAL) and chosen["remembered"]
        assert chosen["epoch"] == session["epoch"], "it is the same session"
        event = other.next_event("event.session", change="practice")
        assert event["session"]["practice"] == without_raw(HOSPITAL)
        told = claims(client.call("statement.get", **AUDIENCE)["statement"])
        assert told["practice"] == without_raw(HOSPITAL)
        current = other.call("session.current")["session"]
        assert current["practice"]["number"] == 9 and not current["practice_choice_needed"]

        client.call("session.logout")
        assert failure(client, "session.practice") == "NO_SESSION"
        assert client.call("session.login", method="card")["practice"]["number"] == 9
        assert client.call("session.practice", forget=True) == {**chosen, "remembered": False,
                                                                "epoch": chosen["epoch"] + 2}
        client.call("session.logout")
        assert client.call("session.login", method="card")["practice_choice_needed"]


def test_the_choice_outlives_the_agent_and_is_not_the_identifier():
    with desk() as (agent, client):
        client.call("session.login", method="card")
        client.call("session.practice", number=1)
        assert client.stored()
        file = agent.state / "practice-choices"
        assert file.stat().st_mode & 0o777 == 0o600
        assert "8997" not in file.read_text() and "CABINET" not in file.read_text()
        agent.stop()
        (agent.dir / "home" / "cardwatch").unlink()
        agent.start()
        with agent.client() as again:
            again.call("subscribe")
            agent.say("pcsc", state="up")
            agent.say("beat")
            agent.reader(True)
            again.until_card()
            assert again.call("session.login", method="card")["practice"]["number"] == 1


def test_lines_sent_in_one_go():
    """Log in, choose, state it: they mean what they say in that order."""
    with desk() as (_, client):
        client.send("session.login", method="card")
        client.send("session.practice", number=9)
        statement = client.wait(client.send("statement.get", **AUDIENCE))["statement"]
        assert claims(statement)["practice"]["number"] == 9


@pytest.mark.parametrize("situations, number", [([OFFICE], 1), ([HOSPITAL], 9), ([], None)])
def test_nothing_to_choose(situations, number):
    with desk(cardop={"SITUATIONS": situations}) as (_, client):
        session = client.call("session.login", method="card")
        assert not session["practice_choice_needed"]
        assert (session["practice"] or {}).get("number") == number


ODD = [7, [7], [{}], [{"number": "1"}], [{"number": -1}], {"number": 1}, None,
       [{"number": 1, "structure_name": "\x1b[31m", "sector": 7, "raw": []}]]
FAULTS = [("refuse(request, 'CARD_PROTOCOL')", "CARD_PROTOCOL"),
          ("refuse(request, 'PIN_REQUIRED')", "PIN_REQUIRED"), ("crashes", "COMPONENT_FAILED"),
          ("garbage", "COMPONENT_FAILED"), ("a result of text", "COMPONENT_FAILED")]


def spoil(agent, client, fault):
    """The card leaves and comes back, and does that when it is asked for situations."""
    agent.reader(False)
    client.next_event("event.card", change="removed")
    misbehave(agent, "cps-cardop", "situations", fault)
    agent.reader(True)
    client.until_card()


def test_an_odd_answer_or_a_fault_after_the_proof_is_no_reason_to_refuse():
    with desk() as (agent, client):
        for odd in ODD:
            spoil(agent, client, f"answer(request, situations={odd!r}, info={odd!r})")
            session = client.call("session.login", method="card")
            assert session["amr"] == ["sc", "pin", "hwk", "mfa"]
            for situation in client.call("session.practice")["situations"]:
                assert situation == {"number": 1}
        for fault, error in FAULTS:
            spoil(agent, client, fault)
            session = client.call("session.login", method="card")
            assert session["amr"] == ["sc", "pin", "hwk", "mfa"] and session["practice"] is None
            state = client.call("session.practice")
            assert state["error"] == error and state["situations"] == []


def test_a_card_that_is_slow_to_say_is_not_waited_for():
    with desk() as (agent, client):
        spoil(agent, client, "says nothing")
        timer = Stopwatch()
        client.call("session.login", method="card")
        assert timer.took_s() < 5.5 * slowness()
        assert client.call("session.practice")["error"] == "DEADLINE_EXCEEDED"


def test_a_card_pulled_meanwhile_opens_nothing():
    with desk() as (agent, client):
        spoil(agent, client, "says nothing")
        number = client.send("session.login", method="card")
        client.next_event("progress", id=number, state="practice")
        agent.reader(False)
        with pytest.raises(RpcError, match="CARD_REMOVED"):
            client.wait(number)
        assert client.call("session.current")["session"] is None


@pytest.mark.parametrize("number, speciality", [(None, "SM54"), ("right", "SM54"),
                                                ("899700002022", None)])
def test_what_the_card_adds_to_the_certificate(number, speciality):
    """This certificate tells no speciality. The card does, unless it is about somebody else."""
    known = CardSet()["variant"]["holder"]["national_id"]
    info = {"speciality": "SM54", "national_id": known if number == "right" else number}
    with desk(card="variant", cardop={"INFO": info}) as (_, client):
        assert "speciality" not in client.call("card.list")["cards"][0]["holder"]
        session = client.call("session.login", method="card")
        assert session["holder"].get("speciality") == speciality


def test_situations_of_a_provider():
    with desk(insert=False, login={"userinfo": REFERENCE}) as (_, client):
        session = client.call("session.login", method="ecps", national_id="899700001011")
        assert session["practice_choice_needed"] and session["holder"]["source"] == "provider"
        first, second = client.call("session.practice")["situations"]
        assert first == {"number": 1, "structure_name": "CABINET", "sector": "SA07",
                         "profession_code": "10", "exercise_mode": "L"}
        assert client.call("session.practice", number=2)["practice"] == second
        told = claims(client.call("statement.get", **AUDIENCE)["statement"])
        assert told["practice"] == second and told["holder"]["source"] == "provider"
        assert client.call("session.login", method="browser")["practice"] == second
