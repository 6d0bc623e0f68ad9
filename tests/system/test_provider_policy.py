# SPDX-License-Identifier: Apache-2.0
"""Rules of policy.d, as the programs that they name feel them."""
import signal

import pytest

from cpsworld.agent import RpcError, own
from cpsworld.desk import Desk
from cpsworld.provider import Provider
from cpsworld.stopwatch import Stopwatch

TOOL = "/usr/bin/pkcs11-tool"
RULE = f"[tool]\nprogram = {TOOL}\n"


@pytest.fixture(scope="module", name="desk")
def _desk():
    with Desk() as desk:
        desk.provider = Provider(desk.agent)
        desk.policy = desk.agent.config / "policy.d"
        desk.policy.mkdir()
        yield desk


@pytest.fixture(autouse=True)
def _no_rules(desk):
    desk.pinentry.answers()
    desk.pinentry.default("cancel")
    yield
    for path in desk.policy.iterdir():
        path.unlink()
    reload(desk)


def reload(desk, **files):
    """Writes NAME.conf for each and has them read; the state that subscribers see."""
    for name, text in files.items():
        (desk.policy / f"{name}.conf").write_text(text)
    own(desk.policy)
    desk.client.notifications.clear()
    desk.agent.process.send_signal(signal.SIGHUP)
    desk.client.next_event("event.health", component="policy")
    return desk.client.call("status")["policy"]["programs"]


def tokens(desk):
    return desk.client.call("pkcs11.tokens", wait=True)["tokens"]


def test_the_signature_key_is_hidden(desk):
    reload(desk, tool=RULE + "signature = no\ndata = none\n")
    said = desk.provider.tool("-O")
    assert "CPS_PRIV_AUT" in said and "Signature" not in said and "CPS_ID_CARD" not in said
    said = desk.provider.tool("-M")
    assert "SHA256" not in said, "mechanisms are those of the keys that are seen"
    (token,) = tokens(desk)
    assert len(token["keys"]) == 2, "other programs are not concerned"


def test_nothing_at_all(desk):
    reload(desk, tool=RULE + "authentication = no\nsignature = no\ndata = none\n")
    assert "No slot with a token" in desk.provider.tool("-O", status=None)


def test_what_is_not_shown_cannot_be_used(desk):
    (token,) = tokens(desk)
    card = {"card_id": token["card_id"]}
    # This client runs as another user: the agent cannot tell its program.
    reload(desk, all="[default]\nauthentication = no\nsignature = no\ndata = none\n")
    asked = desk.pinentry.questions()
    assert tokens(desk) == []
    data = {"data": "AAAA", "usage": "authentication", **card}
    for method, params in (("pkcs11.sign", {"mechanism": "RSA_PKCS", **data}),
                           ("pkcs11.decrypt", data), ("pkcs11.login", card),
                           ("pkcs11.object", {"label": "CPS_ID_CARD", **card})):
        with pytest.raises(RpcError) as caught:
            desk.client.call(method, **params)
        assert caught.value.name == "NOT_ALLOWED"
    assert desk.pinentry.questions() == asked


def test_no_question_for_a_program_that_cannot_wait(desk):
    reload(desk, tool=RULE + "ask_pin = no\n")
    asked, timer = desk.pinentry.questions(), Stopwatch()
    said = desk.provider.tool("--login", "-O", status=1)
    assert "CKR_USER_NOT_LOGGED_IN" in said
    assert desk.pinentry.questions() == asked and timer.took_s() < 5
    desk.login()
    desk.provider.tool("--login", "-O")


def test_programs_that_insist_on_login(desk):
    reload(desk, tool=RULE + "login_required = yes\n")
    assert "login required" in desk.provider.tool("-L")
    desk.client.call("session.logout")
    desk.pinentry.answers("pin " + desk.pin)
    said = desk.provider.tool("--login", "-O")
    assert "CPS_PRIV_AUT" in said


def test_a_typed_pin_is_dropped_where_the_rule_says_so(desk):
    reload(desk, tool=RULE + "typed_pin = ignore\n")
    desk.login(fresh=True)
    verifies = desk.card.counters()["verifies"]
    desk.provider.tool("--login", "--pin", "9999", "-O")
    assert desk.card.counters()["verifies"] == verifies and desk.card.tries()["pin"] == 3


def test_private_data_objects(desk):
    reload(desk, tool=RULE + "data = all\n")
    assert "CPS_ACTIVITY_" not in desk.provider.tool("-O"), "not before C_Login"
    desk.login(fresh=True)
    said = desk.provider.tool("--login", "-O")
    assert "CPS_ACTIVITY_" in said
    label = next(line.split("'")[1] for line in said.splitlines() if "CPS_ACTIVITY_" in line)
    value = desk.provider.path("activity")
    desk.provider.tool("--login", "--read-object", "--type", "data", "--label", label, "-o", value)
    assert value.read_bytes()[0] == 0xEE


def test_a_mistake_is_shown_and_changes_nothing(desk):
    assert reload(desk, tool=RULE + "signature = no\n") == {"files": 1, "refused": []}
    told = reload(desk, tool=RULE + "signature = sometimes\n")
    assert told["files"] == 1 and told["refused"][0]["file"] == "tool.conf"
    assert "signature" in told["refused"][0]["error"]
    assert "Signature" not in desk.provider.tool("-O"), "what it said before"
    told = reload(desk, other="[x]\nprogram = x\n")
    assert len(told["refused"]) == 2
    assert tokens(desk) == [], "a file that never was right closes what no other one opens"
    assert "CPS_PRIV_AUT" in desk.provider.tool("-O")
