# SPDX-License-Identifier: Apache-2.0
"""What a caller feels of the others: a thousand subscribers, stalled clients, deaf ones."""

import json

from cpsworld import processes

from . import measure, world
from .report import Section

IDLE, STALLED, DEAF = 1000, 16, 4
SSH_IDLE = 900  # its descriptor limit is often 1024
FANOUT_ROUNDS = 5


def rows_of(results, alone):
    for name in results:
        yield (name, *(f"{measure.figures(results, name, key).median:.1f}"
                       for key in ("p50_us", "p99_us")),
               *(measure.ratio(results, name, alone, key) for key in ("p50_us", "p99_us")))


def company(tools, agent, iterations):
    """A caller alone, and beside crowds of three kinds."""
    noise = measure.Noise()
    request = tools.script("token", world.line("token.get"))
    idle = ("-i", str(IDLE), "-I", tools.script("subscribe", world.HELLO, world.SUBSCRIBE))
    alone, beside = "cps-agent, alone", "cps-agent, beside {} {}"
    names = [beside.format(IDLE, "idle subscribers"), beside.format(STALLED, "stalled clients"),
             beside.format(DEAF, "clients that ask and never read")]
    results = measure.interleave({
        alone: lambda: tools.load(agent, request),
        names[0]: lambda: tools.load(agent, request, *idle),
        names[1]: lambda: tools.load(agent, request, "-h", str(STALLED)),
        names[2]: lambda: tools.load(agent, request, "-D", str(DEAF))}, iterations, noise)
    section = Section("Beside others (goal 5)")
    section.text(f"One caller of token.get. Stalled: half a request sent, and no more. {noise}.")
    section.table(("caller", "p50 µs", "p99 µs", "p50 / alone", "p99 / alone"),
                  rows_of(results, alone))
    section.goals(*((f"{key[:3]} / alone, {name.removeprefix('cps-agent, ')}",
                     measure.ratio(results, name, alone, key), limit)
                    for name in names for key, limit in (("p50_us", 1.15), ("p99_us", 1.5))))
    return section


def ssh_company(tools, section, iterations):
    """The same of ssh-agent, which polls all its connections."""
    with world.ssh_agent(tools) as ssh:
        if ssh is None:
            return
        request = tools.script("ssh", world.SSH_LIST)
        alone, beside = "ssh-agent, alone", f"ssh-agent, beside {SSH_IDLE} idle clients"
        results = measure.interleave({
            alone: lambda: tools.load(ssh, request, "-S"),
            beside: lambda: tools.load(ssh, request, "-S", "-i", str(SSH_IDLE))},
            iterations, measure.Noise())
    section.table(("for comparison", "p50 µs", "p99 µs", "p50 / alone", "p99 / alone"),
                  rows_of(results, alone))


def memory(tools, agent):
    """RSS that an idle subscriber costs, counted on the first thousand."""
    before = processes.rss_kb(agent.pid)
    subscribe = tools.script("subscribe", world.HELLO, world.SUBSCRIBE)
    with tools.crowd(agent, "-i", str(IDLE), "-I", subscribe):
        full = processes.rss_kb(agent.pid)
    section = Section("Memory of a connection (goal 5)")
    section.text(f"RSS of the agent: {before} kB, with {IDLE} idle subscribers {full} kB.")
    section.goals(("kB per connection", (full - before) / IDLE, 6))
    return section


def fanout_case(tools, target, request, rearm):
    """One slice: the median of a few events, from the request to the last subscriber."""
    subscribe = tools.script("subscribe", world.HELLO, world.SUBSCRIBE)
    times = tools.output(tools["bench-sockload"], "-c", str(world.CLIENT_CORE), "-F",
                         str(FANOUT_ROUNDS), "-i", str(IDLE), "-I", subscribe, "-r", request,
                         "-R", rearm, "-p", tools.script("hello", world.HELLO),
                         "-s", str(target.pid), str(target.socket))
    return {"last_us": sorted(times["us"])[FANOUT_ROUNDS // 2], "own_s": times["own_s"]}


def event_bytes(agent):
    """Length of the notification that a logout makes; the session is opened again."""
    with agent.agent.client() as subscriber, agent.agent.client() as speaker:
        subscriber.call("subscribe")
        speaker.call("session.logout")
        event = subscriber.read()
        world.login(speaker)
    return len(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()) + 1


def fanout(tools, agent, iterations):
    """A logout told to a thousand subscribers, beside the same event of a floor."""
    noise = measure.Noise()
    logout = tools.script("logout", world.line("session.logout"))
    login = tools.script("login", world.line("session.login", method="ecps", provider="bench",
                                             national_id="899700001011"))
    size = event_bytes(agent)
    with world.floor(tools, "splice", event_bytes=size) as floor:
        results = measure.interleave({
            "cps-agent": lambda: fanout_case(tools, agent, logout, login),
            "splice server": lambda: fanout_case(tools, floor, logout, login)}, iterations, noise)
    section = Section(f"One event for {IDLE} subscribers (goal 5)")
    section.text(f"From the request that ends the session until the last of {IDLE} connections has "
                 f"the event, {size} bytes. Reading {IDLE} sockets is the client's work, and "
                 f"counted. {noise}.")
    section.table(("server", "ms to the last", "/ splice"),
                  [(name, f"{measure.figures(results, name, 'last_us').median / 1000:.2f}",
                    measure.ratio(results, name, "splice server", "last_us"))
                   for name in results])
    section.goals(("last of 1000 / splice server",
                   measure.ratio(results, "cps-agent", "splice server", "last_us"), 1.5))
    return section


def run(tools, quick):
    iterations = 4 if quick else 15
    with world.agent(tools) as agent:
        yield memory(tools, agent)
        section = company(tools, agent, iterations)
        ssh_company(tools, section, 4)
        yield section
        yield fanout(tools, agent, iterations)
