# SPDX-License-Identifier: Apache-2.0
"""Login by card, from a card in a reader to a signed statement in the hands of a program."""
import base64
import json
import pathlib
import re
import signal
import subprocess
import time

import pytest

from cpsworld import processes
from cpsworld.agent import UID, RpcError, unprivileged
from cpsworld.desk import Desk
from cpsworld.evil import OIDCD, PROVIDER_SETTINGS, evil
from cpsworld.processes import is_running
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

# Reaches cardop by the way of a PIN, and is never one: cards have four digits.
MARKER = "marqueur-de-code-8d1f0c"


@pytest.fixture
def desk():
    with Desk() as it:
        yield it


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def jose_accepts(tmp_path, statement, jwks):
    """The payload that Debian's jose gives back, or None when it refuses the signature."""
    (tmp_path / "jwks").write_text(json.dumps(jwks))
    (tmp_path / "jws").write_text(statement)
    done = subprocess.run(
        ["jose", "jws", "ver", "-i", tmp_path / "jws", "-k", tmp_path / "jwks", "-O", "-"],
        capture_output=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


# What a login gives ------------------------------------------------------------------------------

def test_the_statement_is_accepted_by_another_program(desk, tmp_path):
    before = int(time.time())
    session = desk.login()
    answer = desk.client.call("statement.get", audience="https://dpi.example", nonce="n-0S6_WzA2Mj")
    after = int(time.time())
    jwks = desk.client.call("keys.jwks")
    claims = jose_accepts(tmp_path, answer["statement"], jwks)
    assert claims is not None

    header = decode(answer["statement"].split(".")[0])
    (key,) = jwks["keys"]
    assert header == {"typ": "cps-login+jwt", "alg": "ES256", "kid": key["kid"]}
    assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
    (tmp_path / "key").write_text(json.dumps(key))
    thumbprint = subprocess.run(["jose", "jwk", "thp", "-i", tmp_path / "key"],
                                capture_output=True, text=True, check=True).stdout
    assert thumbprint == key["kid"]

    holder = desk.card.cards["physician"]["holder"]
    assert claims["aud"] == "https://dpi.example"
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert claims["iss"].startswith("urn:cps-agent:")
    assert claims["sub"] == claims["national_id"] == holder["national_id"]
    assert claims["name"] == f"{holder['given_name']} {holder['family_name']}"
    assert before <= claims["auth_time"] <= claims["iat"] <= after
    assert claims["exp"] == claims["iat"] + 120 == answer["expires_at"]
    assert claims["amr"] == ["sc", "pin", "hwk", "mfa"]
    assert claims["method"] == "card" and claims["presence"] == "card"
    assert claims["session"] == {"id": session["id"], "epoch": session["epoch"]}
    assert answer["epoch"] == session["epoch"]
    assert claims["card"]["family"] == "CPS3"
    assert "AC IGC-SANTE FORT PERSONNES" in claims["card"]["issuer"]
    assert "acr" not in claims and "psc" not in claims
    serial = desk.card.cards["physician"]["serial"]
    assert serial not in json.dumps(claims), "the serial number is only there as a keyed hash"


def test_statements_are_one_use_and_tampering_shows(desk, tmp_path):
    desk.login()
    ask = {"audience": "dpi", "nonce": "12345678"}
    first, second = (desk.client.call("statement.get", **ask)["statement"] for _ in range(2))
    jwks = desk.client.call("keys.jwks")
    one, two = (jose_accepts(tmp_path, jws, jwks) for jws in (first, second))
    assert one["jti"] != two["jti"]
    assert one["card"]["serial_hash"] == two["card"]["serial_hash"]

    head, body, signature = first.split(".")
    claims = decode(body)
    claims["amr"] = ["face"]
    other = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert jose_accepts(tmp_path, f"{head}.{other}.{signature}", jwks) is None
    desk.client.call("keys.rotate")
    third = desk.client.call("statement.get", **ask)["statement"]
    assert jose_accepts(tmp_path, third, jwks) is None, "signed by the new key"
    jwks = desk.client.call("keys.jwks")
    assert jose_accepts(tmp_path, first, jwks) and jose_accepts(tmp_path, third, jwks)


def test_three_typed_lines_with_socat(desk, tmp_path):
    desk.pinentry.answers("pin " + desk.pin)
    lines = [("hello", {"protocol": 1, "client": {"name": "socat"}}),
             ("session.login", {"method": "card"}),
             ("statement.get", {"audience": "dpi", "nonce": "abcdefgh"})]
    socat = subprocess.Popen(
        unprivileged(["socat", "-", f"UNIX-CONNECT:{desk.agent.socket}"]), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answers = []
    for number, (method, params) in enumerate(lines):
        socat.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method,
                                      "params": params}) + "\n")
        socat.stdin.flush()
        while len(answers) <= number:  # a person types the next line once answered
            message = json.loads(socat.stdout.readline())
            if message.get("id") is not None:
                answers.append(message)
    socat.stdin.close()
    assert socat.wait(30) == 0
    statement = answers[2]["result"]["statement"]
    claims = jose_accepts(tmp_path, statement, desk.client.call("keys.jwks"))
    assert claims["nonce"] == "abcdefgh" and claims["amr"] == ["sc", "pin", "hwk", "mfa"]


