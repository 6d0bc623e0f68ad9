# SPDX-License-Identifier: Apache-2.0
"""Connections of cps-oidcd to a provider that gives TLS tickets: the next one resumes, and only
then, and only when it is nobody's in particular."""
import subprocess

import pytest

from cpsworld.agent import Agent, own
from cpsworld.idp import Idp

LONGER_S = 600  # than a token lives: each call is a refresh


@pytest.fixture(scope="module")
def idp():
    with Idp(tickets=True) as it:
        yield it


def login(client, provider="idp"):
    client.call("session.login", method="ecps", provider=provider, national_id="899700001011")


def refreshes(client, idp, n):
    """How many of that many resumed."""
    before = idp.counts()
    for _ in range(n):
        client.call("token.get", min_ttl_s=LONGER_S)
    after = idp.counts()
    assert after["refreshes"] - before["refreshes"] == n
    return after["resumed"] - before["resumed"]


def test_refreshes_resume(idp):
    with Agent(providers={"idp": idp.profile()}) as agent, agent.client() as client:
        login(client)
        assert refreshes(client, idp, 4) == 4


def test_without_tickets_none_does():
    with Idp() as idp, Agent(providers={"idp": idp.profile()}) as agent, agent.client() as client:
        login(client)
        assert refreshes(client, idp, 2) == 0


def test_a_provider_with_new_keys_is_met_anew(idp):
    """Tickets that it cannot open any more: one full handshake, and nobody notices."""
    with Agent(providers={"idp": idp.profile()}) as agent, agent.client() as client:
        login(client)
        client.call("session.logout")
        idp.stop()
        idp.start()
        login(client)
        counts = idp.counts()
        ours = counts["connections"] - 1  # that of counts()
        assert counts["resumed"] == ours - 1 > 0


def test_two_profiles_of_a_host_do_not_share(idp):
    """Other trust anchors, even the same ones in another file, have not verified that session."""
    copy = idp.dir / "copy.pem"
    copy.write_bytes(idp.ca_file.read_bytes())
    profiles = {"idp": idp.profile(), "other": idp.profile(ca_file=copy)}
    with Agent(providers=profiles) as agent, agent.client() as client:
        login(client)
        client.call("session.logout")
        before = idp.counts()
        login(client, "other")
        after = idp.counts()
        ours = after["connections"] - before["connections"] - 1
        assert after["resumed"] - before["resumed"] == ours - 1 > 0


def test_a_certificate_is_shown_each_time(idp):
    """A resumed session would carry the client certificate of whoever began it."""
    key, certificate = idp.dir / "client.key", idp.dir / "client.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-keyout", str(key), "-out",
                    str(certificate), "-subj", "/CN=client"], check=True, capture_output=True)
    own(key), own(certificate)
    profile = idp.profile(client_auth="tls_client_auth", client_key=key,
                          client_certificate=certificate)
    with Agent(providers={"idp": profile}) as agent, agent.client() as client:
        login(client)
        assert refreshes(client, idp, 2) == 0
