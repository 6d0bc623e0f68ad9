# SPDX-License-Identifier: Apache-2.0
"""The agent and OpenSC on one card: they take turns, and neither spoils the other's work."""
import hashlib
import os
import signal
import statistics
import subprocess
import time

import pytest

from cpsworld.agent import RpcError
from cpsworld.desk import Desk
from cpsworld.p11 import OPENSC, Pkcs11
from cpsworld.pcsc import PcscProbe
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

TURNS = 100
KEY_ID = "E828BD080F8025000001FF001002"  # as OpenSC names the authentication key
KEY_LABEL = "CPS_PRIV_AUT"
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
MESSAGE = b"a message"


@pytest.fixture
def desk():
    with Desk() as it:
        yield it


class Neighbour:
    """Another program of the workstation that signs with the card, by OpenSC."""

    def __init__(self, desk, directory):
        self.desk = desk
        self.directory = directory
        (directory / "in").write_bytes(SHA256_PREFIX + hashlib.sha256(MESSAGE).digest())
        subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-pubkey", "-in",
                        desk.card.cards.certificate("physician"), "-out", directory / "key"],
                       check=True)

    def start(self):
        return subprocess.Popen(
            ["pkcs11-tool", "--module", OPENSC, "--login", "--pin", self.desk.pin, "--sign",
             "--mechanism", "RSA-PKCS", "--id", KEY_ID, "--input-file", self.directory / "in",
             "--output-file", self.directory / "out"],
            env=self.desk.pcscd.env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def check(self, process):
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        self.verify((self.directory / "out").read_bytes())
        (self.directory / "out").unlink()

    def verify(self, signature):
        (self.directory / "sig").write_bytes(signature)
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.directory / "key",
                        "-sigfile", self.directory / "sig", "-pkeyopt", "digest:sha256", "-in",
                        self.directory / "digest"], check=True, capture_output=True)


@pytest.fixture
def neighbour(desk, tmp_path):
    (tmp_path / "digest").write_bytes(hashlib.sha256(MESSAGE).digest())
    return Neighbour(desk, tmp_path)


def test_a_hundred_turns(desk, neighbour):
    """A login and a signature each, a hundred times, without an error on either side."""
    desk.pinentry.default("pin " + desk.pin)
    theirs, ours = [], []
    for turn in range(TURNS):
        started = time.monotonic()
        neighbour.check(neighbour.start())
        middle = time.monotonic()
        session = desk.client.call("session.login", method="card", fresh=True)
        statement = desk.client.call("statement.get", audience="dpi", nonce=f"turn-{turn:05}")
        ours.append(time.monotonic() - middle)
        theirs.append(middle - started)
        assert statement["epoch"] == session["epoch"]
    assert len(desk.agent.children("cps-cardop")) == 1
    assert desk.card.tries()["pin"] == 3
    log = desk.agent.log.read_text()
    assert "warning" not in log and log.count("session opened by card") == TURNS
    print(f"{TURNS} turns: OpenSC {statistics.median(theirs) * 1000:.0f} ms, "
          f"agent {statistics.median(ours) * 1000:.0f} ms")


def test_both_at_the_same_moment(desk, neighbour):
    """Each waits for the other's transaction; a PIN lost to the other's reset is asked again."""
    desk.pinentry.default("pin " + desk.pin)
    refusals = []
    for _ in range(12):
        process = neighbour.start()
        for _ in range(3):
            try:
                desk.client.call("session.login", method="card", fresh=True)
            except RpcError as error:
                refusals.append(error.name)
        neighbour.check(process)
    print("refusals:", refusals)
    assert set(refusals) <= {"PIN_REQUIRED", "CARD_BUSY"} and len(refusals) < 6
    assert desk.card.tries()["pin"] == 3
    assert desk.client.call("session.login", method="card", fresh=True)["method"] == "card"


def test_a_neighbour_s_session_survives_the_agent(desk, neighbour):
    with Pkcs11(desk.pcscd.env()) as other:
        other.initialize()
        (slot,) = other.slots()[:1]
        assert other.open(slot)["rv"] == 0 and other.login(desk.pin)["rv"] == 0
        data = SHA256_PREFIX + hashlib.sha256(MESSAGE).digest()
        for _ in range(3):
            desk.login(fresh=True)
            signed = other.sign(KEY_LABEL, data)
            assert signed["rv"] == 0
            neighbour.verify(bytes.fromhex(signed["value"]))
        assert desk.session()["method"] == "card"


def test_a_neighbour_frozen_with_the_card_costs_a_deadline(desk, neighbour):
    """It holds a transaction and is stopped: requests fail in time, and it all goes on after."""
    desk.card.latency(apdu_us=20000)
    process = neighbour.start()
    try:
        before = desk.card.counters()["apdus"]
        while desk.card.counters()["apdus"] < before + 60:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGSTOP)
        desk.card.latency(apdu_us=0)
        timer = Stopwatch()
        error = desk.refused("pin " + desk.pin, deadline_ms=600)
        print(error.name)
        assert error.name in ("DEADLINE_EXCEEDED", "CARD_BUSY")
        assert timer.took_s() < 0.9
    finally:
        os.kill(process.pid, signal.SIGCONT)
    neighbour.check(process)
    assert desk.login()["method"] == "card"


def test_a_neighbour_that_cuts_the_power(desk):
    """Some libraries leave the card without power when they end: it is not taken for a lost one."""
    session = desk.login()
    cardop = desk.agent.children("cps-cardop")
    for _ in range(3):
        cuts = desk.card.counters()["power_offs"]
        with PcscProbe(desk.pcscd) as other:
            other.connect()
            other.disconnect(unpower=True)
        # The reader's driver does not wait until the card has it.
        assert wait_until(lambda: desk.card.counters()["power_offs"] > cuts)
        asked = desk.pinentry.questions()
        assert desk.login(fresh=True)["holder"] == session["holder"]
        assert desk.pinentry.questions() == asked + 1, "without power the card forgot the PIN"
    assert desk.card.counters()["verifies"] == 4
    assert desk.agent.children("cps-cardop") == cardop, "the card was never thought to be gone"
