# SPDX-License-Identifier: Apache-2.0
"""The counter-signature of the card on a login statement: what it is bound to, who verifies it, and
when there is none."""
import base64
import hashlib
import json
import shutil
import subprocess

import jsonschema
import pytest

from cpsworld.agent import failure, unprivileged
from cpsworld.cards import CardSet
from cpsworld.desk import Desk
from cpsworld.evidence import evidence_lines
from cpsworld.paths import SOURCE_DIR, slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

AUDIENCE, NONCE = "https://dpi.example", "n-0S6_WzA2Mj"
ON = "[statement]\ncounter_signature = yes\n"
SANDBOX = SOURCE_DIR / "tests" / "sandbox"


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(token):
    return json.loads(decoded(token.split(".")[1]))


def header_of(token):
    return json.loads(decoded(token.split(".")[0]))


def counter_signed(desk, nonce=NONCE, **more):
    return desk.client.call("statement.get", audience=AUDIENCE, nonce=nonce, counter_sign=True,
                            **more)


def refused(desk, **more):
    number = desk.client.send("statement.get", audience=AUDIENCE, nonce=NONCE, counter_sign=True,
                              **more)
    return failure(desk.client, number)


@pytest.fixture(scope="module", params=["physician", "cps4"])
def given(request, tmp_path_factory):
    """Two counter-signed statements of one card, and how to verify them."""
    where = tmp_path_factory.mktemp("verifiers")
    shutil.copy(SOURCE_DIR / "docs/examples/verify-statement.mjs", where)
    (where / "node_modules").symlink_to(SANDBOX / "node_modules")
    node = subprocess.run([SANDBOX / "pick-node"], check=True, capture_output=True, text=True)
    with Desk(insert=request.param, settings=ON) as desk:
        desk.login()
        answers = [counter_signed(desk), counter_signed(desk)]
        assert desk.pinentry.questions() == 1, "the PIN of the login serves"
        (where / "jwks").write_text(json.dumps(desk.client.call("keys.jwks")))
        holder = desk.client.call("session.current")["session"]["holder"]
        printed = subprocess.run(
            unprivileged([str(desk.agent.bin / "cpsctl"), "statement", "--audience", AUDIENCE,
                          "--nonce", NONCE, "--counter-sign"]),
            env=desk.agent.environment, capture_output=True, text=True, timeout=60, check=True)
    return {"answers": answers, "jwks": where / "jwks", "holder": holder, "card": request.param,
            "printed": printed.stdout,
            "python": ["/usr/bin/python3", str(SOURCE_DIR / "docs/examples/verify_statement.py")],
            "node": [node.stdout.strip(), str(where / "verify-statement.mjs")]}


def verify(given, library, statement, by_card, authorities=None):
    return subprocess.run([*given[library], str(given["jwks"]), AUDIENCE, NONCE,
                           str(authorities or CardSet().chain)],
                          input=f"{statement}\n{by_card}\n", capture_output=True, text=True,
                          timeout=60, check=False)


def test_what_the_card_signs(given):
    answer = given["answers"][0]
    statement, by_card = answer["statement"], answer["counter_signature"]
    der = CardSet().certificate(given["card"]).read_bytes()
    header, claims = header_of(by_card), claims_of(by_card)
    assert header == {"alg": "RS256", "typ": "cps-counter-signature+jwt",
                      "x5c": [base64.b64encode(der).decode()]}
    assert claims["statement_hash"] == encoded(hashlib.sha256(statement.encode()).digest())
    assert (claims["aud"], claims["nonce"]) == (AUDIENCE, NONCE)
    assert claims["exp"] == answer["expires_at"] == claims_of(statement)["exp"]
    assert claims_of(statement)["card"]["x5t#S256"] == encoded(hashlib.sha256(der).digest())
    schema = json.loads((SOURCE_DIR / "docs/statement.schema.json").read_text())
    jsonschema.validate(claims_of(statement), schema)


@pytest.mark.parametrize("library", ["python", "node"])
def test_stock_libraries_verify_it(given, library):
    answer = given["answers"][0]
    good = verify(given, library, answer["statement"], answer["counter_signature"])
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["counter_signed_by"].startswith(given["holder"]["national_id"])


@pytest.mark.parametrize("library", ["python", "node"])
def test_and_refuse_what_does_not_belong_together(given, library, tmp_path):
    if given["card"] != "physician":
        pytest.skip("once is enough")
    first, second = given["answers"]
    head, payload, signature = first["counter_signature"].split(".")
    changed = {**json.loads(decoded(payload)), "nonce": "another-nonce"}
    stranger = tmp_path / "stranger.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                    tmp_path / "key", "-out", stranger, "-subj", "/CN=Stranger", "-days", "2"],
                   check=True, capture_output=True)
    cases = {
        "another statement": (second["counter_signature"], None),
        "a changed payload": (f"{head}.{encoded(json.dumps(changed).encode())}.{signature}", None),
        "a statement in its place": (second["statement"], None),
        "another authority": (first["counter_signature"], stranger),
    }
    for name, (by_card, authorities) in cases.items():
        answer = verify(given, library, first["statement"], by_card, authorities)
        assert answer.returncode != 0 and not answer.stdout, name


@pytest.fixture(scope="module")
def each_use():
    """A desk where every use of the card asks for the PIN."""
    with Desk(settings=ON + "[pin]\npolicy = each_use\n") as desk:
        assert refused(desk) == "NO_SESSION"
        yield desk


def test_the_pin_is_asked_as_the_policy_says_and_the_evidence_tells(each_use):
    desk = each_use
    desk.login()
    assert refused(desk, interaction="none") == "INTERACTION_REQUIRED"
    assert refused(desk) == "PROMPT_CANCELLED"  # the scripted user's answer to anything
    desk.pinentry.forget()
    desk.pinentry.answers("pin " + desk.pin)
    assert counter_signed(desk)["counter_signature"]
    assert desk.pinentry.questions() == 1
    told = [line["result"] for line in evidence_lines(desk.client) if line.get("counter_signed")]
    assert told == ["NO_SESSION", "INTERACTION_REQUIRED", "PROMPT_CANCELLED", "ok"]


def test_the_deadline_holds_while_the_pin_is_typed(each_use):
    desk = each_use
    desk.login()
    desk.pinentry.answers("hang")
    timer = Stopwatch()
    assert refused(desk, deadline_ms=400) == "DEADLINE_EXCEEDED"
    assert timer.took_s() < 1.5 * slowness()
    desk.pinentry.answers("pin " + desk.pin)
    assert counter_signed(desk)["counter_signature"]


def test_the_card_leaves_while_the_pin_is_typed(each_use):
    desk = each_use
    desk.login()
    desk.pinentry.forget()
    desk.pinentry.answers("hang")
    number = desk.client.send("statement.get", audience=AUDIENCE, nonce=NONCE, counter_sign=True)
    assert wait_until(lambda: desk.pinentry.questions() == 1)
    desk.card.remove()
    assert failure(desk.client, number) == "CARD_REMOVED"
    assert refused(desk) == "NO_SESSION"


def test_by_command_line(given):
    for line in given["printed"].splitlines():
        assert len(line.split(".")) == 3
    answer = verify(given, "python", *given["printed"].split())
    assert answer.returncode == 0, answer.stderr
