# SPDX-License-Identifier: Apache-2.0
"""A token from the cache: latency, processor time under load, and a connection for each call."""

import contextlib

from cpsworld.idp import ACCESS_LEN as IDP_ACCESS

from . import measure, oidcagent, world
from .report import Section

LOAD_CONNECTIONS, CROWD = 16, 1000


def full_line(target):
    """A request with everything that a careful client says."""
    return world.line("token.get", 1000001, provider="bench", kind="access", min_ttl_s=30,
                      epoch=target.epoch, deadline_ms=2000, interaction="none")


def requests(tools, target):
    """The two requests: with everything, and with nothing."""
    full = full_line(target)
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


def crowded(tools, targets, request, iterations):
    """Goal 4."""
    noise = measure.Noise()
    names = (AGENT, SPLICE, JANSSON, *(name for name in targets if name.startswith("ssh-agent")))
    chosen = {name: targets[name] for name in names}
    few = f"{AGENT}, {LOAD_CONNECTIONS} connections"
    cases = cases_of(tools, chosen, request, "-n", str(CROWD))
    cases |= {few: cases_of(tools, {AGENT: targets[AGENT]}, request, "-n",
                            str(LOAD_CONNECTIONS))[AGENT]}
    results = measure.interleave(cases, iterations, noise)
    section = Section(f"Cached token, {CROWD} connections (goal 4)")
    section.text(f"All of them ask, each again as soon as it is answered; a call that fails would "
                 f"end the measurement. {noise}.")
    section.table(HEAD, rows_of(results, SPLICE))
    goals = [(f"own calls/s at {LOAD_CONNECTIONS} connections / at {CROWD}",
              measure.ratio(results, few, AGENT, "rate"), 1 / 0.85),
             ("p99 / p50", measure.Spread([turn["p99_us"] / turn["p50_us"]
                                           for turn in results[AGENT]]), 2)]
    if len(names) > 3:
        goals.insert(0, ("calls/s of ssh-agent / of cps-agent",
                         measure.ratio(results, names[3], AGENT, "rate"), 1))
    section.goals(*goals)
    return section


def peers_that_connect(tools, stack, request, request_line):
    """name -> slice function of the floors and agents that goal 3 stands beside."""
    both = tools.script("two-tokens", request_line, request_line)
    splice, jansson, plain = (stack.enter_context(world.floor(tools, kind, identity)) for
                              kind, identity in (("splice", "full"), ("jansson", "full"),
                                                 ("jansson", "cred")))
    cases = {"splice server, full identity": lambda: tools.load(splice, request, "-1"),
             FULL: lambda: tools.load(jansson, request, "-1"),
             "jansson server, full identity, 2 requests": lambda: tools.load(jansson, both, "-1"),
             "jansson server, SO_PEERCRED": lambda: tools.load(plain, request, "-1")}
    ssh = stack.enter_context(world.ssh_agent(tools))
    if ssh is not None:
        cases |= cases_of(tools, {"ssh-agent, list of 2 keys": ssh}, None, "-1")
    return cases | oidcagent.cases(tools, stack.enter_context(oidcagent.agent(tools)))


FULL = "jansson server, full identity"
RULES = 32


def rules(tools, other):
    """As many as a large site has, the one of the caller last; other: whom one of them is about."""
    programs = [f"[program-{number}]\nprogram = /opt/program-{number}\naudiences = none\n"
                for number in range(RULES - 2)]
    return "".join([*programs, f"[other]\n{other}\naudiences = none\n",
                    f"[caller]\nprogram = {tools['bench-sockload']}\ntokens = access\n"])


def ruled_cases(tools, stack, names):
    """An agent with rules about programs, and one that must know the caller's unit too."""
    cases = {}
    for name, other in zip(names, ("program = /opt/other", "unit = records.service")):
        agent = stack.enter_context(world.agent(tools, rules(tools, other),
                                                policy="unknown = refuse\n"))
        request = tools.script(f"token-{len(cases)}", full_line(agent))
        cases[name] = lambda agent=agent, request=request: tools.load(agent, request, "-1")
    return cases


def connect(tools, agent, request_line, request, iterations):
    """Goal 3."""
    noise = measure.Noise()
    greeted = tools.script("hello-token", world.HELLO, request_line)
    names = ("cps-agent: token.get", "cps-agent: hello, token.get",
             f"cps-agent, {RULES} rules by program: token.get",
             f"cps-agent, {RULES} rules, one by unit: token.get")
    with contextlib.ExitStack() as stack:
        cases = {names[0]: lambda: tools.load(agent, request, "-1"),
                 names[1]: lambda: tools.load(agent, greeted, "-1")}
        cases |= ruled_cases(tools, stack, names[2:])
        cases |= peers_that_connect(tools, stack, request, request_line)
        results = measure.interleave(cases, iterations, noise)
    section = Section("Cached token, a connection for each call (goal 3)")
    section.text(
        "The floors are asked for the token alone, and so is the agent in its first line; in the "
        "second its client sends `hello` too, in the same write, and waits for both answers. The "
        "floors with full identity ask the kernel for the peer's credentials, pidfd, executable "
        "and start time, then drop what they learnt; the agent asks for what its rules and its log "
        "need: credentials, pidfd, executable, and whether the process is still that one. With "
        f"{RULES} rules programs without one are refused; as soon as one rule is about a systemd "
        "unit, the cgroup and security label of each caller are read too, which no floor does. It "
        "then checks the request, its rules and the session, counts the token for the evidence "
        "log and keeps the session awake. oidc-agent gives a token of "
        f"{IDP_ACCESS} bytes from its cache, refreshed at `tests/idp` every two minutes; of its "
        f"two processes only the one that listens is counted in the processor time. {noise}.")
    section.table((*HEAD[:5], "p50 / jansson", "CPU / jansson"), rows_of(results, FULL))
    goals = [(f"p50 / {FULL}", measure.ratio(results, names[0], FULL, "p50_us"), 1.0),
             (f"p50 with hello / {FULL}", measure.ratio(results, names[1], FULL, "p50_us"), 1.0),
             (f"p50 with {RULES} rules / {FULL}", measure.ratio(results, names[2], FULL, "p50_us"),
              1.0)]
    library = "oidc-agent, by its library"
    if library in results:
        goals.append((f"p50 / {library}",
                      measure.ratio(results, names[0], library, "p50_us"), 0.25))
    section.goals(*goals)
    return section


def run(tools, quick):
    iterations = 4 if quick else 15
    with world.agent(tools) as agent:
        line, request, short = requests(tools, agent)
        with everybody(tools, agent) as targets:
            yield latency(tools, targets, request, short, iterations, len(line))
            yield load(tools, targets, request, iterations)
            yield crowded(tools, targets, request, iterations)
        yield connect(tools, agent, line, request, iterations)
