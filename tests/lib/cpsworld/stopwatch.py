# SPDX-License-Identifier: Apache-2.0
"""How long something took, without what the machine took away meanwhile.

    watch = Stopwatch()
    client.call("session.current")
    assert watch.took_s() < 0.1

A busy machine makes programs wait for a processor, a virtual one stops altogether for a second at
times: neither says anything of the program that is looked at. What that waits for by itself counts
whole. The programs are those that the test started, and theirs.
"""

import os
import threading
import time

from . import processes

TICK_S = 0.01


class _Stalls:
    """Time in which a processor did not serve those who were due: a thread on each sees it."""

    def __init__(self):
        self._seen = {}
        self._owner = None

    def start(self):
        if self._owner == os.getpid():
            return
        self._owner = os.getpid()
        for cpu in os.sched_getaffinity(0):
            self._seen[cpu] = 0.0, time.monotonic()
            threading.Thread(target=self._tick, args=(cpu,), daemon=True).start()

    def _tick(self, cpu):
        try:
            os.sched_setaffinity(0, [cpu])
        except OSError:
            pass  # it was taken away: then wherever it may run
        while True:
            time.sleep(TICK_S)
            self._seen[cpu] = self._until_now(cpu)

    def _until_now(self, cpu):
        lost, last = self._seen[cpu]
        now = time.monotonic()
        late = now - last - TICK_S
        return lost + (late if late > TICK_S else 0), now

    def so_far_s(self):
        """Of each processor."""
        return {cpu: self._until_now(cpu)[0] for cpu in list(self._seen)}


_stalls = _Stalls()


class Stopwatch:
    """Runs from its making on."""

    def __init__(self):
        _stalls.start()
        self._queued = self._queues()
        self._stalled = _stalls.so_far_s()
        self._start = time.monotonic()

    @staticmethod
    def _queues():
        return {pid: processes.queued_s(pid) for pid in processes.family(os.getpid())}

    def wall_s(self):
        """Since the start, all told: for what must not come too early."""
        return time.monotonic() - self._start

    def lost_s(self):
        """What the machine took since the start."""
        stalled_s = max(now - self._stalled[cpu] for cpu, now in _stalls.so_far_s().items())
        queued_s = sum(max(0, now - self._queued.get(pid, 0))  # 0 now: it has just ended
                       for pid, now in self._queues().items())
        return stalled_s + queued_s

    def took_s(self):
        """Since the start, less what the machine took: for what must not come too late."""
        wall_s = self.wall_s()
        return wall_s - self.lost_s()
