# SPDX-License-Identifier: Apache-2.0
"""Children that do not behave: short Python programs put in place of the agent's helpers.

    agent = Agent(libexec={"cps-oidcd": evil("hello(); stop()")})
    notes(agent)   # what they wrote down: "cps-oidcd start", "cps-oidcd op refresh", …

A body may use hello(), receive(), answer(), refuse(), send(), note(), stop() and forever(), see
PRELUDE; it ends like any program.
"""

import atexit
import os
import pathlib
import tempfile

PRELUDE = """#!/usr/bin/python3 -IS
import ctypes, json, os, signal, socket, sys, time
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # SIGKILL when the agent ends, stopped or not
NAME = os.path.basename(sys.argv[0])
channel = socket.socket(fileno=3)

def note(text):
    fd = os.open(os.environ["HOME"] + "/notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{time.monotonic():.3f} {NAME} {text}\\n".encode())
    os.close(fd)

def send(packet):
    channel.send(packet if isinstance(packet, bytes) else json.dumps(packet).encode())

def hello(protocol=1):
    send({"event": "hello", "protocol": protocol, "process": NAME})

def receive():
    data, fds, _, _ = socket.recv_fds(channel, 65536, 4)
    if not data:
        os._exit(0)
    request = json.loads(data)
    request["fds"] = fds
    note("op " + request["op"])
    return request

def answer(request, **result):
    send({"id": request["id"], "result": result})

def refuse(request, code, **details):
    send({"id": request["id"], "error": {"code": code, "causes": [], **details}})

def stop():
    note("stops")
    os.kill(os.getpid(), signal.SIGSTOP)

def forever():
    while True:
        receive()

note("start")
"""


def evil(body, **values):
    """Path of a new program; values become its variables."""
    lines = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    with tempfile.NamedTemporaryFile("w", prefix="evil-", suffix=".py", delete=False) as file:
        file.write(PRELUDE + lines + body + "\n")
    atexit.register(os.unlink, file.name)
    return file.name


class Notes:
    """What the evil children of an agent wrote down so far."""

    def __init__(self, agent):
        self._path = pathlib.Path(agent.environment["HOME"]) / "notes"

    def of(self, program, text=""):
        """Times of the notes of a program that begin with that text."""
        found = []
        for line in self._path.read_text().splitlines() if self._path.exists() else []:
            when, name, rest = line.split(" ", 2)
            if name == program and rest.startswith(text):
                found.append(float(when))
        return found


# An oidcd that never finishes a login: requests that wait can be had without any provider.
PATIENT_OIDCD = """
hello()
while True:
    request = receive()
    if request["op"] == "providers":
        answer(request, providers=[{"name": "test", "issuer": "https://idp.example",
                                    "methods": ["ecps", "browser"], "state": "up"}])
    elif request["op"] == "cancel":
        send({"id": request["params"]["id"], "error": {"code": "CANCELLED", "causes": []}})
        answer(request)
"""
PROVIDER_SETTINGS = "[psc]\nprovider = test\n"


def open_descriptors(agent):
    """How many descriptors the agent has."""
    return len(list(pathlib.Path(f"/proc/{agent.process.pid}/fd").iterdir()))
