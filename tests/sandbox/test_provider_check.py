# SPDX-License-Identifier: Apache-2.0
"""provider.check: what a provider answers, and what differs from the profile."""
import email.utils
import json
import shutil
import subprocess
import time

import pytest

from cpsworld.agent import Agent, own, unprivileged
from cpsworld.oidcd import Oidcd, OidcError


def check(oidcd, **params):
    result = oidcd.call("check", provider="sandbox", **params)
    assert result["ok"] == all(one["level"] != "problem" for one in result["findings"])
    return {one["code"]: (one["level"], one.get("detail", "")) for one in result["findings"]}


def problems(found):
    return {code for code, (level, _) in found.items() if level == "problem"}


@pytest.mark.parametrize("client", ["psc-public", "psc-basic", "psc-post", "psc-mtls", "psc-jwt"])
def test_all_is_well(psc, client):
    with Oidcd(psc, client) as oidcd:
        found = check(oidcd)
        assert problems(found) == set()
        for code in ("profile", "redirect", "discovery", "keys", "clock", "client"):
            assert found[code][0] == "ok", found
        assert psc.sessions() == [] and psc.phone_requests() == []


def test_a_clock_that_is_wrong(psc):
    date = email.utils.formatdate(time.time() - 300, usegmt=True)
    psc.fault("headers", "discovery", set={"date": date})
    with Oidcd(psc) as oidcd:
        found = check(oidcd)
        assert problems(found) == {"clock_wrong"}
        assert -305 <= int(found["clock_wrong"][1].split()[0]) <= -299
        psc.fault("headers", "discovery",
                  set={"date": email.utils.formatdate(time.time() + 12, usegmt=True)})
        assert check(oidcd)["clock_differs"][0] == "note"


@pytest.mark.parametrize("changes, code, level", [
    ({"id_token_signing_alg_values_supported": ["ES256"]}, "no_rs256", "problem"),
    ({"response_types_supported": ["id_token"]}, "no_code_flow", "problem"),
    ({"code_challenge_methods_supported": ["plain"]}, "pkce_not_listed", "note"),
    ({"grant_types_supported": ["authorization_code"]}, "ciba_not_listed", "note"),
    ({"backchannel_token_delivery_modes_supported": ["ping"]}, "no_poll", "problem"),
    ({"scopes_supported": ["openid"]}, "scope_not_listed", "note"),
    ({"token_endpoint_auth_methods_supported": ["tls_client_auth"]}, "client_auth_not_listed",
     "note"),
    ({"issuer": "https://evil.example.test"}, "discovery_outside", "problem"),
    ({"token_endpoint": "https://evil.example.test/token"}, "discovery_outside", "problem"),
])
def test_a_document_that_differs(psc, changes, code, level):
    psc.fault("doc", set=changes)
    with Oidcd(psc) as oidcd:
        assert check(oidcd)[code][0] == level


def test_pushed_requests_that_the_profile_excludes(psc):
    psc.fault("doc", set={"require_pushed_authorization_requests": True})
    with Oidcd(psc, par="no") as oidcd:
        assert "par_required" in problems(check(oidcd))


@pytest.mark.parametrize("fault, code", [
    ({"kind": "status", "on": "discovery", "status": 503}, "discovery_wrong"),
    ({"kind": "html", "on": "discovery"}, "discovery_wrong"),
    ({"kind": "reset", "on": "discovery"}, "discovery_wrong"),
    ({"kind": "keys", "how": "small"}, "keys_wrong"),
    ({"kind": "hang", "on": "jwks"}, "timeout"),
])
def test_a_rude_provider(psc, fault, code):
    psc.fault(**fault)
    with Oidcd(psc) as oidcd:
        assert code in problems(check(oidcd, deadline_ms=2000))


def test_a_wrong_secret(psc):
    with Oidcd(psc, "psc-basic", client_id="psc-post") as oidcd:
        assert problems(check(oidcd)) == {"client_refused"}
    with Oidcd(psc, "psc-public", client_id="nobody") as oidcd:
        assert problems(check(oidcd)) == {"client_refused"}


@pytest.mark.parametrize("cert", ["wrongname", "expired", "otherca", "selfsigned"])
def test_tls_that_does_not_verify(psc, cert):
    psc.tls(cert=cert)
    with Oidcd(psc) as oidcd:
        found = check(oidcd)
        assert "SSL" in found["discovery_wrong"][1]


def test_a_taken_port_and_a_wrong_profile(psc):
    with Oidcd(psc, redirect_ports=psc.ports["auth"]) as oidcd:
        assert problems(check(oidcd)) == {"redirect_taken"}
    with Oidcd(psc, leeway_s="61") as oidcd:
        found = check(oidcd)
        assert set(found) == {"profile_wrong"} and "line" in found["profile_wrong"][1]
        with pytest.raises(OidcError, match="PROVIDER_UNKNOWN"):
            oidcd.call("check", provider="nobody")


def test_in_words(psc):
    """cpsctl, in both languages and in JSON; its status tells what scripts need."""
    with Agent() as agent:
        ca = shutil.copy(psc.ca_file, agent.config / "ca.pem")
        agent.write_provider("sandbox", f"""[provider]
kind = sandbox
issuer = {psc.issuer}
allowed_hosts = 127.0.0.1:{psc.ports['wallet']}
client_id = psc-public
ca_file = {ca}
""")
        own(agent.config)
        agent.stop()
        agent.start()

        def cpsctl(*words, **environment):
            return subprocess.run(unprivileged([str(agent.bin / "cpsctl"), *words]),
                                  env={**agent.environment, **environment}, capture_output=True,
                                  text=True, timeout=60, check=False)

        said = cpsctl("provider", "check", "sandbox")
        assert said.returncode == 0, said
        assert "le fournisseur reconnaît ce client" in said.stdout
        found = json.loads(cpsctl("--json", "provider", "check").stdout)
        assert found["ok"] and found["kind"] == "sandbox"
        assert "sandbox" in cpsctl("provider", "list").stdout
        psc.outage("refuse")
        said = cpsctl("provider", "check", "sandbox")
        psc.outage("none")
        assert said.returncode == 1 and "ERREUR" in said.stdout
        assert cpsctl("provider", "check", "nobody").returncode == 1
        assert cpsctl("provider", "delete").returncode == 2
        assert "depuis" in cpsctl("status").stdout
