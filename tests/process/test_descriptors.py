# SPDX-License-Identifier: Apache-2.0
"""Descriptors: those that clients send along, and too few of them."""
import os
import socket
import subprocess

import pytest

from cpsworld import processes
from cpsworld.agent import Agent, RpcError, unprivileged
from cpsworld.evil import PATIENT_OIDCD, PROVIDER_SETTINGS, evil, open_descriptors
from cpsworld.wait import wait_until

FEW = 48


def limit(agent, soft):
    """As many descriptors as that; FEW is the most there may be from then on."""
    subprocess.run(unprivileged(["prlimit", "--pid", str(agent.process.pid),
                                 f"--nofile={soft}:{FEW}"]), check=True)


def test_descriptors_sent_along_are_not_kept():
    with Agent() as agent, agent.client() as client:
        assert wait_until(lambda: agent.children("cps-cardwatch") and agent.children("cps-oidcd"))
        client.call("status")
        before = open_descriptors(agent)
        for number in range(1, 50):
            line = b'{"jsonrpc":"2.0","id":%d,"method":"session.current"}\n' % (1000 + number)
            socket.send_fds(client.socket, [line], [0, 1, 2])
            assert client.read()["id"] == 1000 + number
        assert wait_until(lambda: open_descriptors(agent) <= before)


def test_out_of_descriptors():
    """Those who are in go on, newcomers wait for room, and nothing turns round meanwhile."""
    with Agent(libexec={"cps-oidcd": evil(PATIENT_OIDCD)}, settings=PROVIDER_SETTINGS) as agent:
        with agent.client() as inside:
            inside.call("status")
            assert wait_until(lambda: agent.children("cps-oidcd"))
            limit(agent, FEW)
            crowd = [agent.raw() for _ in range(2 * FEW)]
            assert wait_until(lambda: open_descriptors(agent) == FEW)
            before = processes.cpu_s(agent.process.pid)
            assert inside.call("session.current")["session"] is None
            with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
                inside.call("session.login", method="browser", deadline_ms=300)
            assert agent.log.read_text().count("too many open connections") < 10
            assert processes.cpu_s(agent.process.pid) - before < 0.15
            for connection in crowd[:-1]:
                connection.close()
            last = crowd[-1]
            last.sendall(b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":1}}\n')
            last.settimeout(10)
            assert b'"result"' in last.recv(65536), "there is room again"
            last.close()
        assert wait_until(lambda: open_descriptors(agent) < 20)
        with agent.client() as after:
            assert after.call("session.current")["session"] is None


def test_room_that_no_client_left():
    """Descriptors become free although nobody leaves, when a helper ends say: newcomers get them."""
    with Agent() as agent, agent.client() as client:
        client.call("status")
        limit(agent, FEW - 8)
        crowd = [agent.raw() for _ in range(FEW)]
        assert wait_until(lambda: open_descriptors(agent) == FEW - 8)
        limit(agent, FEW)
        assert wait_until(lambda: open_descriptors(agent) == FEW)
        for connection in crowd:
            connection.close()


def test_without_a_descriptor_for_a_helper():
    """cardwatch dies while no other can be started: it is, once there is room."""
    with Agent() as agent, agent.client() as client:
        client.call("status")
        assert wait_until(lambda: agent.children("cps-cardwatch"))
        limit(agent, open_descriptors(agent))
        crowd = [agent.raw() for _ in range(3)]
        (pid,) = agent.children("cps-cardwatch")
        os.kill(pid, 9)
        assert wait_until(lambda: client.call("status")["components"]["cardwatch"] == "restarting")
        for connection in crowd:
            connection.close()
        limit(agent, FEW)
        assert wait_until(lambda: agent.children("cps-cardwatch"))
        assert client.call("status")["components"]["cardwatch"] == "running"
