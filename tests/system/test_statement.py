# SPDX-License-Identifier: Apache-2.0
"""Statements in the hands of programs that share no code with us: they fit the schema, and the
examples of docs/examples accept the right ones and refuse the others."""
import base64
import json
import shutil
import subprocess

import jsonschema
import pytest

from cpsworld.desk import Desk
from cpsworld.paths import SOURCE_DIR

AUDIENCE, NONCE = "https://dpi.example", "n-0S6_WzA2Mj"
SANDBOX = SOURCE_DIR / "tests" / "sandbox"


def claims_of(statement):
    payload = statement.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A statement, the keys, and the two verifiers as commands."""
    where = tmp_path_factory.mktemp("verifiers")
    shutil.copy(SOURCE_DIR / "docs/examples/verify-statement.mjs", where)
    (where / "node_modules").symlink_to(SANDBOX / "node_modules")
    node = subprocess.run([SANDBOX / "pick-node"], check=True, capture_output=True, text=True)
    with Desk() as desk:
        desk.login()
        statement = desk.client.call("statement.get", audience=AUDIENCE, nonce=NONCE)["statement"]
        (where / "jwks").write_text(json.dumps(desk.client.call("keys.jwks")))
        desk.client.call("keys.rotate")
        other = desk.client.call("statement.get", audience=AUDIENCE, nonce=NONCE)["statement"]
    return statement, other, where / "jwks", {
        "python": ["/usr/bin/python3", str(SOURCE_DIR / "docs/examples/verify_statement.py")],
        "node": [node.stdout.strip(), str(where / "verify-statement.mjs")]}


def verify(given, library, statement, audience=AUDIENCE, nonce=NONCE):
    return subprocess.run([*given[3][library], str(given[2]), audience, nonce], input=statement,
                          capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("library", ["python", "node"])
def test_other_people_s_libraries_verify_it(given, library):
    good = verify(given, library, given[0])
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout) == claims_of(given[0])


@pytest.mark.parametrize("library", ["python", "node"])
@pytest.mark.parametrize("what", ["audience", "nonce", "key", "signature", "type"])
def test_and_refuse_what_is_not_for_them(given, library, what):
    head, payload, signature = given[0].split(".")
    cases = {
        "audience": (given[0], {"audience": "https://other.example"}),
        "nonce": (given[0], {"nonce": "n-another-one"}),
        "key": (given[1], {}),  # made by a key that the verifier does not have
        "signature": (f"{head}.{payload}.{'A' * len(signature)}", {}),
        "type": (".".join([base64.urlsafe_b64encode(json.dumps({
            **json.loads(base64.urlsafe_b64decode(head + "==")), "typ": "JWT"}).encode())
            .decode().rstrip("="), payload, signature]), {}),
    }
    statement, changed = cases[what]
    assert verify(given, library, statement, **changed).returncode != 0


SCHEMA = json.loads((SOURCE_DIR / "docs/statement.schema.json").read_text())


@pytest.mark.parametrize("card", ["physician", "locum", "cps4"])
def test_statements_fit_their_schema(card):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    with Desk(insert=card) as desk:
        desk.login()
        situations = desk.client.call("session.practice")["situations"]
        if situations:
            desk.client.call("session.practice", number=situations[-1]["number"])
        claims = claims_of(desk.client.call("statement.get", audience=AUDIENCE,
                                            nonce=NONCE)["statement"])
        jsonschema.validate(claims, SCHEMA)
        assert ("practice" in claims) == bool(situations)


def test_the_schema_refuses_other_things():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"iss": "urn:cps-agent:x"}, SCHEMA)


def test_the_schema_and_the_page_name_the_same_claims():
    page = (SOURCE_DIR / "docs/statement.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {name.strip(" `") for row in rows for name in row.split(",")}
    assert set(SCHEMA["properties"]) <= told
