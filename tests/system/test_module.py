# SPDX-License-Identifier: Apache-2.0
"""Logins through a PKCS#11 module: Debian's OpenSC on the virtual CPS3, SoftHSM, and the file that
is asked for."""
import json
import subprocess

import pytest

from cpsworld.agent import RpcError
from cpsworld.cardop import Cardop, CardError
from cpsworld.desk import Desk
from cpsworld.module import SOFTHSM, SoftHsm
from cpsworld.p11 import OPENSC
from cpsworld.pcsc import PcscProbe
from cpsworld.processes import is_running

OPENSC_ALWAYS = f"[card]\nmodule = {OPENSC}\nmodule_always = yes\n"


def statement_of(desk):
    """The claims of a statement that cpsctl found valid."""
    nonce = "0123456789abcdef"
    answer = desk.client.call("statement.get", audience="https://dpi.example", nonce=nonce)
    jwks = desk.agent.dir / "jwks"
    jwks.write_text(json.dumps(desk.client.call("keys.jwks")))
    done = subprocess.run([desk.agent.bin / "cpsctl", "verify", "--jwks", jwks, "--audience",
                           "https://dpi.example", "--nonce", nonce], input=answer["statement"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_day_with_opensc():
    """Login, statement, a wrong PIN, logout, another login, removal."""
    with Desk(settings=OPENSC_ALWAYS) as desk:
        (card,) = desk.client.call("card.list")["cards"]
        assert card["state"] == "ready" and card["family"] == "PKCS#15 emulated"
        assert desk.refused("pin 0000", "cancel").name == "PROMPT_CANCELLED"
        assert desk.card.tries()["pin"] == 2
        session = desk.login()
        assert session["holder"]["national_id"] == desk.card.cards["physician"]["holder"][
            "national_id"]
        assert {"sc", "pin"} <= set(statement_of(desk)["amr"])
        assert desk.card.counters()["verifies"] == 2
        desk.client.call("session.logout")
        desk.login()
        desk.card.remove(wait=False)
        desk.client.next_event("event.session", change="closed", reason="card_removed")
        assert desk.session() is None


def test_the_last_try_is_asked_for_with_opensc():
    with Desk(settings=OPENSC_ALWAYS) as desk:
        desk.card.tries(pin=1)
        error = desk.refused("no")
        assert (error.name, desk.card.tries()["pin"]) == ("PIN_LAST_TRY", 1)
        desk.login("yes", "pin " + desk.pin)
        assert desk.card.tries()["pin"] == 3


@pytest.fixture(scope="module")
def hsm():
    with SoftHsm() as it:
        yield it


def test_a_login_with_softhsm(hsm):
    """Its token has no reader: it goes by its label, for whatever card is in a reader."""
    with Desk(insert="foreign", settings=hsm.settings, env=hsm.env) as desk:
        (card,) = desk.client.call("card.list")["cards"]
        assert card["state"] == "ready" and card["family"] == "SoftHSM v2"
        assert desk.refused("pin 0000", "cancel").name == "PROMPT_CANCELLED"
        session = desk.login("pin " + hsm.PIN)
        assert session["holder"]["national_id"] == desk.card.cards["physician"]["holder"][
            "national_id"]
        assert statement_of(desk)["sub"]
        log = desk.agent.log.read_text()
        assert f"{SOFTHSM}: loaded" in log and f"beneath {hsm.tokens}" in log
        assert log.count("loaded without network") == 1


def test_softhsm_may_write_nowhere_else(hsm):
    """Without the right to write its token, it says so or fails: nothing waits, nothing is open."""
    settings = "".join(line + "\n" for line in hsm.settings.splitlines() if "writes" not in line)
    with Desk(insert="foreign", settings=settings, env=hsm.env) as desk:
        before = {path: path.stat().st_mtime_ns for path in hsm.tokens.rglob("*")}
        try:
            desk.login("pin " + hsm.PIN, deadline_ms=5000)
        except RpcError as error:
            assert error.name in ("CARD_PROTOCOL", "CARD_UNSUPPORTED", "PIN_REQUIRED"), error
        assert before == {path: path.stat().st_mtime_ns for path in hsm.tokens.rglob("*")}


def test_sign_decrypt_change_and_unblock_with_softhsm(hsm):
    with Desk(insert="foreign") as desk, Cardop(
            desk.pcscd, env=hsm.env, module={"path": SOFTHSM, "always": False, "token": hsm.LABEL,
                                             "writes": str(hsm.tokens)}) as cardop:
        cardop.open()
        keys = cardop.keys()
        assert {usage: key["id"] for usage, key in keys.items()} == {"signature": "01",
                                                                     "authentication": "02"}
        cardop.verify(hsm.PIN)
        for usage in keys:
            for hash_name in ("sha256", "sha384", "sha512"):
                assert len(cardop.sign(b"message", hash_name, usage=usage)) == 256
                assert len(cardop.sign(b"message", hash_name, usage=usage,
                                       mechanism="RSA_PKCS_PSS")) == 256
        cardop.change_pin(hsm.PIN, "7410")
        with pytest.raises(CardError, match="PIN_WRONG"):
            cardop.verify(hsm.PIN)
        cardop.unblock_pin(hsm.SO_PIN, hsm.PIN)
        cardop.verify(hsm.PIN)
        cardop.sign()


def test_a_reset_by_another_program_is_never_answered_with_the_pin():
    """OpenSC keeps the PIN and would present it again by itself."""
    with Desk() as desk, PcscProbe(desk.pcscd) as other, Cardop(
            desk.pcscd, module={"path": OPENSC, "always": True}) as cardop:
        cardop.open()
        cardop.verify(desk.pin)
        cardop.sign()
        desk.card.reset_counters()
        other.connect()
        other.disconnect(reset=True)
        with pytest.raises(CardError, match="PIN_REQUIRED"):
            cardop.sign()
        assert cardop.pin_status()["verified"] is False
        assert desk.card.counters()["verifies"] == 0
        cardop.verify(desk.pin)
        cardop.sign()
        cardop.logout()
        with pytest.raises(CardError, match="PIN_REQUIRED"):
            cardop.sign()
        assert desk.card.counters()["verifies"] == 1


@pytest.mark.parametrize("path", ["relative.so", "/nonexistent/module.so", "/tmp"])
def test_a_module_that_cannot_be_used_is_said_so(path):
    with Desk(insert="foreign", settings=f"[card]\nmodule = {path}\n") as desk:
        (card,) = desk.client.call("card.list")["cards"]
        assert (card["state"], card["error"]) == ("failed", "CONFIGURATION")
        assert desk.refused("cancel").name == "CONFIGURATION"
        assert is_running(desk.agent.process.pid)
