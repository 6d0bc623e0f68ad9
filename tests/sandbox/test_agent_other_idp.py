# SPDX-License-Identifier: Apache-2.0
"""The agent at an OpenID provider that is not the stand-in: django-oauth-toolkit, as Debian ships
it, by a file in providers.d and nothing else."""
import base64
import json
import os
import shutil
import urllib.parse

import pytest

from cpsworld.agent import Agent, RpcError, own
from cpsworld.django_idp import (CLIENT, PASSWORD, PUBLIC_CLIENT, RPPS, SECRET, USER, DjangoIdp)
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until

PROFILE = """[provider]
kind = local-idp
issuer = {issuer}
# This one wants a slash at the end.
discovery = /.well-known/openid-configuration/
client_id = {client}
ca_file = {ca}
redirect_path = /callback
{more}
"""
BROWSER = """#!/bin/sh
echo "$1" > "{pages}.new" && mv "{pages}.new" "{pages}"
"""


@pytest.fixture(scope="module")
def idp(stand_in, tmp_path_factory):
    pki = os.path.dirname(stand_in.ca_file)
    with DjangoIdp(tmp_path_factory.mktemp("django"), f"{pki}/server.pem",
                   f"{pki}/server.key") as provider:
        provider.ca_file = stand_in.ca_file
        yield provider


class Station(Agent):
    def __init__(self, idp, client=PUBLIC_CLIENT, more="claim_national_id = rpps"):
        super().__init__()
        self.idp = idp
        self.pages = self.dir / "home" / "page"
        program = self.bin / "browser"
        program.write_text(BROWSER.format(pages=self.pages))
        program.chmod(0o755)
        with open(self.config / "cps-agent.conf", "a", encoding="utf-8") as conf:
            conf.write(f"[browser]\ncommand = {program} {{url}}\n")
        ca = shutil.copy(idp.ca_file, self.config / "idp-ca.pem")
        secret = self.config / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        self.write_provider("hospital", PROFILE.format(
            issuer=idp.issuer, client=client, ca=ca, more=more.format(secret=secret)))
        own(self.config)

    def log_in(self, client, password=PASSWORD):
        self.pages.unlink(missing_ok=True)
        number = client.send("session.login", method="browser", provider="hospital")
        wait_until(self.pages.exists)
        agent = UserAgent(self.idp.ca_file)
        page = agent.go(self.pages.read_text().strip())
        where = urllib.parse.parse_qs(urllib.parse.urlsplit(page).query)["next"][0]
        back = agent.go(page, form={"username": USER, "password": password, "next": where})
        assert back.startswith("http://127.0.0.1:"), (back, agent.page)
        assert visit(back)[0] in (200, 303)
        return client.wait(number)


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize("client, more", [
    (PUBLIC_CLIENT, "client_auth = none"),
    (CLIENT, "client_auth = client_secret_basic\nclient_secret_file = {secret}"),
    (CLIENT, "client_auth = client_secret_post\nclient_secret_file = {secret}"),
])
def test_login_token_statement_logout(idp, client, more):
    with Station(idp, client, more + "\nclaim_national_id = rpps") as station, \
            station.client() as program:
        session = station.log_in(program)
        assert session["method"] == "browser" and session["psc"] is None and session["amr"] == []
        assert session["holder"]["national_id"] == RPPS
        assert session["holder"]["name"] == "Léa ESSAI"
        assert session["idp"]["issuer"] == idp.issuer and "acr" not in session["idp"]
        access = program.call("token.get", kind="access")["token"]
        fresh = program.call("token.get", kind="access", min_ttl_s=600)["token"]
        assert access and fresh
        statement = claims_of(program.call("statement.get", audience="dpi",
                                           nonce="12345678")["statement"])
        assert statement["sub"] == RPPS and statement["idp"] == session["idp"]
        assert "psc" not in statement
        program.call("session.logout")
        with pytest.raises(RpcError, match="NO_SESSION"):
            program.call("token.get", kind="access")


def test_a_person_without_national_identifier(idp):
    with Station(idp, more="") as station, station.client() as program:
        session = station.log_in(program)
        assert "national_id" not in session["holder"]
        statement = claims_of(program.call("statement.get", audience="dpi",
                                           nonce="12345678")["statement"])
        assert statement["sub"] == f"{idp.issuer}#{session['idp']['sub']}"
        assert "national_id" not in statement and session["holder"]["internal_id"] == statement["sub"]


@pytest.mark.parametrize("more, name", [
    ("claim_national_id = absent", "ID_TOKEN_REJECTED"),
    ("acr_absent = refuse", "ID_TOKEN_REJECTED"),
    ("require_iss = yes", "AUTHORIZATION_RESPONSE"),
    ("scope = openid email", "PROVIDER_CLIENT"),
])
def test_a_profile_that_asks_for_more_than_the_provider_gives(idp, more, name):
    with Station(idp, more=more) as station, station.client() as program:
        with pytest.raises(RpcError) as caught:
            station.log_in(program)
        assert caught.value.name == name
        assert program.call("session.current")["session"] is None
