# SPDX-License-Identifier: Apache-2.0
"""docs/examples/client.py, written against the documentation alone, run as its reader would."""
import contextlib
import shutil
import signal
import subprocess

import pytest

from cpsworld import VirtualCard
from cpsworld.agent import unprivileged
from cpsworld.desk import Desk
from cpsworld.paths import SOURCE_DIR, slowness

SOURCE = SOURCE_DIR / "docs" / "examples" / "client.py"
SECOND = "Virtual PCD 00 01"
MINE = "https://dpi.example"
OTHERS = "https://pacs.example"
RULE = f"[dpi]\nprogram = /usr/bin/python3*\naudiences = {MINE}\ntokens = none\n"


class Run:
    """The program as a process of the user; lines() reads what it prints, as far as that text."""

    def __init__(self, desk, *words):
        program = desk.agent.bin / "client.py"
        shutil.copy(SOURCE, program)  # the source tree may be closed to the user
        self.process = subprocess.Popen(
            unprivileged(["/usr/bin/python3", str(program), *words], "--pdeathsig", "KILL"),
            env=desk.agent.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def until(self, text):
        said = ""
        for line in self.process.stdout:
            said += line
            if text in line:
                return said
        raise AssertionError(f"{text} not in:\n{said}")

    def end(self, status=0):
        rest = self.process.communicate(timeout=20 * slowness())[0]
        assert self.process.returncode == status, rest
        return rest


def put_rule(desk):
    rules = desk.agent.config / "policy.d"
    rules.mkdir(exist_ok=True)
    (rules / "dpi.conf").write_text(RULE)
    desk.agent.process.send_signal(signal.SIGHUP)
    desk.client.next_event("event.health", component="policy")


@pytest.fixture(name="desk")
def _desk():
    with Desk() as desk, contextlib.closing(
            VirtualCard(desk.pcscd, slot=1, cards=desk.card.cards)) as second:
        desk.second = second
        put_rule(desk)
        yield desk


def nurse_logs_in(desk):
    desk.second.insert("nurse")
    desk.client.next_event("event.card", change="ready", reader=SECOND)
    desk.pinentry.answers("pin " + desk.card.cards["nurse"]["pin"])
    return desk.client.call("session.login", method="card", reader=SECOND)


def test_logs_in_verifies_and_sees_the_next_person(desk):
    desk.pinentry.answers("pin " + desk.pin)
    run = Run(desk, MINE, OTHERS)
    said = run.until("waiting for the next person")
    assert "… pin 3" in said
    assert "refused: NOT_ALLOWED: Ce programme n'a pas le droit de faire cette demande." in said
    assert "verified: ADELINE VALMONT1011 899700001011 sc pin hwk mfa" in said
    nurse_logs_in(desk)
    said = run.end()
    assert "at the desk now: YANN BRISSAC2027" in said
    assert "refused: SESSION_CHANGED: " in said and "Vérifier qui est connecté" in said


def test_a_wrong_pin_is_told_in_words(desk):
    desk.pinentry.answers("cancel")
    assert "PROMPT_CANCELLED: La saisie a été annulée." in Run(desk, MINE).end(status=1)


def test_no_agent(desk):
    desk.client.__exit__()
    desk.agent.stop()
    assert "No such file" in Run(desk, MINE).end(status=1)
    desk.agent.start()
    desk.client = desk.agent.client()
