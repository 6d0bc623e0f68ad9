# SPDX-License-Identifier: Apache-2.0
"""The provider is away: what needs it says so, and people go on with their cards."""
import time

import pytest

from cpsworld.agent import RpcError
from cpsworld.desk import Desk
from cpsworld.tls import free_port
from cpsworld.wait import wait_until

PROFILE = """[provider]
kind = sandbox
issuer = https://localhost:{port}/auth
client_id = nobody-answers
ciba = yes
"""


@pytest.fixture(name="desk")
def _desk():
    with Desk() as desk:
        desk.client.__exit__()
        desk.agent.stop()
        desk.agent.write_provider("away", PROFILE.format(port=free_port()))
        desk.agent.start()
        desk.client = desk.agent.client()
        desk.client.call("subscribe")
        desk.client.until_card()
        assert wait_until(lambda: desk.client.call("status")["providers"])
        yield desk


def provider(desk):
    (found,) = desk.client.call("status")["providers"]
    return found


def test_cards_log_in_while_the_provider_is_away(desk):
    with pytest.raises(RpcError) as caught:
        desk.client.call("session.login", method="ecps", national_id="899700000011")
    assert caught.value.name == "PROVIDER_UNAVAILABLE"
    assert wait_until(lambda: provider(desk)["state"] == "down")
    assert provider(desk)["error"] == "PROVIDER_UNAVAILABLE"
    assert abs(provider(desk)["since_at"] - time.time()) < 60
    session = desk.login()
    assert session["method"] == "card" and "mfa" in session["amr"]
    assert desk.client.call("statement.get", audience="dpi", nonce="12345678")["statement"]
    with pytest.raises(RpcError) as caught:
        desk.client.call("token.get")
    assert caught.value.name == "TOKEN_UNAVAILABLE"
    assert provider(desk)["state"] == "down", "a card login says nothing of it"
