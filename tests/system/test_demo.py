# SPDX-License-Identifier: Apache-2.0
"""The demonstration is the first thing a newcomer runs: it must work, and leave nothing behind."""

import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

from cpsworld.paths import SOURCE_DIR

DEMO = SOURCE_DIR / "tests" / "demo" / "demo.py"
LINES = (
    "jose: signature good",
    "preuves : sc pin hwk mfa",
    "*  2  HOPITAL DES TROIS VALLEES",
    "par e-CPS",
    '"authMode": "MOBILE"',
    "event.session: closed, reason card_removed",
    "Done: nothing is left running",
)


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
    env = {**os.environ, "TMPDIR": str(place), "LANG": "C.UTF-8"}
    done = subprocess.run([sys.executable, DEMO], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    for line in LINES:
        assert line in done.stdout
    assert not [command for command in commands() if str(place) in command]
    assert not list(place.iterdir())
