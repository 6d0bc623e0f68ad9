# SPDX-License-Identifier: Apache-2.0
"""cpsctl card report: what a card says of its kind, and nothing of its holder."""
import json
import os
import pty
import subprocess

import pytest

from cpsworld.agent import RpcError, unprivileged
from cpsworld.cardop import Cardop, CardError
from cpsworld.desk import Desk

CARDS = ["physician", "variant", "contactless", "cps4", "cpe", "locum", "large"]
SHORT = 5  # a text of fewer characters may be there by chance


@pytest.fixture(scope="module", name="desk")
def fixture_desk():
    with Desk() as desk:
        yield desk


def cpsctl(desk, *words, stdin=subprocess.DEVNULL, **env):
    return subprocess.run(
        unprivileged([str(desk.agent.bin / "cpsctl"), *words]), stdin=stdin, capture_output=True,
        text=True, timeout=60, check=False, env={**desk.agent.environment, **env})


def texts_of(value):
    """Every text and number of what is known of a card and its holder."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from texts_of(member)
    elif isinstance(value, (str, int)):
        yield str(value)


def secrets_of(cards, name):
    """What must not be in a report, as text, as hexadecimal text and as hexadecimal digits."""
    known = cards[name]
    personal = {**known.get("holder", {}), **known.get("structure", {})}
    personal.update(practices=known["practices"], serial=known["serial"], pin=known["pin"],
                    puk=known["puk"])
    for text in set(texts_of(personal)):
        if len(text) >= SHORT:
            yield text
            yield text.encode().hex().upper()
    for use in ("aut", "sig", "tech"):
        if not cards.certificate(name, use).exists():
            continue
        der = cards.certificate(name, use).read_bytes()
        yield from (der[at:at + 8].hex().upper() for at in range(16, len(der) - 8, 64))
        yield f"{known['certificates'][use]['serial']:X}"


def insert(desk, name):
    desk.card.remove()
    desk.card.reload(name)
    desk.card.insert(name)
    desk.client.until_card(("ready", "unsupported", "failed"))
    desk.card.reset_counters()


@pytest.mark.parametrize("name", CARDS)
def test_nothing_of_the_holder_is_told(desk, name):
    insert(desk, name)
    plain = cpsctl(desk, "card", "report", "--yes")
    whole = cpsctl(desk, "--json", "card", "report", "--yes")
    assert plain.returncode == 0 and whole.returncode == 0, plain.stderr + whole.stderr
    report = json.loads(whole.stdout)
    assert not report["cut"] and len(report["apdus"]) > 30
    told = " ".join([plain.stdout, plain.stderr, whole.stdout, whole.stderr]).upper()
    for secret in secrets_of(desk.card.cards, name):
        assert secret.upper() not in told, secret
    assert desk.card.counters()["verifies"] == 0


def test_what_it_tells_of_a_cps3(desk):
    insert(desk, "physician")
    report = desk.client.call("card.report")
    files = {file["path"]: file for file in report["files"]}
    assert report["reader_model"] == "Virtual PCD 00 00" and report["protocol"] == "T=0"
    assert report["atr"].startswith("3BAC00")
    assert files["3F002F01"]["length"] == 57 and files["3F00D003"]["content"] == ["5A 10 hidden"]
    assert "  8C 7 7BFFFFFFFFFF00" in [line[2:] for line in files["3F002F00"]["control"]]
    assert any("CPS_PRIV_AUT" in line for line in files["3F0000017002"]["content"])
    certificate = desk.card.cards.certificate("physician").stat().st_size
    assert files["3F000001A002"]["announces"] == certificate
    (pin, puk) = report["codes"]
    assert (pin["reference"], pin["min"], pin["max"], pin["sw"]) == (1, 4, 4, "63C3")
    assert (puk["unblocking"], puk["sw"]) == (True, "63CA")
    keys = [one for one in report["objects"]
            if one["name"] == "private key" and one["directory"] == "3F000001"]
    assert [key["sw"] for key in keys] == ["9000", "9000", "6A88"]
    assert all(apdu["us"] > 0 and len(apdu["sw"]) == 4 for apdu in report["apdus"])
    codes_sent = [apdu for apdu in report["apdus"] if apdu["command"][2:4] == "20"]
    assert [apdu["command"] for apdu in codes_sent] == ["0020000100", "0020000200"]


def test_a_card_that_nobody_knows_is_of_most_interest(desk):
    insert(desk, "foreign")
    report = desk.client.call("card.report")
    assert {file["sw"] for file in report["files"]} == {"6A82"} and report["codes"] == []


def test_the_pin_is_asked_again_afterwards(desk):
    insert(desk, "physician")
    desk.login("pin 1234")
    assert desk.card.tries()["verified"]
    desk.client.call("card.report")
    assert not desk.card.tries()["verified"]
    assert desk.session() is not None
    desk.login("pin 1234", fresh=True)
    desk.client.call("session.logout")


def test_nobody_is_reported_on_without_a_yes(desk):
    insert(desk, "physician")
    done = cpsctl(desk, "card", "report", LANG="fr_FR.UTF-8")
    assert done.returncode == 2 and "--yes" in done.stderr and done.stdout == ""
    for answer, status in ((b"\n", 4), (b"n\n", 4), (b"o\n", 0)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = cpsctl(desk, "card", "report", stdin=theirs)
        os.close(ours), os.close(theirs)
        assert done.returncode == status, done.stderr
        assert "Rien n'est envoyé" in done.stderr and (done.stdout != "") == (status == 0)
    for words in (("--yes",), ("report", "--certificate", "signature"), ("raport",)):
        assert cpsctl(desk, "card", *words).returncode == 2


def test_no_card(desk):
    desk.card.remove()
    desk.client.next_event("event.card", change="removed")
    with pytest.raises(RpcError, match="NO_CARD"):
        desk.client.call("card.report")
    with pytest.raises(RpcError, match="NO_READER"):
        desk.client.call("card.report", reader="none")


@pytest.mark.parametrize("when", ["before", "inside", "after"])
def test_a_card_torn_out_meanwhile(desk, when):
    for at in (7, 40):
        insert(desk, "physician")
        with Cardop(desk.pcscd) as cardop:
            desk.card.tear(at, when)
            with pytest.raises(CardError) as caught:
                cardop.call("report", reader=cardop.reader)
            assert caught.value.code in ("CARD_REMOVED", "CARD_MUTE")
