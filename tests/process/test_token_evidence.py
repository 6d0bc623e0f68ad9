# SPDX-License-Identifier: Apache-2.0
"""Tokens in the evidence log: the first of a program by itself, the others counted, whether it keeps
its connection or makes a new one for each."""
import json
import os

import pytest

from cpsworld.agent import Agent
from cpsworld.evidence import evidence_lines
from cpsworld.evil import evil
from cpsworld.program import Program

CALLS = 150

GENEROUS_OIDCD = r"""
hello()
def tokens():
    exp_at = int(time.time()) + 3600
    return {"access_token": "a" * 600, "access_token_exp_at": exp_at,
            "id_token": "i" * 600, "id_token_exp_at": exp_at}
while True:
    packet = receive()
    if packet["op"] == "providers":
        answer(packet, providers=[{"name": "good", "issuer": "https://good.test/",
                                   "methods": ["ecps"], "state": "ready"}])
    elif packet["op"] == "login_ciba":
        answer(packet, handle="h", provider="good", issuer="https://good.test/", sub="f:1:8",
               subject_name_id="899700001011", acr="eidas1", auth_mode="MOBILE",
               auth_at=int(time.time()), warnings=[], userinfo={}, **tokens())
    else:
        answer(packet, ended=True)
"""


@pytest.fixture
def agent():
    with Agent(libexec={"cps-oidcd": evil(GENEROUS_OIDCD)}) as it:
        yield it


def login(client):
    return client.call("session.login", method="ecps", provider="good",
                       national_id="899700001011")["epoch"]


def lines(agent, *events):
    """Of those kinds, once all is on disk."""
    with agent.client() as client:
        return [line for line in evidence_lines(client) if line["event"] in events]


def test_a_connection_for_each_token_is_one_line_and_a_count(agent):
    with agent.client() as client:
        epoch = login(client)
        for _ in range(CALLS):
            with agent.client(hello=False) as once:
                assert once.call("token.get", kind="access")["token"] == "a" * 600
        client.call("token.get", kind="id")
        client.call("token.get", kind="id")
        first = lines(agent, "token", "token_count")
        assert [(line["event"], line["kind"]) for line in first] == [("token", "access"),
                                                                     ("token", "id")]
        client.call("session.logout")
        counts = lines(agent, "token_count", "session_closed")
    assert [(line["event"], line.get("kind"), line.get("count")) for line in counts] == [
        ("token_count", "access", CALLS - 1), ("token_count", "id", 1),
        ("session_closed", None, None)]
    assert all(line["epoch"] == epoch for line in counts)
    assert {line["pid"] for line in first + counts[:2]} == {os.getpid()}


def test_each_session_counts_for_itself(agent):
    with agent.client() as client:
        for _ in range(2):
            login(client)
            for _ in range(3):
                client.call("token.get", kind="access")
            client.call("session.logout")
    seen = lines(agent, "token", "token_count")
    assert [line["event"] for line in seen] == ["token", "token_count"] * 2
    assert [line["count"] for line in seen[1::2]] == [2, 2]
    assert seen[0]["epoch"] == seen[1]["epoch"] != seen[2]["epoch"] == seen[3]["epoch"]


def test_answers_to_lines_of_one_write_come_in_their_order(agent):
    """They are sent together; a failure among them takes its place."""
    with agent.client() as client:
        login(client)
        requests = [{"jsonrpc": "2.0", "id": number, "method": "token.get" if number % 3 else "none"}
                    for number in range(100)]
        client.send_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in requests))
        answers = [client.read() for _ in requests]
    assert [answer["id"] for answer in answers] == list(range(100))
    assert all(("result" in answer) == (answer["id"] % 3 != 0) for answer in answers)


def program_at(agent, path):
    """The program of that path, once it was given a token, as the log has it."""
    target = agent.dir / "programs" / os.fsdecode(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with agent.client() as client:
        login(client)
        with Program(agent, os.fsdecode(path), greet=False) as program:
            assert program.call("token.get")["token"]
        return next(line for line in lines(agent, "token") if line["epoch"] == client.call(
            "session.current")["epoch"])


def test_a_program_is_named_whatever_its_path(agent):
    """Bytes that are no text, and so long a path of what JSON writes with six characters each that
    no line of the log could hold it: the agent goes on, and tells."""
    odd = program_at(agent, b"caf\xe9/dpi")
    assert odd["program"].endswith("/caf?/dpi") and "cut" not in odd
    accented = program_at(agent, "café/dpi".encode())
    assert accented["program"].endswith("/café/dpi")
    long = program_at(agent, b"/".join([b"\x01" * 250] * 15) + b"/dpi")
    assert long["cut"] and long["program"].startswith(str(agent.dir)) and long["result"] == "ok"
    assert agent.process.poll() is None
