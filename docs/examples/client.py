#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that must know who is at the desk, and notice when it is somebody else.

usage: client.py AUDIENCE [OTHER-AUDIENCE]

Logs in by card, gets a login statement for AUDIENCE and verifies it. Asks for one for OTHER-AUDIENCE
too, to show what a program meets that asks for what is not its own. Then waits until another person
takes the desk, and ends. Standard library and PyJWT (Debian: python3-jwt, python3-cryptography).
"""
import json
import os
import secrets
import socket
import sys

import jwt


class AgentError(Exception):
    """What the agent refuses: compare `name`; show people the message and the advice."""

    def __init__(self, data):
        super().__init__(f"{data['name']}: {data['message_fr']} {data['advice_fr']}")
        self.name = data["name"]


class Agent:
    """One connection to cps-agent: one question at a time, events in between."""

    def __init__(self):
        runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(os.environ.get("CPS_AGENT_SOCK", f"{runtime}/cps-agent/agent.sock"))
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.last_id = 0
        self.events = []
        self.call("hello", protocol=1, client={"name": "client.py", "version": "1"})

    def _next_message(self):
        line = self.lines.readline()
        if not line:
            raise ConnectionError("the agent hung up")
        return json.loads(line)

    def call(self, method, /, **params):
        """The result, or AgentError. The agent always answers, at the deadline at the latest."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self._next_message()
            if message.get("id") == self.last_id:
                if "error" in message:
                    raise AgentError(message["error"]["data"])
                return message["result"]
            if message["method"] == "progress":  # the person is being asked something
                show_progress(message["params"])
            else:
                self.events.append(message)

    def next_event(self):
        """Waits for the next event that was subscribed to."""
        while not self.events:
            message = self._next_message()
            if "method" in message:
                self.events.append(message)
        return self.events.pop(0)["params"]


def show_progress(params):
    more = [str(params[key]) for key in ("tries_left", "digits", "url") if key in params]
    print("…", params["state"], *more, flush=True)


def verify(statement, keys, audience, nonce):
    """The claims of a login statement, or an exception of PyJWT: docs/statement.md says what to
    check. A server does this with the keys of the station that it registered beforehand."""
    header = jwt.get_unverified_header(statement)
    if header.get("typ") != "cps-login+jwt":
        raise jwt.InvalidTokenError("not a login statement")
    known = {key.key_id: key for key in jwt.PyJWKSet.from_dict(keys).keys}
    if header.get("kid") not in known:
        raise jwt.InvalidTokenError("not a key of this station")
    claims = jwt.decode(statement, known[header["kid"]].key, algorithms=["ES256"], audience=audience, leeway=5,
                        options={"require": ["iss", "sub", "aud", "nonce", "iat", "exp"]})
    if claims["nonce"] != nonce:
        raise jwt.InvalidTokenError("not the nonce that was asked for")
    return claims


def proof(agent, session, audience):
    """Who is at the desk, proved to that audience. The epoch says whom we mean."""
    nonce = secrets.token_urlsafe(16)
    answer = agent.call("statement.get", audience=audience, nonce=nonce, epoch=session["epoch"])
    return verify(answer["statement"], agent.call("keys.jwks"), audience, nonce)


def until_somebody_else(agent, session):
    """Follows the desk; the session of the next person."""
    while True:
        event = agent.next_event()
        if event["epoch"] == session["epoch"]:
            print("event:", event["change"], event.get("reason", ""), flush=True)
        else:
            print("event:", event["change"], event.get("reason", ""), "- not ours any more",
                  flush=True)
            if event["session"] is not None:
                return event["session"]


def main(audience, other=None):
    agent = Agent()
    agent.call("subscribe", events=["session"])
    session = agent.call("session.login", method="card")
    claims = proof(agent, session, audience)
    print("verified:", claims["name"], claims["sub"], *claims["amr"], flush=True)
    if other is not None:
        try:
            proof(agent, session, other)
            print("statement for", other, "as well", flush=True)
        except AgentError as error:
            print("refused:", error, flush=True)
    print("waiting for the next person", flush=True)
    newcomer = until_somebody_else(agent, session)
    print("at the desk now:", newcomer["holder"]["name"], flush=True)
    try:
        proof(agent, session, audience)
        sys.exit("a statement about a person who has left")
    except AgentError as error:
        print("refused:", error, flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (AgentError, OSError, jwt.PyJWTError) as failure:
        sys.exit(str(failure))
