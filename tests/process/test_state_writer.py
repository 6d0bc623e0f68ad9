# SPDX-License-Identifier: Apache-2.0
"""A cps-state that breaks or hangs, at each step."""
import base64

import pytest
from cryptography.hazmat.primitives import serialization

from cpsworld.agent import Agent, RpcError, failure
from cpsworld.evil import evil, misbehave
from cpsworld.wait import wait_until

WRITTEN = {"state": "running", "waiting": 0}

HONEST = """
def honest(request):
    path = request["params"]["directory"] + "/" + request["params"]["name"]
    with os.fdopen(request["fds"][0], "rb") as content, open(path, "wb") as file:
        file.write(os.pread(content.fileno(), 1 << 20, 0))
    answer(request)

serve(honest)
"""


@pytest.fixture(scope="module")
def station():
    with Agent(libexec={"cps-state": evil(HONEST)}) as agent, agent.client() as client:
        assert wait_until(lambda: (agent.state / "evidence-head").exists() and
                          client.call("status")["storage"] == WRITTEN), "what it starts with"
        yield agent, client


@pytest.mark.parametrize("step, fault", [
    ("start", "exits"), ("hello", "crashes"), ("write", "crashes"), ("write", "garbage"),
    ("write", "closes its channel"), ("write", "an unknown id"), ("write", "a descriptor"),
    ("write", "no error")])
def test_a_writer_that_breaks(station, step, fault):
    """Whoever waits is told, the key in use stays, and the next writer has it on disk."""
    agent, client = station
    before = client.call("keys.jwks")["keys"]
    misbehave(agent, "cps-state", step, fault)
    with pytest.raises(RpcError) as failed:
        client.call("keys.rotate", deadline_ms=30000)
    assert failed.value.name in ("COMPONENT_FAILED", "INTERNAL")
    assert client.call("keys.jwks")["keys"] == before
    misbehave(agent, "cps-state", None, "")
    assert wait_until(lambda: client.call("status")["storage"] == WRITTEN, 60)
    pem = (agent.state / "statement-key.pem").read_bytes()
    public = serialization.load_pem_private_key(pem, None).public_key().public_numbers()
    x = int.from_bytes(base64.urlsafe_b64decode(before[0]["x"] + "="), "big")
    assert public.x == x, "the key on disk is the one in use"


def test_a_writer_that_never_answers_keeps_only_those_who_must_know(station):
    agent, client = station
    misbehave(agent, "cps-state", "write", "stops")
    for _ in range(2):
        late = client.send("keys.rotate", deadline_ms=500)
        assert client.call("status")["storage"]["waiting"] == 1
        assert failure(client, late) == "DEADLINE_EXCEEDED"
    client.send("keys.rotate", deadline_ms=20000)
    with pytest.raises(RpcError) as second:
        client.call("keys.rotate")
    assert second.value.name == "TOO_MANY_REQUESTS"
    assert len(agent.children("cps-state")) == 1, "one at a time"