def test_everything_runs_as_the_user(desk):
    desk.login()
    assert wait_until(lambda: not desk.agent.children("cps-prompt"))
    for pid in desk.processes():
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):  # one that was just ending
            continue
        uids = re.search(r"^Uid:\s+(.*)$", status, re.M).group(1).split()
        assert set(uids) == {str(UID)}
    assert wait_until(lambda: not desk.client.call("status")["storage"]["waiting"])
    mode = desk.agent.state.stat().st_mode & 0o777
    assert mode == 0o700
    for path in desk.agent.state.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


# Wrong PINs --------------------------------------------------------------------------------------

def test_three_wrong_pins_block_the_card_and_nothing_opens(desk):
    error = desk.refused("pin 0000", "pin 0000", "yes", "pin 0000", f"pin {desk.pin}")
    assert (error.name, error.data["tries_left"]) == ("PIN_BLOCKED", 0)
    assert desk.card.tries()["pin"] == 0
    assert desk.pinentry.left() == [f"pin {desk.pin}"], "not asked a fourth time"
    tries = [p["params"]["tries_left"] for p in desk.client.notifications
             if p["method"] == "progress" and "tries_left" in p["params"]]
    assert tries == [3, 2, 1, 1]
    assert desk.session() is None

    asked = desk.pinentry.questions()
    error = desk.refused(f"pin {desk.pin}")
    assert (error.name, error.data["tries_left"]) == ("PIN_BLOCKED", 0)
    assert desk.pinentry.questions() == asked
    assert desk.client.call("card.list")["cards"][0]["pin"] == {"tries_left": 0, "blocked": True}


def test_a_wrong_pin_is_told_then_the_right_one_opens(desk):
    session = desk.login("pin 0000", f"pin {desk.pin}")
    assert session["method"] == "card"
    descriptions = desk.pinentry.said("SETDESC")
    assert "Essais restants : 3" in descriptions[0] and "Essais restants : 2" in descriptions[1]
    assert len(desk.pinentry.said("SETERROR")) == 1
    assert desk.card.tries()["pin"] == 3


def test_a_pin_of_the_wrong_form_costs_no_try(desk):
    error = desk.refused("pin 12", "pin abcd", "pin 12345", "pin", "cancel")
    assert error.name == "PROMPT_CANCELLED"
    assert desk.card.tries()["pin"] == 3
    assert desk.card.counters()["verifies"] == 0


@pytest.mark.parametrize("answers, name, left", [
    (["no"], "PIN_LAST_TRY", 1), (["cancel"], "PIN_LAST_TRY", 1), (["yes", "cancel"],
     "PROMPT_CANCELLED", 1), (["yes", "pin 0000"], "PIN_BLOCKED", 0)])
