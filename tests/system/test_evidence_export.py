# SPDX-License-Identifier: Apache-2.0
"""Copies of the evidence log for the journal and for syslog: what they are sent, and what becomes of
the agent when they do not read it."""
import json
import os
import pathlib
import re

import pytest

from cpsworld.agent import Agent
from cpsworld.machine_log import MachineLog
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


def settings(target):
    return f"[station]\nname = poste-é\n[evidence]\nexport = {target}\n"


def evidence(client):
    return client.call("status")["evidence"]


def on_disk(client):
    directory = pathlib.Path(evidence(client)["directory"])
    text = "".join(path.read_text() for path in sorted(directory.glob("evidence-*.jsonl")))
    return text.splitlines()


def messages(log, target, n):
    """The text of that many messages: what is around it is checked here."""
    found = []
    for _ in range(n):
        message = log.next(target)
        assert message is not None, f"{len(found)} of {n}"
        if target == "syslog":
            shape = r"<85>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d cps-agent: (\{.*\})"
            found.append(re.fullmatch(shape, message)[1])
        else:
            fields = dict(line.split("=", 1) for line in message.removesuffix("\n").split("\n"))
            line = json.loads(fields["MESSAGE"])
            assert fields["PRIORITY"] == "5" and fields["SYSLOG_FACILITY"] == "10"
            assert fields["SYSLOG_IDENTIFIER"] == "cps-agent"
            assert fields["CPS_EVENT"] == line["event"]
            assert fields["CPS_RESULT"] == line.get("result", "")
            found.append(fields["MESSAGE"])
    return found


@pytest.mark.parametrize("target", ["syslog", "journal"])
def test_each_line_is_copied_as_it_is(target):
    with MachineLog() as log, Agent(settings=settings(target), prefix=log.prefix) as agent:
        with agent.client() as client:
            assert wait_until(lambda: evidence(client)["written"] == 2)
            client.call("keys.rotate")
            assert wait_until(lambda: evidence(client)["written"] == 3)
            lines = on_disk(client)
            assert [json.loads(line)["event"] for line in lines[:3]] == ["start", "checkpoint",
                                                                         "key_rotated"]
            assert messages(log, target, len(lines)) == lines
            assert "not_copied" not in evidence(client)
        other = "journal" if target == "syslog" else "syslog"
        assert log.all(other) == []
        agent.stop()
        copied = [json.loads(line) for line in messages(log, target, 2)]
        assert [line["event"] for line in copied] == ["stop", "checkpoint"]


@pytest.mark.parametrize("target", ["syslog", "journal"])
def test_a_log_that_does_not_read_stops_nothing(target):
    """Its queue is full after some messages: the files get every line, and it is told."""
    with MachineLog() as log, Agent(settings=settings(target), prefix=log.prefix) as agent:
        with agent.client() as client:
            timer = Stopwatch()
            rotations = 0
            while "not_copied" not in evidence(client):
                for _ in range(50):
                    client.call("keys.rotate")
                rotations += 50
                assert rotations <= 1500 and wait_until(lambda: evidence(client)["waiting"] == 0)
            assert timer.took_s() < 10
            state = evidence(client)
            assert state["state"] == "running" and "lost" not in state
            events = [json.loads(line)["event"] for line in on_disk(client)]
            assert events.count("key_rotated") == rotations
            copied = log.all(target)
            assert len(copied) + state["not_copied"] == len(events)
            client.call("keys.rotate")
            assert log.next(target) is not None, "it reads again and is sent what comes"
        assert agent.log.read_text().count("are not taken by the log of this machine") == 1


def test_nobody_there_costs_nothing():
    with Agent(settings=settings("journal")) as agent, agent.client() as client:
        if pathlib.Path("/run/systemd/journal/socket").exists():
            pytest.skip("this machine has a journal")
        assert wait_until(lambda: evidence(client).get("not_copied", 0) >= 2)
        assert evidence(client)["state"] == "running"
