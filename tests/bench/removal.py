# SPDX-License-Identifier: Apache-2.0
"""A card pulled out: how long until the session is closed and its subscribers know."""

import contextlib
import json
import os
import subprocess
import time

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent, unprivileged

from . import measure, world
from .report import Section

SUBSCRIBERS = 100
PCSCD_LOOK_S = 0.4  # how often pcscd looks at a vpcd reader: removals are spread over it


@contextlib.contextmanager
def watcher(command, env=None):
    """One end of bench-removal, ready; its output is what it saw."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("bench-removal could not start")
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def until_closed(events):
    """When the notification came that the session is closed."""
    for text in events:
        at_ns, _, message = text.partition(" ")
        params = json.loads(message)["params"]
        if params.get("change") == "closed":
            return int(at_ns)
    raise RuntimeError("no notification")


def one(tools, pcscd, slot, agent, phase_s):
    """Milliseconds from the removal, and from when PC/SC knew, to the event."""
    subscribe = tools.script("subscribe", world.HELLO, world.SUBSCRIBE)
    slot.insert("physician")
    agent.pinentry.answers("pin " + slot.cards["physician"]["pin"])
    with agent.client() as client:
        client.call("subscribe", events=["card"])
        client.until_card()
        client.call("session.login", method="card")
    pcsc = [tools["bench-removal"], "pcsc", slot.reader]
    events = unprivileged([tools["bench-removal"], "events", str(agent.socket), subscribe])
    with watcher(pcsc, pcscd.env()) as seen, watcher(events) as told:
        time.sleep(phase_s)
        start_ns = time.monotonic_ns()
        slot.remove(wait=False)
        event_ns, seen_ns = until_closed(told), int(seen.readline())
    with agent.client() as client:
        open_session = client.call("session.current")["session"]
    if open_session is not None:
        raise RuntimeError("the session is still open")
    return (event_ns - start_ns) / 1e6, (event_ns - seen_ns) / 1e6


def run(tools, quick):
    total, share = [], []
    crowd = ("-i", str(SUBSCRIBERS), "-I",
             tools.script("subscribe", world.HELLO, world.SUBSCRIBE))
    with Pcscd() as pcscd, VirtualCard(pcscd) as slot, \
            Agent(pcscd, anchors=[slot.cards.chain]) as agent:
        target = world.Target(agent.process.pid, agent.socket)
        os.sched_setaffinity(target.pid, range(os.cpu_count()))
        with tools.crowd(target, *crowd):
            removals = 3 if quick else 12
            for number in range(removals):
                milliseconds = one(tools, pcscd, slot, agent, number * PCSCD_LOOK_S / removals)
                total.append(milliseconds[0])
                share.append(milliseconds[1])
    section = Section("From removal to notification")
    section.text(
        "pcscd looks at a vpcd reader every 400 ms, so the whole is mostly waiting for that look; "
        "a USB reader tells at once. The agent's share counts from the moment when a bare "
        "SCardGetStatusChange client of the same pcscd, running beside, has seen the removal: it "
        f"may be negative, for pcscd tells its clients one after the other. {SUBSCRIBERS} other "
        "subscribers are told too. The session is closed before its event is sent, and found "
        "closed by a call afterwards.")
    section.table(("ms", "median (10th..90th percentile)", "worst"),
                  [("removal to event", measure.Spread(total), f"{max(total):.0f}"),
                   ("the agent's share", measure.Spread(share), f"{max(share):.2f}")])
    section.goals(("the agent's share, worst, ms", max(share), 100))
    yield section
