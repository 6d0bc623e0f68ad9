#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for cps-oidcd: every login succeeds at once, with tokens as long as real ones.

What the agent does with a token it holds can then be measured without a provider. The packets are
those of base/proto.h; nothing else of a provider is imitated.
"""

import json
import socket
import time

TOKEN_BYTES = 1500
LIFETIMES_S = {"bench": 3600, "short": 300}  # by provider
PACKET_MAX = 65536


def token(kind):
    """Letters only: JSON carries them as they are, as it does a real token's base64url."""
    return (kind * TOKEN_BYTES)[:TOKEN_BYTES]


def tokens(provider):
    exp_at = int(time.time()) + LIFETIMES_S[provider]
    return {"access_token": token("access"), "access_token_exp_at": exp_at,
            "id_token": token("id"), "id_token_exp_at": exp_at}


def login(params):
    provider = params["provider"]
    return {"handle": provider, "provider": provider, "issuer": "https://psc.test/",
            "sub": "f:1:899700001011", "subject_name_id": "899700001011", "acr": "eidas1",
            "auth_mode": "MOBILE", "auth_at": int(time.time()), "warnings": [],
            "userinfo": {"given_name": "ADELINE", "family_name": "VALMONT1011"},
            **tokens(provider)}


def answer(op, params):
    if op == "providers":
        return {"providers": [{"name": "bench", "issuer": "https://psc.test/",
                               "methods": ["ecps"], "state": "ready"}]}
    if op in ("login_ciba", "login_browser"):
        return login(params)
    if op == "refresh":
        return tokens(params["handle"])
    return {"ended": True}


def main():
    channel = socket.socket(fileno=3)
    channel.send(json.dumps({"event": "hello", "protocol": 1, "process": "cps-oidcd"}).encode())
    while True:
        data = channel.recv(PACKET_MAX)
        if not data:
            return
        packet = json.loads(data)
        result = answer(packet["op"], packet["params"])
        channel.send(json.dumps({"id": packet["id"], "result": result}).encode())


if __name__ == "__main__":
    main()