def test_the_last_try_is_the_user_s_to_give(desk, answers, name, left):
    desk.card.tries(pin=1)
    assert desk.refused(*answers).name == name
    assert desk.card.tries()["pin"] == left
    assert desk.session() is None


def test_the_last_try_may_be_right(desk):
    desk.card.tries(pin=1)
    assert desk.login("yes", f"pin {desk.pin}")["method"] == "card"
    assert "Il reste un seul essai" in desk.pinentry.said("SETDESC")[0]
    assert desk.card.tries()["pin"] == 3


# Who may stop asking -----------------------------------------------------------------------------

def start_login(desk, answer, client=None, **params):
    """A login whose question stays on the screen; the id of the request."""
    asked = desk.pinentry.questions()
    desk.pinentry.answers(answer)
    number = (client or desk.client).send("session.login", method="card", **params)
    assert wait_until(lambda: desk.pinentry.questions() > asked)
    return number


def gone(desk):
    return wait_until(lambda: not desk.pinentry.alive() and not desk.agent.children("cps-prompt"))


def test_cancelled_by_the_user(desk):
    assert desk.refused("cancel").name == "PROMPT_CANCELLED"
    assert gone(desk) and desk.card.counters()["verifies"] == 0


def test_cancelled_by_the_program(desk):
    login = start_login(desk, "hang")
    assert desk.client.call("cancel", id=login) == {"cancelled": True}
    with pytest.raises(RpcError) as caught:
        desk.client.wait(login)
    assert caught.value.name == "CANCELLED"
    assert gone(desk)
    assert desk.login()["method"] == "card"


def test_the_deadline_takes_the_question_away(desk):
    timer = Stopwatch()
    login = start_login(desk, "hang", deadline_ms=1500)
    with pytest.raises(RpcError) as caught:
        desk.client.wait(login)
    assert caught.value.name == "DEADLINE_EXCEEDED"
    assert 1.5 <= timer.wall_s() and timer.took_s() < 1.5 + 0.2
    assert gone(desk)


def test_a_program_that_leaves_takes_its_question_along(desk):
    with desk.agent.client() as other:
        start_login(desk, "hang", other)
    assert gone(desk)
    assert desk.session() is None


def test_interaction_none_never_asks(desk):
    assert desk.refused("pin 0000", interaction="none").name == "INTERACTION_REQUIRED"
    assert desk.pinentry.questions() == 0
    opened = desk.login()
    asked = desk.pinentry.questions()
    again = desk.client.call("session.login", method="card", interaction="none")
    assert again == opened and desk.pinentry.questions() == asked
    assert desk.refused("pin 0000", interaction="none", fresh=True).name == "INTERACTION_REQUIRED"


# One PIN for the whole desk ----------------------------------------------------------------------

def test_two_programs_at_once_ask_once(desk):
    with desk.agent.client() as other:
        first = start_login(desk, f"held {desk.pin}")
        second = other.send("session.login", method="card")
        joined = other.next_event("progress", id=second)
        desk.pinentry.release()
        assert desk.client.wait(first) == other.wait(second)
        assert joined["state"] == "pin", "who joins is told where it is"
    assert desk.pinentry.questions() == 1
    assert desk.card.counters()["verifies"] == 1


def test_one_of_two_may_give_up(desk):
    with desk.agent.client() as other:
        first = start_login(desk, f"held {desk.pin}")
        second = other.send("session.login", method="card")
        other.call("status")
        desk.client.call("cancel", id=first)
        desk.pinentry.release()
        assert other.wait(second)["method"] == "card"
    with pytest.raises(RpcError, match="CANCELLED"):
        desk.client.wait(first)
    assert desk.pinentry.questions() == 1


