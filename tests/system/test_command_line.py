# SPDX-License-Identifier: Apache-2.0
"""cpsctl and the example clients, as a user types them, against the real agent and a virtual card."""
import json
import os
import shutil
import subprocess

import pytest

from cpsworld.agent import own, unprivileged
from cpsworld.desk import Desk
from cpsworld.paths import SOURCE_DIR, build_dir
from cpsworld.wait import wait_until

AUDIENCE = "https://dpi.example"
NONCE = "n-0S6_WzA2Mj"


class CommandLine:
    """The programs of the build, where the user of the agent can run them."""

    def __init__(self, desk):
        self.desk = desk
        directory = desk.agent.dir
        for part in ("lib", "share"):
            shutil.copytree(build_dir() / part, directory / part)
        shutil.copy(build_dir() / "bin" / "example-login", directory / "bin")
        shutil.copy(SOURCE_DIR / "docs" / "examples" / "login.py", directory / "bin")
        self.env = {**desk.agent.environment, "PATH": f"{directory}/bin:/usr/bin:/bin",
                    "TERM": "screen"}

    def run(self, *words, stdin=None):
        done = subprocess.run(unprivileged(words), env=self.env, capture_output=True, text=True,
                              timeout=60, check=False, input=stdin)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(name="line")
def _line():
    with Desk() as desk:
        yield CommandLine(desk)


def test_from_login_to_logout(line):
    line.desk.pinentry.answers("pin " + line.desk.pin)
    assert line.run("cpsctl", "status")[1].startswith("Personne n'est connecté.\n")
    status, out, err = line.run("cpsctl", "login")
    assert status == 0 and out.startswith("Session : "), err
    assert "Code porteur demandé (essais : 3)" in err
    session = json.loads(line.run("cpsctl", "status", "--json")[1])["session"]
    status, statement, _ = line.run("cpsctl", "statement", "--audience", AUDIENCE,
                                    "--nonce", NONCE, "--epoch", str(session["epoch"]))
    assert status == 0
    status, claims, _ = line.run("cpsctl", "verify", "--audience", AUDIENCE, "--nonce", NONCE,
                                 stdin=statement)
    assert status == 0 and json.loads(claims)["session"]["id"] == session["id"]
    assert line.run("cpsctl", "verify", "--audience", "https://x", stdin=statement)[0] == 9
    assert line.run("cpsctl", "token")[0] != 0
    assert line.run("cpsctl", "logout")[0] == 0
    assert line.run("cpsctl", "statement", "--audience", AUDIENCE, "--nonce", NONCE)[0] == 6
    assert line.run("cpsctl", "logout")[0] == 6


def test_refusals_have_their_exit_status(line):
    line.desk.pinentry.answers("cancel")
    assert line.run("cpsctl", "login")[0] == 4
    status, out, _ = line.run("cpsctl", "--json", "login", "--no-prompt")
    assert status == 1 and json.loads(out)["error"]["name"] == "INTERACTION_REQUIRED"
    line.desk.pinentry.answers("hang")
    assert line.run("cpsctl", "--timeout", "1", "login")[0] == 5
    assert wait_until(lambda: not line.desk.pinentry.alive())
    line.desk.card.remove()
    assert wait_until(lambda: not line.desk.client.call("card.list")["cards"])
    assert line.run("cpsctl", "login")[0] == 7
    assert line.run("cpsctl", "--socket", "/nonexistent/socket", "status")[0] == 3


def test_card_and_certificate(line):
    status, out, _ = line.run("cpsctl", "card", "--json")
    (card,) = json.loads(out)["cards"]
    assert status == 0 and card["state"] == "ready" and card["family"] == "CPS3"
    status, pem, err = line.run("cpsctl", "card", "--certificate", "authentication")
    assert status == 0, err
    done = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, text=True,
                          capture_output=True, check=True)
    assert "CN" in done.stdout


def test_the_example_in_python(line):
    line.desk.pinentry.answers("pin " + line.desk.pin)
    status, statement, err = line.run("/usr/bin/python3", str(line.desk.agent.bin / "login.py"),
                                      AUDIENCE, NONCE)
    assert status == 0, err
    assert line.run("cpsctl", "verify", "--audience", AUDIENCE, "--nonce", NONCE,
                    stdin=statement)[0] == 0


def test_the_example_in_c(line):
    line.desk.pinentry.answers("pin " + line.desk.pin)
    status, out, err = line.run("example-login")
    assert status == 0, err
    statement = json.loads(out)["statement"]
    assert line.run("cpsctl", "verify", "--audience", AUDIENCE, "--nonce", NONCE,
                    stdin=statement)[0] == 0
    line.desk.client.call("session.logout")
    line.desk.pinentry.answers("cancel")
    status, out, err = line.run("example-login")
    assert status == 1 and out == "" and "PROMPT_CANCELLED" in err


# With a real pinentry on a real terminal


class Terminal:
    """A tmux pane that belongs to the user of the agent and runs one shell command."""

    def __init__(self, line, command):
        home = line.desk.agent.dir / "home"
        self.env = {**line.env, "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8", "TMUX_TMPDIR": str(home)}
        self.base = unprivileged(["tmux", "-S", str(home / "tmux"), "-f", "/dev/null"])
        self.run("new-session", "-d", "-x", "100", "-y", "40", command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("kill-server")

    def run(self, *args):
        return subprocess.run([*self.base, *args], env=self.env, capture_output=True, text=True,
                              timeout=60, check=False).stdout

    def screen(self):
        return self.run("capture-pane", "-p")

    def shows(self, text):
        return wait_until(lambda: text in self.screen())


@pytest.fixture(name="real", params=["pinentry-curses", "pinentry-tty"])
def _real(request):
    with Desk(libexec={"pinentry-scripted": shutil.which(request.param)}) as desk:
        own(desk.agent.dir / "home")
        yield CommandLine(desk)


AFTER = "; echo status=$?; stty -a | grep -o '.echo\\b'; sleep 1000"


def test_the_pin_is_typed_where_the_user_is(real):
    with Terminal(real, "trap : INT; cpsctl login" + AFTER) as terminal:
        assert terminal.shows("Carte CPS dans"), terminal.screen()
        terminal.run("send-keys", real.desk.pin, "Enter")
        assert terminal.shows("status=0"), terminal.screen()
        assert "Session :" in terminal.screen()
        assert real.desk.session()["method"] == "card"


def test_ctrl_c_gives_the_terminal_back(real):
    with Terminal(real, "trap : INT; cpsctl login" + AFTER) as terminal:
        assert terminal.shows("Carte CPS dans"), terminal.screen()
        terminal.run("send-keys", "C-c")
        assert terminal.shows("status=4"), terminal.screen()
        assert wait_until(lambda: " echo" in terminal.screen()), terminal.screen()
        assert wait_until(lambda: terminal.run(
            "display-message", "-p", "#{alternate_on}").strip() == "0"), terminal.screen()
        assert real.desk.agent.children("cps-prompt") == []
        assert real.desk.session() is None
