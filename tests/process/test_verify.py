# SPDX-License-Identifier: Apache-2.0
"""cpsctl verify: tokens made by Debian's jose, and every way to bend one."""
import base64
import json
import os
import pathlib
import subprocess
import time

import pytest

from cpsworld.fake_agent import FakeAgent

BIN = pathlib.Path(os.environ["CPS_BUILD_DIR"]) / "bin"
AUDIENCE = "https://dpi.example"
NONCE = "n-0S6_WzA2Mj"


def jose(*args, stdin=None):
    done = subprocess.run(["jose", *args], input=stdin, capture_output=True, text=True, check=True)
    return done.stdout


def b64(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """Keys of one algorithm, and tokens signed with them."""

    def __init__(self, directory, alg, kid):
        self.alg, self.kid = alg, kid
        self.key = directory / f"{kid}.jwk"
        key = json.loads(jose("jwk", "gen", "-i", json.dumps({"alg": alg})))
        self.key.write_text(json.dumps(key))
        public = json.loads(jose("jwk", "pub", "-i", str(self.key)))
        public.pop("key_ops", None)
        self.public = {**public, "kid": kid, "use": "sig"}

    def sign(self, claims, **header):
        protected = {"alg": self.alg, "typ": "cps-login+jwt", "kid": self.kid, **header}
        protected = {k: v for k, v in protected.items() if v is not None}
        template = json.dumps({"protected": protected})
        token = jose("jws", "sig", "-I", "-", "-k", str(self.key), "-s", template, "-c",
                     stdin=json.dumps(claims))
        return token.strip()


@pytest.fixture(scope="module", name="signer")
def _signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("keys"), "ES256", "k1")


@pytest.fixture(scope="module", name="rsa")
def _rsa(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("keys"), "RS256", "r1")


def claims(**changes):
    now = int(time.time())
    all_claims = {"iss": "poste", "aud": AUDIENCE, "nonce": NONCE, "iat": now, "exp": now + 120,
                  "sub": "899700000001", **changes}
    return {k: v for k, v in all_claims.items() if v is not None}


