# SPDX-License-Identifier: Apache-2.0
"""A helper that dies while somebody traces it: strace, gdb, the leak checker of its own build."""
import ctypes
import os
import time

import pytest

from cpsworld import processes
from cpsworld.agent import Agent
from cpsworld.evil import zombies
from cpsworld.wait import wait_until

PTRACE_SEIZE = 0x4206
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]


def trace(pid):
    if libc.ptrace(PTRACE_SEIZE, pid, None, None) < 0:
        pytest.skip("no right to trace: " + os.strerror(ctypes.get_errno()))


def test_a_helper_that_dies_under_a_tracer_is_replaced():
    """It has ended for the kernel, but only its tracer is told so until that one lets go."""
    with Agent() as agent, agent.client() as client:
        assert wait_until(lambda: agent.children("cps-cardwatch"))
        (pid,) = agent.children("cps-cardwatch")
        trace(pid)
        os.kill(pid, 9)
        assert wait_until(lambda: processes.state(pid) == "Z")
        time.sleep(0.2)  # the agent hears that it ended, and is not told how
        client.call("session.current")
        assert os.waitpid(pid, WALL)[0] == pid
        assert wait_until(lambda: agent.children("cps-cardwatch") not in ([], [pid]))
        assert wait_until(lambda: zombies(agent) == 0)
