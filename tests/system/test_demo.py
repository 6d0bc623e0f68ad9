# SPDX-License-Identifier: Apache-2.0
"""The demonstration is the first thing a newcomer runs: it must work, and leave nothing behind."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import pytest

from cpsworld.paths import SOURCE_DIR, slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

DEMO = SOURCE_DIR / "tests" / "demo" / "demo.py"
LINES = (  # in this order
    "Personne n'est connecté.",
    "par carte CPS, à",
    "preuves : deux facteurs (sc pin hwk mfa)",
    "*  2  HOPITAL DES TROIS VALLEES",
    "jose: signature good",
    "Valable.",
    "/usr/bin/python3",
    "par Pro Santé Connect (navigateur), à",
    '"authMode": "CARD"',
    "par e-CPS, à",
    "par e-CPS (proxy e-Santé), à",
    '"status":200',
    "Session verrouillée.",
    "La session est verrouillée.",
    "La session est celle d'une autre personne.",
    "par carte CPS, à",
    "Session : YANN BRISSAC2027",
    "Sessions en attente de leur titulaire : 1",
    "(event.session: closed, card_removed)",
    "(event.session: resumed, locked)",
    "Session : 899700001011\n",
    "Session fermée.",
    "(sessions at Pro Santé Connect: 0)",
    "Journal intact.",
    "connexion, par navigateur ; preuves : mfa",
    "session verrouillée",
    "déverrouillage, par e-CPS ; refus : La session est celle d'une autre personne",
    "session mise en attente",
    "session fermée ; motif : carte retirée",
    "session revenue, verrouillée",
    "par Pro Santé Connect : 3 (60 %)",
)
LONGEST_S = 40


def commands():
    """Command lines of all processes, as text."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass
    return found


@pytest.fixture
def place():
    """A directory that another user may enter: pytest keeps its own to itself."""
    with tempfile.TemporaryDirectory(prefix="cpsdemo-") as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


class Demonstration:
    """`./dev demo --keep` as a newcomer has it: what it prints, and the world that it leaves."""

    def __init__(self, place):
        env = {**os.environ, "TMPDIR": str(place), "LANG": "C.UTF-8"}
        self.process = subprocess.Popen([sys.executable, DEMO, "--keep"], env=env, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def until(self, text):
        said = ""
        for line in self.process.stdout:
            said += line
            if text in line:
                return said
        raise AssertionError(f"{text} not in:\n{said}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=30 * slowness())[0]
        assert self.process.returncode == 0, said
        return said


def typed(path, *words):
    """What a command of the world that stays prints, found by the PATH that was printed."""
    done = subprocess.run(words, env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=30 * slowness(), check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def check_order(said):
    for line in LINES:
        before, found, said = said.partition(line)
        assert found, f"{line} not in what follows:\n{before}"
    assert "eyJ" not in said, "a token in the evidence"


def play(path, reader):
    """The commands of docs/integrate.md."""
    assert "ADELINE VALMONT1011" in typed(path, "as-user", "cpsctl", "login", "--card")
    assert '"ok":true' in typed(path, "card-in", "nurse", "1")
    ready = f"{reader} : carte CPS3 29900202, prête"
    assert wait_until(lambda: ready in typed(path, "as-user", "cpsctl", "status"))
    login = ("as-user", "cpsctl", "login", "--card", "--reader", reader)
    assert "YANN BRISSAC2027" in typed(path, *login)
    typed(path, "card-out", "1")
    back = "verrouillée : à déverrouiller par son titulaire"
    assert wait_until(lambda: back in typed(path, "as-user", "cpsctl", "status"))


def test_the_demonstration(place):
    timer = Stopwatch()
    demonstration = Demonstration(place)
    try:
        said = demonstration.until("This world stays until Ctrl-C")
        assert timer.took_s() < LONGEST_S * slowness()
        check_order(said)
        commands_shown = demonstration.until("phone and faults of the PSC stand-in")
        path = re.search(r"export PATH=([^:]*):", commands_shown)[1]
        play(path, re.search(r"--reader '(.*)'", commands_shown)[1])
    finally:
        said = demonstration.end()
    assert "Done: nothing is left running" in said
    assert not [command for command in commands() if str(place) in command]
    assert not list(place.iterdir())
