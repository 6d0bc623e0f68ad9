#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a patient record asks of cps-agent: who is at the desk, where they practise, and a signed
statement of both. Standard library only.

usage: dpi.py AUDIENCE NONCE [NUMBER]     (the statement on standard output, exit status 1 on an error)

NUMBER chooses among the practice situations; without it the user is asked when it is not known.
"""
import json
import os
import socket
import sys


class Agent:
    def __init__(self):
        runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(os.environ.get("CPS_AGENT_SOCK", f"{runtime}/cps-agent/agent.sock"))
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.last_id = 0
        self.call("hello", protocol=1, client={"name": "dpi.py", "version": "1"})

    def call(self, method, /, **params):
        """The result. The agent answers at the deadline at the latest: 180 s for a login."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        for line in self.lines:
            message = json.loads(line)
            if message.get("id") == self.last_id:
                if "error" in message:
                    error = message["error"]["data"]
                    sys.exit(f"{error['name']}: {error['message_fr']} {error['advice_fr']}")
                return message["result"]
        sys.exit("the agent hung up")


def describe(situation):
    words = ("structure_name", "structure_id", "sector")
    return f"{situation['number']}: " + " ".join(situation[w] for w in words if w in situation)


def choose(agent, session, number):
    """The situation of this session; the epoch makes sure that nobody else has taken over."""
    state = agent.call("session.practice", epoch=session["epoch"])
    for situation in state["situations"]:
        print(describe(situation), file=sys.stderr)
    if number is None and state["choice_needed"]:
        print("situation d'exercice ? ", end="", file=sys.stderr, flush=True)
        number = sys.stdin.readline()
    if number is not None:
        state = agent.call("session.practice", number=int(number), epoch=session["epoch"])
    return state["practice"]


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    agent = Agent()
    session = agent.call("session.login", method="card")  # no question when it is open already
    practice = choose(agent, session, sys.argv[3] if len(sys.argv) > 3 else None)
    print(session["holder"]["name"], "-", practice and describe(practice), file=sys.stderr)
    print(agent.call("statement.get", audience=sys.argv[1], nonce=sys.argv[2],
                     epoch=session["epoch"])["statement"])
