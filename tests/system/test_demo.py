# SPDX-License-Identifier: Apache-2.0
"""The demonstration is the first thing a newcomer runs: it must work, and leave nothing behind."""

import os
import pathlib
import subprocess
import sys

from cpsworld.paths import SOURCE_DIR

DEMO = SOURCE_DIR / "tests" / "demo" / "demo.py"
LINES = (
    "jose: signature good",
    "preuves : sc pin hwk mfa",
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


def test_the_demonstration(tmp_path):
    env = {**os.environ, "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:  # pytest keeps them to itself; the agent is another user
        parent.chmod(0o755)
    done = subprocess.run([sys.executable, DEMO], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    for line in LINES:
        assert line in done.stdout
    assert not [command for command in commands() if str(tmp_path) in command]
    assert not list(tmp_path.iterdir())
