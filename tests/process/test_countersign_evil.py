# SPDX-License-Identifier: Apache-2.0
"""Counter-signed statements when the card, or whoever speaks for it, does something else."""
import base64
import contextlib
import json
import signal

import pytest

from cpsworld import CardSet, interface
from cpsworld.agent import Agent, failure, own
from cpsworld.evil import CARDOP, OIDCD, PROMPT, PROVIDER_SETTINGS, SPOKEN_CARDWATCH, evil
from cpsworld.paths import slowness
from cpsworld.ruled import claims_of
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

READER = "Evil reader 00 00"
PERSON = "899700001011"  # who holds the card
ON = "[statement]\ncounter_signature = yes\n"
CLERK = """[person]
card = 29900101
family_name = SPECIMEN
given_name = Lou
internal_id = H3V-0042
"""
# What the card does when it is asked to sign: the word in HOME/sign, once; else it signs.
MOODY = """
def mood():
    try:
        with open(HOME + "/sign") as file:
            word = file.read()
        os.unlink(HOME + "/sign")
        return word
    except FileNotFoundError:
        return ""

well = honest
def honest(request):
    word = mood() if request["op"] == "sign" else ""
    if word == "other":
        request["params"]["digest"] = "A" * 43
    if word == "slow":
        os.mkfifo(HOME + "/go")
        open(HOME + "/go").close()  # until somebody writes
    if word == "reset":
        refuse(request, "PIN_REQUIRED")
    elif word == "empty":
        answer(request)
    elif word == "crash":
        os._exit(1)
    elif word != "hang":
        well(request)

serve(honest)
"""


@contextlib.contextmanager
def desk(card="physician", settings=ON, **values):
    """An agent with a program for a card, and a client; somebody is logged in."""
    cards = CardSet()
    use = "tech" if card == "contactless" else "aut"
    der = base64.urlsafe_b64encode(cards.certificate(card, use).read_bytes()).rstrip(b"=")
    values.update(CERTIFICATE=der.decode(), KEY=(cards.cards / card / f"{use}.key").read_text())
    cardop = CARDOP.replace("\nserve(honest)\n", "") + MOODY
    with Agent(anchors=[cards.chain], settings=settings, people={"clerk": CLERK}, libexec={
            "cps-cardwatch": evil(SPOKEN_CARDWATCH), "cps-prompt": evil(PROMPT, PIN="1234"),
            "cps-cardop": evil(cardop, **values),
            "cps-oidcd": evil(OIDCD, TTL=60, MARKER="m", LOGIN={"subject_name_id": PERSON})
            }) as agent, agent.client() as client:
        fifo = agent.dir / "home" / "cardwatch"
        assert wait_until(fifo.exists)
        client.call("subscribe")
        with open(fifo, "wb", buffering=0) as said:
            for event in ({"event": "pcsc", "state": "up"}, {"event": "beat"},
                          {"event": "reader", "reader": READER, "present": True, "mute": False,
                           "atr": "3B00", "events": 1}):
                said.write(json.dumps(event).encode() + b"\n")
        client.until_card()
        client.call("session.login", method="card")
        yield agent, client


def ask(client, **more):
    return client.send("statement.get", audience="dpi", nonce="n-0S6_WzA2Mj", counter_sign=True,
                       **more)


def next_time(agent, word):
    (agent.dir / "home" / "sign").write_text(word)
    (agent.dir / "home" / "sign").chmod(0o666)


@pytest.fixture(scope="module")
def world():
    with desk() as both:
        yield both


@pytest.mark.parametrize("word, error", [("other", "SIGNATURE_INVALID"),
                                         ("empty", "SIGNATURE_INVALID")])
def test_no_signature_passes_that_the_certificate_does_not_verify(world, word, error):
    agent, client = world
    next_time(agent, word)
    assert failure(client, ask(client)) == error
    assert client.wait(ask(client))["counter_signature"]


def test_a_card_that_was_reset_is_asked_again_and_no_pin_is_replayed(world):
    agent, client = world
    next_time(agent, "reset")
    answer = client.wait(ask(client))
    assert interface.result_problems("statement.get", answer) == []
    assert answer["counter_signature"] and answer["statement"]
    next_time(agent, "reset")
    assert failure(client, ask(client, interaction="none")) == "INTERACTION_REQUIRED"


def test_a_cardop_that_dies(world):
    agent, client = world
    next_time(agent, "crash")
    assert failure(client, ask(client)) in ("COMPONENT_FAILED", "CARD_REMOVED")
    client.until_card()
    if not client.call("session.current")["session"]:
        client.call("session.login", method="card")


def test_a_card_that_hangs_costs_a_deadline():
    with desk() as (agent, client):
        assert client.wait(ask(client))["statement"]
        next_time(agent, "hang")
        timer = Stopwatch()
        assert failure(client, ask(client, deadline_ms=300)) == "DEADLINE_EXCEEDED"
        assert timer.took_s() < 0.3 + 0.5 * slowness()
        plain = client.call("statement.get", audience="dpi", nonce="n-0S6_WzA2Mj")
        assert "counter_signature" not in plain, "statements do not wait for the card"
        claims = plain["statement"].split(".")[1]
        assert b"x5t#S256" not in base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))


def test_the_session_that_ends_meanwhile():
    with desk() as (agent, client):
        next_time(agent, "hang")
        number = ask(client)
        client.call("session.logout")
        assert failure(client, number) in ("SESSION_CHANGED", "CARD_REMOVED", "COMPONENT_FAILED")
        assert failure(client, ask(client)) == "NO_SESSION"


@pytest.mark.parametrize("method, error", [("session.lock", "SESSION_LOCKED"),
                                           ("session.logout", "SESSION_CHANGED")])
def test_a_signature_that_comes_when_its_owner_has_left(method, error):
    """The card was asked before; what it has signed is given to nobody."""
    with desk() as (agent, client):
        home = agent.dir / "home"
        next_time(agent, "slow")
        number = ask(client)
        assert wait_until((home / "go").exists)
        client.call(method)
        (home / "go").write_text("")
        assert failure(client, number) == error


def test_the_card_signs_for_no_other_login():
    """Its owner has unlocked with the phone: the session is not the card's any more."""
    with desk(settings=ON + PROVIDER_SETTINGS) as (_, client):
        client.call("session.lock")
        client.call("session.unlock", method="ecps", national_id=PERSON)
        assert failure(client, ask(client)) == "NO_CARD"


def test_it_lives_as_long_as_the_rule_says():
    with desk() as (agent, client):
        (agent.config / "policy.d").mkdir()
        (agent.config / "policy.d" / "10.conf").write_text("[default]\nlifetime = 20\n")
        own(agent.config)
        agent.process.send_signal(signal.SIGHUP)
        client.next_event("event.health", component="policy")
        answer = client.wait(ask(client))
        statement = claims_of(answer["statement"])
        assert statement["exp"] - statement["iat"] == 20
        assert claims_of(answer["counter_signature"])["exp"] == statement["exp"]


def test_not_unless_the_administrator_allows_it():
    with desk(settings="") as (_, client):
        assert failure(client, ask(client)) == "NOT_ALLOWED"
        assert client.call("statement.get", audience="dpi", nonce="n-0S6_WzA2Mj")["statement"]


def test_a_card_without_pin_proves_nobody_s_presence():
    with desk(card="contactless", settings=ON + "[session]\ncontactless = allow\n",
              PIN=None) as (_, client):
        assert failure(client, ask(client)) == "CARD_CONTACTLESS"
