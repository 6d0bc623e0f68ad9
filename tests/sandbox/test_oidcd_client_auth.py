# SPDX-License-Identifier: Apache-2.0
"""How oidcd proves itself to the provider: certificate, signed assertion, keys in files and in a
PKCS#11 token; pushed authorization requests."""
import base64
import json
import os
import shutil
import subprocess
import urllib.parse

import pytest

from cpsworld.oidcd import Oidcd, OidcError

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "648219"


def refused(call, *args, **params):
    with pytest.raises(OidcError) as caught:
        call(*args, **params)
    return caught.value.code, caught.value.reason


def whole_life(psc, oidcd):
    """Login, refresh, logout: every request that a client makes in its own name."""
    login = oidcd.login_browser()
    assert oidcd.call("refresh", handle=login["handle"])["access_token"] != login["access_token"]
    assert oidcd.call("logout", handle=login["handle"]) == {"ended": True}
    return {route: psc.seen(route)[0] for route in ("token.code", "token.refresh", "revoke")}


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


# Certificate --------------------------------------------------------------------------------------

def test_tls_client_auth(psc):
    with Oidcd(psc, "psc-mtls") as oidcd:
        for sent in whole_life(psc, oidcd).values():
            assert sent["listener"] == "mtls", "the endpoint made for certificates"
            assert "CN=sandbox-auth-cli" in sent["client_certificate"]
            assert sent["params"]["client_id"] == "psc-mtls" and "authorization" not in sent
        assert psc.seen("discovery")[0].get("client_certificate") is None
        psc.phone_auto()
        assert oidcd.login_ciba()["access_token"]
        assert psc.seen("ciba_auth")[0]["listener"] == "mtls"


@pytest.mark.parametrize("encoding", ["rfc8705", "ans"])
def test_certificate_bound_tokens(psc, encoding):
    psc.settings(cnf_encoding=encoding)
    with Oidcd(psc, "psc-mtls-bound") as oidcd:
        login = oidcd.login_browser()
        assert "x5t#S256" in claims_of(login["access_token"])["cnf"]
        assert psc.seen("userinfo")[0]["listener"] == "mtls"


def test_a_certificate_of_another_authority_is_refused(psc):
    directory = os.path.dirname(psc.ca_file)
    with Oidcd(psc, "psc-mtls", client_certificate=f"{directory}/client-mtls-otherca.pem",
               client_key=f"{directory}/client-mtls-otherca.key") as oidcd:
        assert refused(oidcd.login_browser)[0] == "PROVIDER_CLIENT"


def bare(psc, client):
    """A profile of the same hosts without a certificate."""
    return "\n".join(["[provider]", "kind = sandbox", f"issuer = {psc.issuer}",
                      f"client_id = {client}", f"ca_file = {psc.ca_file}", "allowed_hosts = "
                      f"127.0.0.1:{psc.ports['wallet']} localhost:{psc.ports['mtls']}", ""])


def test_two_profiles_do_not_share_a_connection(psc):
    """The second one has the same hosts and no certificate: it must not ride on the first's."""
    with Oidcd(psc, "psc-mtls", profiles={"bare": bare(psc, "psc-mtls")}) as oidcd:
        oidcd.login_browser()
        path = psc.seen("token.code")[0]["path"]
        psc.fault("doc", "discovery", times=-1,
                  set={"token_endpoint": f"https://localhost:{psc.ports['mtls']}{path}"})
        assert refused(oidcd.login_browser, provider="bare")[0] == "PROVIDER_CLIENT"
        assert psc.seen("token.code")[-1].get("client_certificate") is None


def test_a_connection_with_a_certificate_serves_once(psc):
    """As above, for what does not ask for a connection of its own, as a revocation does not; and one
    without a certificate does not serve who has one."""
    path = urllib.parse.urlsplit(psc.issuer).path + "/protocol/openid-connect/revoke"
    psc.fault("doc", "discovery", times=-1,
              set={"revocation_endpoint": f"https://localhost:{psc.ports['mtls']}{path}"})
    with Oidcd(psc, "psc-mtls", profiles={"bare": bare(psc, "psc-public")}) as oidcd:
        handles = [oidcd.login_browser(provider=name)["handle"]
                   for name in ("sandbox", "bare", "sandbox")]
        for handle in handles:
            oidcd.call("logout", handle=handle)
    sent = psc.seen("revoke")
    assert [one["listener"] for one in sent] == ["mtls"] * 3
    assert [one.get("client_certificate") is not None for one in sent] == [True, False, True]


