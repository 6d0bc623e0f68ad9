# SPDX-License-Identifier: Apache-2.0
"""The demonstration is the first thing a newcomer runs: it must work, and leave nothing behind."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest

from cpsworld.paths import SOURCE_DIR, slowness

DEMO = SOURCE_DIR / "tests" / "demo" / "demo.py"
LINES = (  # in this order
    "Personne n'est connecté.",
    "par carte CPS, à",
    "preuves : deux facteurs (sc pin hwk mfa)",
    "*  2  HOPITAL DES TROIS VALLEES",
    "jose: signature good",
    "Valable.",
    "par Pro Santé Connect (navigateur), à",
    '"authMode": "CARD"',
    "par e-CPS, à",
    "par e-CPS (proxy e-Santé), à",
    '"status":200',
    "Session verrouillée.",
    "La session est verrouillée.",
    "La session est celle d'une autre personne.",
    "par carte CPS, à",
    "Session de YANN BRISSAC2027",
    "Sessions en attente de leur titulaire : 1",
    "(event.session: closed, card_removed)",
    "(event.session: resumed, locked)",
    "Session de 899700001011\n",
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
    "Done: nothing is left running",
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


def test_the_demonstration(place):
    started = time.monotonic()
    env = {**os.environ, "TMPDIR": str(place), "LANG": "C.UTF-8"}
    done = subprocess.run([sys.executable, DEMO], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    rest = done.stdout
    for line in LINES:
        before, found, rest = rest.partition(line)
        assert found, f"{line} not in what follows:\n{before}"
    assert "eyJ" not in rest, "a token in the evidence"
    assert time.monotonic() - started < LONGEST_S * slowness()
    assert not [command for command in commands() if str(place) in command]
    assert not list(place.iterdir())
