# SPDX-License-Identifier: Apache-2.0
"""The PKCS#11 module against an agent that is away, hangs, or says anything at all."""
import base64
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from cpsworld.fake_agent import Error, FakeAgent, notify
from cpsworld.paths import build_dir, slowness
from cpsworld.stopwatch import Stopwatch

MODULE = build_dir() / "lib" / "cps-agent-pkcs11.so"
TORTURE = build_dir() / "bin" / "provider-torture"
LOOK_S, GRACE_S = 5, 1  # the module's own limits, for its first look at the agent


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


CERTIFICATE = {"der": b64(b"0" * 600), "subject": b64(b"0s"), "issuer": b64(b"0i"),
               "serial_number": b64(b"\2\1\1"), "modulus": b64(b"\x81" * 256),
               "exponent": b64(b"\1\0\1")}
KEY = {"usage": "authentication", "label": "CPS_PRIV_AUT", "certificate_label": "certificate",
       "id": "E828", "mechanisms": ["RSA_PKCS"], "input_max": 102, "certificate": CERTIFICATE}
TOKEN = {"slot": 0, "reader": "r", "card_id": "card-1", "label": "CPS3 1", "serial": "1",
         "family": "CPS3", "pin": {"blocked": False, "tries_left": 3}, "keys": [KEY],
         "objects": [{"label": "CPS_ID_CARD", "application": "CPS", "private": False}]}
TOKENS = {"slots": 4, "login_required": False, "typed_pin": False, "tokens": [TOKEN]}
SIGNED = {"signature": b64(b"s" * 256)}
GOOD = {"pkcs11.tokens": TOKENS, "subscribe": {"events": []}, "pkcs11.sign": SIGNED}


def start(case, path):
    return subprocess.Popen([TORTURE, MODULE, case], text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, env={**os.environ, "CPS_AGENT_SOCK": str(path)})


def run(case, path, limit_s=20):
    """What a case of provider-torture says, which must end well within that time."""
    process = start(case, path)
    try:
        said, _ = process.communicate("go\ngo\n", timeout=limit_s * slowness())
    finally:
        process.kill()
    return process.returncode, said


@pytest.fixture(name="play")
def _play(tmp_path):
    """An agent with these answers in place of good ones; None: not there."""
    running = []

    def play(**answers):
        agent = FakeAgent(tmp_path, {**GOOD, **{k.replace("_", "."): v for k, v in answers.items()}},
                          side_by_side=True)
        running.append(agent)
        return agent
    yield play
    for agent in running:
        agent.__exit__()


def test_exports_one_symbol():
    said = subprocess.run(["nm", "-D", "--defined-only", MODULE], capture_output=True, text=True,
                          check=True).stdout
    assert [line.split()[-1] for line in said.splitlines()] == ["C_GetFunctionList"]


@pytest.mark.skipif(slowness() > 1, reason="the sanitizers bring constructors of their own")
def test_runs_nothing_when_it_is_loaded():
    said = subprocess.run(["readelf", "-dW", MODULE], capture_output=True, text=True,
                          check=True).stdout
    sizes = [line.split()[-2] for line in said.splitlines() if "INIT_ARRAYSZ" in line]
    assert sizes in ([], ["8"]), "only the compiler's own"
    assert "libp11-kit" not in said and "libcrypto" not in said and "libpcsclite" not in said


@pytest.mark.parametrize("case", ["sequences", "arguments", "threads", "fork"])
def test_torture(play, case):
    agent = play()
    assert run(case, agent.path) == (0, "done\n")


def test_absent(tmp_path):
    assert run("away", tmp_path / "none") == (0, "looked\ndone\n")
    (tmp_path / "file").write_text("")
    assert run("away", tmp_path / "file") == (0, "looked\ndone\n")
    assert run("away", "/" + "x" * 200) == (0, "looked\ndone\n")


def test_comes_later(tmp_path):
    """A program that started before the agent finds its card when it asks again."""
    process = start("away", tmp_path / "agent.sock")
    assert process.stdout.readline() == "looked\n"
    with FakeAgent(tmp_path, GOOD, side_by_side=True) as agent:
        said, _ = process.communicate("go\n", timeout=60)
        assert (process.returncode, said) == (0, "done\n")
        assert agent.asked("pkcs11.tokens")


def garbage(text):
    def answer(connection, _message):
        connection.sendall(text)
    return answer


def hang_up(connection, _message):
    connection.shutdown(socket.SHUT_RDWR)


def drip(connection, _message):
    """Never a whole line, and never nothing."""
    try:
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        pass