# Assertion ----------------------------------------------------------------------------------------

def test_private_key_jwt(psc):
    with Oidcd(psc, "psc-jwt") as oidcd:
        sent = whole_life(psc, oidcd)
    for request in sent.values():
        assert request["params"]["client_assertion_type"].endswith(":jwt-bearer")
        assert "client_secret" not in request["params"] and "authorization" not in request
    assert len({request["params"]["client_assertion"] for request in sent.values()}) == 3


def test_an_elliptic_key(psc, tmp_path):
    key = tmp_path / "p256.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-out", key], check=True, capture_output=True)
    key.chmod(0o600)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"],
                            check=True, capture_output=True).stdout
    x, y = (base64.urlsafe_b64encode(part).rstrip(b"=").decode()
            for part in (public[-64:-32], public[-32:]))
    psc.add_client("psc-ec", token_endpoint_auth_method="private_key_jwt",
                   token_endpoint_auth_signing_alg="ES256",
                   jwks={"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "ec",
                                   "use": "sig", "alg": "ES256"}]})
    with Oidcd(psc, "psc-jwt", client_id="psc-ec", client_key=str(key),
               client_key_id="ec") as oidcd:
        for _ in range(8):  # R and S of every length
            oidcd.call("logout", handle=oidcd.login_browser()["handle"])


def test_another_key_is_refused(psc):
    stranger = os.path.join(os.path.dirname(psc.ca_file), "encryption.key")
    with Oidcd(psc, "psc-jwt", client_key=stranger) as oidcd:
        assert refused(oidcd.login_browser) == ("PROVIDER_CLIENT", "invalid_client")


# Files --------------------------------------------------------------------------------------------

def why_not(oidcd):
    (provider,) = oidcd.call("providers")["providers"]
    assert provider["error"]["code"] == "CONFIGURATION"
    return " ".join(provider["error"]["causes"])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_open_to_others_is_not_used(psc, mode, tmp_path):
    key = tmp_path / "client.key"
    shutil.copy(psc.clients["psc-jwt"]["key"], key)
    key.chmod(mode)
    with Oidcd(psc, "psc-jwt", client_key=str(key)) as oidcd:
        assert "chmod 600" in why_not(oidcd) and "line" in why_not(oidcd)
        assert refused(oidcd.login_browser)[0] == "CONFIGURATION"


def test_a_certificate_of_another_key(psc):
    other = os.path.join(os.path.dirname(psc.ca_file), "client-mtls-otherca.pem")
    with Oidcd(psc, "psc-mtls", client_certificate=other) as oidcd:
        assert "not that of the key" in why_not(oidcd)


def test_systemd_credentials(psc, tmp_path):
    (tmp_path / "psc-secret").write_text(psc.clients["psc-basic"]["secret"] + "\n")
    (tmp_path / "psc-secret").chmod(0o400)
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    with Oidcd(psc, env=environment, client_secret_file=None,
               client_secret_credential="psc-secret") as oidcd:
        assert oidcd.login_browser()["access_token"]
    with Oidcd(psc, client_secret_file=None, client_secret_credential="psc-secret") as oidcd:
        assert "LoadCredential" in why_not(oidcd)
    (tmp_path / "psc-secret").chmod(0o440)
    with Oidcd(psc, env=environment, client_secret_file=None,
               client_secret_credential="psc-secret") as oidcd:
        assert "chmod 600" in why_not(oidcd)


# PKCS#11 token ------------------------------------------------------------------------------------

@pytest.fixture
def token(tmp_path, monkeypatch):
    """A SoftHSM token that holds the two client keys; where its PIN is."""
    if not os.path.exists(SOFTHSM):
        pytest.skip("no SoftHSM")
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "site", "--pin", PIN,
                    "--so-pin", "12345678"], check=True, capture_output=True)
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    return {"client_key_module": SOFTHSM, "client_key_pin_file": str(pin)}


