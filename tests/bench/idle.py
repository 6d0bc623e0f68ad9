# SPDX-License-Identifier: Apache-2.0
"""Wake-ups of each process while nothing happens, counted beside the other measurements."""

import contextlib
import math
import pathlib
import time

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent

from . import world
from .report import Section

SETTLE_S = 2
BEAT_S = 40  # cardwatch stays well below CARDWATCH_BEAT_MS of base/proto.h
CHECKPOINT_S = 300  # agent/evidence.c
# The timer, the answer of cps-evidence, and cps-state, which writes evidence-head: hello, answer, end.
CHECKPOINT_WAKES = 5
HELPERS = ("cps-cardwatch", "cps-cardop", "cps-oidcd")


def switches(pid):
    """Voluntary context switches: each is a sleep, hence one more wake-up."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} is gone")


class Idle:
    """An agent with a card and a session, left alone from its start until wake_ups()."""

    def __init__(self, agent):
        self.pids = {"cps-agent": agent.process.pid}
        self.pids |= {name: pid for name in HELPERS for pid in agent.children(name)}
        self._since = time.monotonic()
        self._start = {name: switches(pid) for name, pid in self.pids.items()}

    def left_s(self, wanted_s):
        return max(0, self._since + wanted_s - time.monotonic())

    def section(self):
        seconds = time.monotonic() - self._since
        counts = {name: switches(pid) - self._start[name] for name, pid in self.pids.items()}
        section = Section("Idle")
        section.text(
            f"An agent with a card in the reader and a session open by it, left alone for "
            f"{seconds:.0f} s while the other measurements ran. The timers due in that time are "
            f"cardwatch's beat, every {BEAT_S} s, which wakes the agent too, and the signature over "
            f"the evidence log, {CHECKPOINT_S} s after a login: the timer, the answer of "
            "cps-evidence, and cps-state, which starts, writes how far the log goes, and ends. The beat is a conversation "
            "with pcscd: an answer that cardwatch has to wait for is one more.")
        section.table(("process", "wake-ups", "a minute"),
                      [(name, count, f"{count / seconds * 60:.1f}")
                       for name, count in counts.items()])
        beats = math.ceil(seconds / BEAT_S)
        signed = CHECKPOINT_WAKES if seconds >= CHECKPOINT_S else 0
        section.goals(*((f"wake-ups of {name}, timers due not counted",
                         max(0, counts[name] - due), 0)
                        for name, due in (("cps-agent", beats + signed), ("cps-cardop", 0),
                                          ("cps-oidcd", 0))))
        return section


@contextlib.contextmanager
def left_alone():
    """An Idle agent for the time of a with statement."""
    with Pcscd() as pcscd, VirtualCard(pcscd, insert="physician") as slot, \
            Agent(pcscd, anchors=[slot.cards.chain]) as agent:
        agent.pinentry.answers("pin " + slot.cards["physician"]["pin"])
        with agent.client() as client:
            client.call("subscribe")
            client.until_card()
            client.call("session.login", method="card")
        time.sleep(SETTLE_S)
        yield Idle(agent)
