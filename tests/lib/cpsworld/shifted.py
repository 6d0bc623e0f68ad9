# SPDX-License-Identifier: Apache-2.0
"""Programs as they are, in a time that the test moves: tests/mock/shift_clock.c, preloaded.

    clock = ShiftedClock()
    agent = Agent(env=clock.env, libexec={"cps-cardwatch": evil(WATCH)})
    clock.attach(agent)
    with agent, agent.client() as client:
        clock.watch(agent, client, idp)
        clock.forward(1800)
"""

import mmap
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time

from .paths import build_dir
from .provider import sanitizer

SIGNAL = signal.SIGRTMIN + 3

# A beat of cps-cardwatch may be two minutes late: longer steps would look like a dead pcscd.
STEP_S = 100

QUIET_TIMEOUT_S = 60

# Stands in for cps-cardwatch where there is no reader: up, and a beat each time that time has moved.
WATCH = r"""
hello()
send({"event": "pcsc", "state": "up"})
beats = os.open(HOME + "/beats", os.O_WRONLY)
def beat(*_):
    send({"event": "beat"})
    os.write(beats, b".")
signal.signal(signal.SIGRTMIN + 3, beat)
beat()
forever()
"""


class Busy:
    """Whether any of these processes, each of one thread, has something to do. What one of them
    sends to another by a Unix socket wakes that one at once, so all of them asleep, and none having
    run between two looks, means that nothing is under way. A busy kernel may keep what goes by TCP
    for a moment: as long as a connection of that port is there, something is."""

    def __init__(self, pids, port):
        here, any_one = b"0100007F:%04X" % port, rb"[0-9A-F]{8}:[0-9A-F]{4}"
        listening_or_over = rb"(?!0A|06)"
        self._connected = re.compile(b" (%s %s|%s %s) %s" % (here, any_one, any_one, here,
                                                             listening_or_over))
        self._tcp = os.open("/proc/net/tcp", os.O_RDONLY | os.O_CLOEXEC)
        self._files = [(os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC),
                        os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC))
                       for pid in pids]

    def _look(self):
        """What they have run so far; None: one of them runs."""
        ran = []
        for stat, schedstat in self._files:
            if os.pread(stat, 512, 0).rpartition(b")")[2].split(None, 1)[0] != b"S":
                return None
            ran.append(os.pread(schedstat, 128, 0))
        return ran

    def _connections(self):
        table = b""
        while part := os.pread(self._tcp, 1 << 16, len(table)):
            table += part
        return self._connected.search(table) is not None

    def wait(self):
        end = time.monotonic() + QUIET_TIMEOUT_S
        while (ran := self._look()) is None or ran != self._look() or self._connections():
            if time.monotonic() > end:
                raise TimeoutError("they do not come to rest")
            os.sched_yield()

    def cpu_s(self):
        """Processor time that they have taken so far."""
        return sum(int(os.pread(schedstat, 128, 0).split()[0]) for _, schedstat in
                   self._files) / 1e9

    def close(self):
        os.close(self._tcp)
        for files in self._files:
            for file in files:
                os.close(file)


class ShiftedClock:
    """env: what makes a program live in this time; it then needs SIGNAL each time that moves."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsclock-"))
        self.dir.chmod(0o755)
        shutil.copy(build_dir() / "tests" / "shift_clock.so", self.dir)
        path = self.dir / "shift"
        path.write_bytes(bytes(8))
        path.chmod(0o644)
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        asan = sanitizer()
        preload = filter(None, [asan.get("LD_PRELOAD"), str(self.dir / "shift_clock.so")])
        self.env = {**asan, "SHIFT_CLOCK": str(path), "LD_PRELOAD": " ".join(preload)}
        self.shift_s = 0

    def attach(self, agent):
        """Before the agent starts: its WATCH tells here when it has beaten."""
        path = agent.dir / "home" / "beats"
        os.mkfifo(path)
        path.chmod(0o666)
        self._beats = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def watch(self, agent, client, idp):
        """Once the agent runs: its time is moved from now on. client: one to ask it by; idp: the
        cpsworld.Idp that its helpers speak with."""
        self._agent, self._client = agent.process.pid, client
        os.read(self._beats, 1)
        helpers = {name: agent.children(name)[0]
                   for name in ("cps-cardwatch", "cps-oidcd", "cps-evidence")}
        self._helpers = [helpers["cps-cardwatch"], helpers["cps-oidcd"]]
        self.busy = Busy([self._agent, helpers["cps-oidcd"], helpers["cps-evidence"],
                          idp.process.pid], idp.port)

    def close(self):
        os.close(self._beats)
        self.busy.close()
        self._map.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def now_s(self):
        return time.time() + self.shift_s

    def forward(self, seconds):
        """Time passes, for those who rest: a deadline must not pass over what is under way. Each
        step is over when the helpers have heard of it and the agent has answered after it."""
        end_s = self.shift_s + seconds
        while self.shift_s < end_s:
            self.busy.wait()
            self.shift_s = min(self.shift_s + STEP_S, end_s)
            self._map[:] = int(self.shift_s * 1e9).to_bytes(8, "little")
            for pid in self._helpers:
                os.kill(pid, SIGNAL)
            os.read(self._beats, 1)
            os.kill(self._agent, SIGNAL)
            for _ in range(2):  # timers and requests of one turn of the loop have no order
                self._client.call("session.current")