def put(key, number, label):
    subprocess.run(["softhsm2-util", "--import", key, "--token", "site", "--label", label, "--id",
                    number, "--pin", PIN], check=True, capture_output=True)


def test_tls_client_auth_with_a_token(psc, token):
    put(psc.clients["psc-mtls"]["key"], "01", "tls")
    with Oidcd(psc, "psc-mtls", client_key="pkcs11:token=site;object=tls;type=private",
               **token) as oidcd:
        assert whole_life(psc, oidcd)["token.code"]["listener"] == "mtls"


def test_private_key_jwt_with_a_token(psc, token, capfd):
    put(psc.clients["psc-jwt"]["key"], "02", "jwt")
    with Oidcd(psc, "psc-jwt", client_key="pkcs11:token=site;object=jwt;type=private",
               **token) as oidcd:
        whole_life(psc, oidcd)
        with open(f"/proc/{oidcd.worker.process.pid}/cmdline", encoding="ascii") as file:
            assert PIN not in file.read()
    assert PIN not in capfd.readouterr().err


@pytest.mark.parametrize("wrong", ["pin", "object", "module"])
def test_a_token_that_refuses(psc, token, wrong, tmp_path):
    put(psc.clients["psc-jwt"]["key"], "02", "jwt")
    name = "other" if wrong == "object" else "jwt"
    if wrong == "pin":
        (tmp_path / "pin").write_text("000000\n")
    if wrong == "module":
        token["client_key_module"] = "/nonexistent/module.so"
    with Oidcd(psc, "psc-jwt", client_key=f"pkcs11:token=site;object={name};type=private",
               **token) as oidcd:
        assert refused(oidcd.login_browser) == ("CONFIGURATION", "client_key")
        assert psc.seen("token") == []


def test_a_token_with_another_key_than_the_certificate_s(psc, token):
    put(psc.clients["psc-jwt"]["key"], "01", "tls")
    with Oidcd(psc, "psc-mtls", client_key="pkcs11:token=site;object=tls;type=private",
               **token) as oidcd:
        assert refused(oidcd.login_browser) == ("CONFIGURATION", "client_key")
        assert psc.seen("token") == []


# Pushed authorization requests ---------------------------------------------------------------------

@pytest.mark.parametrize("client", ["psc-public", "psc-basic", "psc-post", "psc-mtls", "psc-jwt"])
def test_pushed_because_the_provider_requires_it(psc, client):
    psc.fault("doc", "discovery", times=-1, set={"require_pushed_authorization_requests": True})
    with Oidcd(psc, client) as oidcd:
        assert oidcd.login_browser()["access_token"]
        (pushed,) = psc.seen("par")
        assert pushed["params"]["acr_values"] == "eidas1"
        assert pushed["params"]["code_challenge_method"] == "S256"
        query = psc.seen("authorize")[0]["params"]
        assert set(query) == {"client_id", "request_uri"}


def test_pushed_because_the_profile_says_so(psc):
    with Oidcd(psc, par="yes", idp_hint="HOSPITAL_1") as oidcd:
        assert oidcd.login_browser()["access_token"]
        assert psc.seen("par")[0]["params"]["kc_idp_hint"] == "HOSPITAL_1"


@pytest.mark.parametrize("fault, code", [
    ({"kind": "status", "status": 503}, "PROVIDER_UNAVAILABLE"),
    ({"kind": "error", "error": "invalid_request"}, "PROVIDER_ANSWER"),
    ({"kind": "error", "error": "invalid_client", "status": 401}, "PROVIDER_CLIENT"),
    ({"kind": "body", "unset": ["request_uri"]}, "PROVIDER_ANSWER"),
    ({"kind": "html"}, "PROVIDER_ANSWER"),
])
def test_a_push_that_fails(psc, fault, code):
    psc.fault(on="par", **fault)
    with Oidcd(psc, par="yes") as oidcd:
        assert refused(oidcd.begin_browser)[0] == code
        assert psc.seen("authorize") == []