ODD = {
    "garbage": garbage(b"\x00\xff\x80 garbage\n"),
    "a list": garbage(b"[1]\n"),
    "too long a line": garbage(b'{"id":3,"result":"' + b"y" * 400000 + b'"}\n'),
    "too deep": garbage(b'{"id":3,"result":' + b"[" * 3000 + b"]" * 3000 + b"}\n"),
    "another id, half a line": garbage(b'{"jsonrpc":"2.0","id":77,"result":{}}\n{"id":3'),
    "a result of text": garbage(b'{"jsonrpc":"2.0","id":3,"result":"yes"}\n'),
    "neither": garbage(b'{"jsonrpc":"2.0","id":3}\n'),
    "hangs up": hang_up,
    "drips": drip,
    "an error": Error("COMPONENT_FAILED"),
    "an error of no name": Error("NO_SUCH_NAME"),
    "nothing in it": {},
    "tokens of text": {"tokens": "many"},
    "a flood of tokens": {"tokens": [{**TOKEN, "slot": n} for n in range(40, 400)]},
    "an id with quotes": {"tokens": [{**TOKEN, "card_id": 'a","x":"'}]},
    "a slot out of range": {"tokens": [{**TOKEN, "slot": -1}, {**TOKEN, "slot": 4}]},
}


@pytest.mark.parametrize("what", ODD)
def test_odd_tokens(play, what):
    """No token, in time, whatever comes; and no crash."""
    agent = play(pkcs11_tokens=ODD[what])
    timer = Stopwatch()
    assert run("away", agent.path) == (0, "looked\ndone\n")
    assert timer.took_s() < LOOK_S + GRACE_S + 2 * slowness()


def test_odd_keys(play):
    """Of a token that makes no sense inside, what makes sense is shown."""
    odd = {**TOKEN, "keys": [1, {}, {"usage": 1}, {**KEY, "certificate": {}}, KEY] + [KEY] * 40,
           "objects": [{}, {"label": "x" * 500}, 7] + [{"label": f"o{n}"} for n in range(500)],
           "label": "é" * 60, "serial": None}
    agent = play(pkcs11_tokens={**TOKENS, "tokens": [odd]})
    assert run("sign", agent.path) == (0, "ready\n0\ndone\n")


@pytest.mark.parametrize("what, value", [
    (ODD["garbage"], 0x32), (ODD["hangs up"], 0x32), ("yes", 0x32), ({}, 0x5), ({"signature": "?"}, 0x30), ({"signature": b64(b"short")}, 0x30),
    ({"signature": b64(b"l" * 300)}, 0x30), (Error("PIN_REQUIRED"), 0x101),
    (Error("PROMPT_CANCELLED"), 0x50), (Error("PIN_BLOCKED"), 0xa4), (Error("CARD_REMOVED"), 0x32),
    (Error("NOT_ALLOWED"), 0x68), (Error("NO_SUCH_NAME"), 0x5)])
def test_odd_signatures(play, what, value):
    agent = play(pkcs11_sign=what)
    status, said = run("sign", agent.path)
    assert (status, said) == (0, f"ready\n{value:#x}\ndone\n")


def test_a_hanging_agent_is_left_alone_for_a_while(play, tmp_path):
    """One wait, not one for each call: browsers look at their slots every second."""
    agent = play(pkcs11_tokens=lambda *_: None)
    timer = Stopwatch()
    assert run("away", agent.path)[0] == 0
    assert LOOK_S <= timer.wall_s() and timer.took_s() < LOOK_S + GRACE_S + 2 * slowness()
    assert len(agent.asked("pkcs11.tokens")) == 1


def test_a_changed_card_is_seen_by_notification(play):
    """Nothing is asked of the agent as long as it tells nothing."""
    agent = play()
    process = start("sign", agent.path)
    assert process.stdout.readline() == "ready\n"
    asked = len(agent.asked("pkcs11.tokens"))
    agent.answers["pkcs11.tokens"] = {**TOKENS, "tokens": []}
    for connection in agent.connections:
        notify(connection, "event.card", change="removed")
    said, _ = process.communicate("go\n", timeout=60)
    assert said == "0x32\ndone\n"
    assert (asked, len(agent.asked("pkcs11.tokens"))) == (1, 2)
    assert not agent.asked("pkcs11.sign")


def test_no_sigpipe_no_thread_no_descriptor_left(play):
    agent = play()
    process = start("sign", agent.path)
    assert process.stdout.readline() == "ready\n"
    tasks = list(pathlib.Path(f"/proc/{process.pid}/task").iterdir())
    assert len(tasks) == 1
    for fd in pathlib.Path(f"/proc/{process.pid}/fdinfo").iterdir():
        flags = int(fd.read_text().split("flags:")[1].split()[0], 8)
        link = os.readlink(f"/proc/{process.pid}/fd/{fd.name}")
        assert not link.startswith("socket:") or flags & os.O_CLOEXEC
    for connection in agent.connections:
        connection.shutdown(socket.SHUT_RDWR)
    said, _ = process.communicate("go\n", timeout=60)
    assert process.returncode not in (-signal.SIGPIPE, -signal.SIGSEGV) and said.endswith("done\n")
