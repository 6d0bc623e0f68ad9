# SPDX-License-Identifier: Apache-2.0
"""Programs that the agent can tell apart: of its own user, each with an executable of its own."""
import pathlib
import shutil
import socket
import subprocess
import sys

from .agent import DIES_TOO, Client, own, unprivileged

# Passes bytes on between its standard input, a socket, and the agent.
RELAY = """
import select, socket, sys
test = socket.socket(fileno=0)
with socket.socket(socket.AF_UNIX) as agent:
    agent.connect(sys.argv[1])
    ends = {test: agent, agent: test}
    while ends:
        for end in select.select(list(ends), [], [])[0]:
            data = end.recv(65536)
            if data:
                ends[end].sendall(data)
            else:
                sys.exit()
"""


def executable(agent, name):
    """A program of that name; its path as the agent sees it."""
    path = agent.dir / "programs" / name
    path.parent.mkdir(mode=0o755, exist_ok=True)
    if not path.exists():
        shutil.copy(pathlib.Path(sys.executable).resolve(), path)
        own(path.parent)
    return str(path)


class Program(Client):
    """A connection of a running program to the agent; path: of its executable. prefix: a command
    that runs it; hello: more parameters of its first request."""

    def __init__(self, agent, name="dpi", prefix=(), hello=None, greet=True):
        self.path = executable(agent, name)
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [*prefix, *unprivileged([self.path, "-I", "-S", "-c", RELAY, str(agent.socket)],
                                        *DIES_TOO)], stdin=theirs, cwd="/")
        super().__init__(ours, hello=False)
        if greet:
            self.hello = self.call("hello", protocol=1, client={"name": name}, **(hello or {}))

    def __exit__(self, *failure):
        super().__exit__(*failure)
        self.process.wait(30)