def verify(token, keys, *args, audience=AUDIENCE, nonce=NONCE):
    """(exit status, verdict)"""
    command = [str(BIN / "cpsctl"), "--json", "verify", "-", *args]
    command += ["--audience", audience] if audience else []
    command += ["--nonce", nonce] if nonce else []
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as file:
        json.dump({"keys": keys}, file)
    with os.fdopen(reader) as file:
        done = subprocess.run([*command, "--jwks", f"/proc/self/fd/{file.fileno()}"], input=token,
                              pass_fds=[file.fileno()], capture_output=True, text=True,
                              timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def reason(*args, **kwargs):
    status, verdict = verify(*args, **kwargs)
    if status == 0:
        assert verdict["valid"] is True
        return "valid"
    assert status == 9 and verdict["valid"] is False, verdict
    return verdict["reason"]


def test_a_good_statement(signer):
    token = signer.sign(claims())
    status, verdict = verify(token + "\n", [signer.public])
    assert status == 0 and verdict["claims"]["sub"] == "899700000001"
    assert reason(token, [signer.public], audience=None, nonce=None) == "valid"


@pytest.mark.parametrize("changes, expected", [
    ({"aud": "https://other"}, "aud"), ({"aud": None}, "aud"), ({"aud": ["x", AUDIENCE]}, "valid"),
    ({"aud": ["x"]}, "aud"), ({"aud": [1]}, "aud"), ({"nonce": "other-nonce"}, "nonce"),
    ({"nonce": None}, "nonce"), ({"nonce": 1}, "nonce"), ({"exp": None}, "claims"),
    ({"iat": None}, "claims"), ({"exp": "1"}, "claims"), ({"exp": 1.5}, "claims"),
    ({"exp": int(time.time()) - 60}, "exp"), ({"iat": int(time.time()) + 600}, "iat"),
    ({"nbf": int(time.time()) + 600}, "nbf"), ({"exp": int(time.time()) + 9000}, "lifetime")])
def test_claims(signer, changes, expected):
    assert reason(signer.sign(claims(**changes)), [signer.public]) == expected


def test_the_leeway(signer):
    now = int(time.time())
    token = signer.sign(claims(iat=now - 150, exp=now - 30))
    assert reason(token, [signer.public]) == "exp"
    assert reason(token, [signer.public], "--leeway", "60") == "valid"


@pytest.mark.parametrize("header, expected", [
    ({"typ": "JWT"}, "typ"), ({"typ": None}, "typ"), ({"kid": "other"}, "kid"),
    ({"kid": None}, "kid"), ({"kid": 3}, "kid"), ({"crit": ["exp"]}, "crit"), ({"b64": False}, "crit")])
def test_headers(signer, header, expected):
    token = signer.sign(claims())
    head = {"alg": "ES256", "typ": "cps-login+jwt", "kid": "k1", **header}
    head = {k: v for k, v in head.items() if v is not None}
    forged = ".".join([b64(head), *token.split(".")[1:]])
    assert reason(forged, [signer.public]) == expected


def test_the_typ_can_be_left_open(signer):
    token = signer.sign(claims(exp=int(time.time()) + 9000), typ="JWT")
    assert reason(token, [signer.public], "--typ", "JWT") == "valid"
    assert reason(token, [signer.public], "--typ", "") == "valid"


def bend(token, part, change):
    parts = token.split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


@pytest.mark.parametrize("change, expected", [
    (lambda t: "", "segments"), (lambda t: t.rsplit(".", 1)[0], "segments"),
    (lambda t: t + ".x", "segments"), (lambda t: t + ".", "segments"),
    (lambda t: t.replace(".", "..", 1), "segments"), (lambda t: "." + t, "segments"),
    (lambda t: t.rsplit(".", 1)[0] + ".", "segments"), (lambda t: "x" * 70000, "file"),
    (lambda t: bend(t, 0, lambda p: p + "="), "base64"),
    (lambda t: bend(t, 0, lambda p: p + "!"), "base64"),
    (lambda t: bend(t, 0, lambda p: b64(b"[1]")), "header"),
    (lambda t: bend(t, 0, lambda p: b64(b'{"alg":"ES256","alg":"none"}')), "header"),
    (lambda t: bend(t, 0, lambda p: b64({"alg": "none"})) , "alg"),
    (lambda t: bend(t, 0, lambda p: b64({"alg": "HS256", "kid": "k1"})), "alg"),
    (lambda t: bend(t, 1, lambda p: b64(claims(sub="8997"))), "signature"),
    (lambda t: bend(t, 2, lambda p: b64(b"\0" * 64)), "signature"),
    (lambda t: bend(t, 2, lambda p: b64(b"\1" * 60)), "signature"),
    (lambda t: " " + t, "base64")])
def test_bent_tokens(signer, change, expected):
    status, verdict = verify(change(signer.sign(claims())), [signer.public])
    if expected == "file":
        assert status == 2
    else:
        assert (status, verdict["reason"]) == (9, expected)


def test_a_trailing_bit_is_refused(signer):
    """The last character of 64 bytes carries four bits: another one decodes to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = signer.sign(claims())
    bent = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    assert reason(bent, [signer.public]) == "base64"


def test_keys(signer, rsa):
    token = signer.sign(claims())
    good = signer.public
    assert reason(token, []) == "kid"
    assert reason(token, [rsa.public]) == "kid"
    assert reason(token, [{**good, "kid": "k2"}, good, rsa.public]) == "valid"
    assert reason(token, [good, {**rsa.public, "kid": "k1"}]) == "key"
    assert reason(token, [{**rsa.public, "kid": "k1"}, good]) == "key", "two of that name"
    for change in ({"kty": "RSA"}, {"crv": "P-384"}, {"alg": "ES384"}, {"use": "enc"}, {"x": "AA"},
                   {"x": 1}, {"y": good["y"] + "A"}):
        assert reason(token, [{**good, **change}]) == "key", change
    assert reason(token, [{**good, "x": good["y"]}]) == "signature"


def test_rs256_only_when_asked(rsa, signer):
    token = rsa.sign(claims())
    assert reason(token, [rsa.public]) == "alg"
    assert reason(token, [rsa.public], "--alg", "RS256") == "valid"
    assert reason(signer.sign(claims()), [signer.public], "--alg", "RS256") == "alg"
    small = {**rsa.public, "n": rsa.public["n"][:300]}
    assert reason(token, [small], "--alg", "RS256") == "key"
    assert reason(token, [{**rsa.public, "alg": "PS256"}], "--alg", "RS256") == "key"


def test_an_hmac_with_the_public_key_is_refused(signer, tmp_path):
    """The classic confusion: the public key used as a shared secret."""
    secret = tmp_path / "secret.jwk"
    secret.write_text(json.dumps({"kty": "oct", "k": b64(json.dumps(signer.public).encode()),
                                  "alg": "HS256"}))
    token = jose("jws", "sig", "-I", "-", "-k", str(secret), "-c", "-s", json.dumps(
        {"protected": {"alg": "HS256", "kid": "k1", "typ": "cps-login+jwt"}}),
                 stdin=json.dumps(claims())).strip()
    assert reason(token, [signer.public]) == "alg"


@pytest.mark.parametrize("args", [["--alg", "none"], ["--alg", "ES384"], ["--leeway", "-1"],
                                  ["--nonsense"], ["a", "b"]])
def test_usage(signer, args):
    assert verify(signer.sign(claims()), [signer.public], *args)[0] == 2


def test_files_and_words(signer, tmp_path):
    (tmp_path / "t").write_text(signer.sign(claims()))
    (tmp_path / "k").write_text(json.dumps({"keys": [signer.public]}))
    command = [str(BIN / "cpsctl"), "verify", str(tmp_path / "t"), "--jwks", str(tmp_path / "k")]
    env = {**os.environ, "LANG": "", "LANGUAGE": "", "LC_ALL": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, "Valable.\n")
    assert json.loads(done.stdout)["sub"] == "899700000001"
    done = subprocess.run([*command, "--nonce", "otherother"], capture_output=True, text=True,
                          env=env, check=False)
    assert done.returncode == 9 and done.stdout == ""
    assert done.stderr.startswith("Refusé (nonce) : le nonce n'est pas celui attendu")
    for missing in ([command[0], "verify", str(tmp_path / "none"), *command[3:]],
                    [*command[:4], str(tmp_path / "none")], [*command[:4], str(tmp_path / "t")]):
        assert subprocess.run(missing, capture_output=True, check=False).returncode == 2


def test_the_keys_of_the_agent(signer, tmp_path):
    with FakeAgent(str(tmp_path), {"keys.jwks": {"keys": [signer.public]}}) as fake:
        done = subprocess.run([str(BIN / "cpsctl"), "verify", "--audience", AUDIENCE], text=True,
                              input=signer.sign(claims()), capture_output=True, check=False,
                              env={**os.environ, "CPS_AGENT_SOCK": fake.path})
    assert done.returncode == 0, done.stderr
    assert len(fake.asked("keys.jwks")) == 1
