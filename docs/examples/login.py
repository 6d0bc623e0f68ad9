#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks cps-agent who is at the desk: login by card, then a signed statement. Standard library only.

usage: login.py AUDIENCE NONCE     (the statement on standard output, exit status 1 on an error)
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
        self.call("hello", protocol=1, client={"name": "login.py", "version": "1"})

    def call(self, method, /, **params):
        """The result. The agent answers at the deadline at the latest: 180 s for a login."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        for line in self.lines:
            message = json.loads(line)
            if message.get("method") == "progress":  # what the user is being asked meanwhile
                print("…", message["params"]["state"], file=sys.stderr)
            elif message.get("id") == self.last_id:
                if "error" in message:
                    error = message["error"]["data"]
                    sys.exit(f"{error['name']}: {error['message_fr']} {error['advice_fr']}")
                return message["result"]
        sys.exit("the agent hung up")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    agent = Agent()
    session = agent.call("session.login", method="card")
    print("session of", session["holder"]["name"], file=sys.stderr)
    print(agent.call("statement.get", audience=sys.argv[1], nonce=sys.argv[2],
                     epoch=session["epoch"])["statement"])
