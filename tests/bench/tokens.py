# SPDX-License-Identifier: Apache-2.0
"""A token from the cache: latency, processor time under load, and a connection for each call."""

import contextlib

from . import measure, world
from .report import Section

LOAD_CONNECTIONS = 16


def requests(tools, target):
    """The two requests: with everything a careful client says, and with nothing."""
    full = world.line("token.get", 1000001, provider="bench", kind="access", min_ttl_s=30,
                      epoch=target.epoch, deadline_ms=2000, interaction="none")
    short = world.line("token.get")
    return full, tools.script("token", full), tools.script("token-short", short)


@contextlib.contextmanager
def everybody(tools, agent):
    """name -> Target of all servers that give a token or a list, the agent among them."""
    with contextlib.ExitStack() as stack:
        targets = {"raw echo": stack.enter_context(world.floor(tools, "raw")),
                   "splice server": stack.enter_context(world.floor(tools, "splice")),
                   "jansson server": stack.enter_context(world.floor(tools, "jansson")),
                   "cps-agent, token.get": agent}
        ssh = stack.enter_context(world.ssh_agent(tools))
        if ssh is not None:
            targets["ssh-agent, list of 2 keys"] = ssh
        yield targets


def cases_of(tools, targets, request, *options):
    """One slice function for each target, with the request it understands."""
    ssh_list = tools.script("ssh", world.SSH_LIST)

    def case(name, target):
        if name.startswith("ssh-agent"):
            return lambda: tools.load(target, ssh_list, "-S", *options)
        return lambda: tools.load(target, request, *options)
    return {name: case(name, target) for name, target in targets.items()}


def rows_of(results, floor):
    for name in results:
        yield (name, *(f"{measure.figures(results, name, key).median:.1f}"
                       for key in ("p50_us", "p99_us")),
               f"{measure.figures(results, name, 'rate').median:,.0f}",
               f"{measure.figures(results, name, 'cpu_us').median:.1f}",
               measure.ratio(results, name, floor, "p50_us"),
               measure.ratio(results, name, floor, "cpu_us"))


HEAD = ("server", "p50 µs", "p99 µs", "calls/s", "server CPU µs", "p50 / splice", "CPU / splice")
AGENT, SPLICE, JANSSON = "cps-agent, token.get", "splice server", "jansson server"


def latency(tools, targets, request, short, iterations, request_bytes):
    """Goal 1."""
    noise = measure.Noise()
    cases = cases_of(tools, targets, request)
    cases["cps-agent, shortest request"] = lambda: tools.load(targets[AGENT], short)
    cases["splice server, shortest request"] = lambda: tools.load(targets[SPLICE], short)
    results = measure.interleave(cases, iterations, noise)
    section = Section("Cached token, connection kept (goal 1)")
    section.text(f"One client, one connection; request of {request_bytes} bytes (every parameter "
                 f"given), answer of {results[AGENT][-1]['answer_bytes']} bytes. {noise}.")
    section.table(HEAD, rows_of(results, SPLICE))
    section.goals(
        ("p50 / splice server", measure.ratio(results, AGENT, SPLICE, "p50_us"), 1.3),
        ("p99 / splice server", measure.ratio(results, AGENT, SPLICE, "p99_us"), 1.6),
        ("p50 / splice server, shortest request",
         measure.ratio(results, "cps-agent, shortest request", "splice server, shortest request",
                       "p50_us"), 1.3))
    return section


def load(tools, targets, request, iterations):
    """Goal 2."""
    noise = measure.Noise()
    results = measure.interleave(
        cases_of(tools, targets, request, "-n", str(LOAD_CONNECTIONS)), iterations, noise)
    section = Section(f"Cached token, {LOAD_CONNECTIONS} connections (goal 2)")
    section.text(f"Closed loop, so p50 is mostly queueing. {noise}.")
    section.table(HEAD, rows_of(results, SPLICE))
    section.goals(
        ("server CPU / splice server", measure.ratio(results, AGENT, SPLICE, "cpu_us"), 1.6),
        ("server CPU / jansson server", measure.ratio(results, AGENT, JANSSON, "cpu_us"), 0.6))
    return section


def connect(tools, agent, request_line, request, iterations):
    """Goal 3."""
    noise = measure.Noise()
    both = tools.script("hello-token", world.HELLO, request_line)
    with world.floor(tools, "splice", "full") as splice, \
            world.floor(tools, "jansson", "full") as jansson, \
            world.floor(tools, "jansson", "cred") as plain, world.ssh_agent(tools) as ssh:
        names = ("cps-agent: hello, token.get", "splice server, full identity",
                 "jansson server, full identity", "jansson server, SO_PEERCRED")
        cases = {
            names[0]: lambda: tools.load(agent, both, "-1"),
            names[1]: lambda: tools.load(splice, request, "-1"),
            names[2]: lambda: tools.load(jansson, request, "-1"),
            names[3]: lambda: tools.load(plain, request, "-1"),
            "jansson server, SO_PEERCRED, 2 requests": lambda: tools.load(plain, both, "-1")}
        if ssh is not None:
            cases |= cases_of(tools, {"ssh-agent, list of 2 keys": ssh}, None, "-1")
        results = measure.interleave(cases, iterations, noise)
    section = Section("Cached token, a connection for each call (goal 3)")
    section.text(
        "The agent is asked more than the floors: it wants `hello` first, so its client sends two "
        "lines at once and waits for two answers, where a floor is asked for the token alone. Of "
        "the peer the agent asks SO_PEERCRED only, for there is no policy by program yet; \"full "
        f"identity\" asks pidfd, executable and start time too. {noise}.")
    section.table((*HEAD[:5], "p50 / jansson", "CPU / jansson"), rows_of(results, names[2]))
    section.goals(
        ("p50 / jansson server, full identity",
         measure.ratio(results, names[0], names[2], "p50_us"), 1.0),
        ("p50 / jansson server, SO_PEERCRED",
         measure.ratio(results, names[0], names[3], "p50_us"), 1.0))
    return section


def run(tools, quick):
    iterations = 4 if quick else 15
    with world.agent(tools) as agent:
        line, request, short = requests(tools, agent)
        with everybody(tools, agent) as targets:
            yield latency(tools, targets, request, short, iterations, len(line))
            yield load(tools, targets, request, iterations)
        yield connect(tools, agent, line, request, iterations)