def test_an_open_session_is_shared_unless_a_fresh_one_is_asked(desk):
    opened = desk.login()
    with desk.agent.client() as other:
        assert other.call("session.login", method="card") == opened
        assert desk.pinentry.questions() == 1
        fresh = desk.login(client=other, fresh=True)
    assert desk.pinentry.questions() == 2
    assert fresh["id"] != opened["id"] and fresh["epoch"] > opened["epoch"]
    closed = desk.client.next_event("event.session", change="closed")
    assert closed["reason"] == "replaced"
    assert desk.client.next_event("event.session", change="opened")["session"] == fresh


def test_a_program_of_the_previous_session_is_told(desk):
    first = desk.login()
    assert desk.client.call("session.logout", epoch=first["epoch"])["epoch"] > first["epoch"]
    second = desk.login()
    for method, params in (("statement.get", {"audience": "a", "nonce": "12345678"}),
                           ("token.get", {}), ("session.logout", {})):
        with pytest.raises(RpcError) as caught:
            desk.client.call(method, epoch=first["epoch"], **params)
        assert caught.value.name == "SESSION_CHANGED"
    assert desk.session() == second
    desk.client.call("statement.get", audience="a", nonce="12345678", epoch=second["epoch"])


def test_another_means_leaves_the_card_without_a_verified_pin():
    """The next person logs in by phone: the card of the one before is still in the reader."""
    with Desk(libexec={"cps-oidcd": evil(OIDCD, MARKER="t", TTL=600, LOGIN={})},
              settings=PROVIDER_SETTINGS) as desk:
        desk.login()
        assert desk.card.tries()["verified"]
        resets = desk.card.counters()["resets"]
        session = desk.client.call("session.login", method="ecps", national_id="899700000011")
        assert session["method"] == "ecps" and session["card"] is None
        assert wait_until(lambda: desk.card.counters()["resets"] > resets)
        assert not desk.card.tries()["verified"]


def test_logout_leaves_the_card_without_a_verified_pin(desk):
    desk.login()
    assert desk.card.tries()["verified"]
    resets = desk.card.counters()["resets"]
    desk.client.call("session.logout")
    assert wait_until(lambda: desk.card.counters()["resets"] > resets)
    assert not desk.card.tries()["verified"]
    with pytest.raises(RpcError, match="NO_SESSION"):
        desk.client.call("session.logout")
    assert desk.login()["method"] == "card"


# The PIN is nobody's business --------------------------------------------------------------------

def test_the_pin_is_found_nowhere_else(desk):
    login = start_login(desk, f"pin {MARKER}")
    desk.pinentry.default("hang")
    assert wait_until(lambda: desk.pinentry.questions() == 2), "the marker went all the way"
    for pid in desk.processes():
        for name in ("cmdline", "environ"):
            assert MARKER.encode() not in pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
        found = b"".join(processes.memory(pid))
        assert b"cps-" in found
        assert MARKER.encode() not in found, f"in the memory of process {pid}"
    desk.client.call("cancel", id=login)
    assert MARKER not in desk.agent.log.read_text()
    assert MARKER not in json.dumps(desk.client.notifications)
    assert desk.card.tries()["pin"] == 3


def test_stopping_while_a_question_is_asked(desk):
    login = start_login(desk, "hang")
    pids = desk.processes()
    assert desk.agent.stop() == 0
    with pytest.raises(RpcError) as caught:
        desk.client.wait(login)
    assert caught.value.name == "AGENT_UNAVAILABLE"
    assert wait_until(lambda: not any(map(is_running, pids + desk.pinentry.pids())))
    assert not desk.agent.socket.exists()


def test_the_end_of_the_agent_closes_the_session(desk):
    session = desk.login()
    desk.agent.process.send_signal(signal.SIGTERM)
    closed = desk.client.next_event("event.session", change="closed")
    assert closed["reason"] == "stopped" and closed["epoch"] > session["epoch"]
    assert desk.agent.process.wait(30) == 0
    desk.agent.start()
    assert desk.session() is None
    with desk.agent.client() as other:
        assert other.hello["epoch"] > closed["epoch"], "never the epoch of a former life"
