# SPDX-License-Identifier: Apache-2.0
"""From exec to the first answer, the memory of each process at rest, and a command's whole life."""

import pathlib
import shutil

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent

from . import measure, world
from .report import Section

LAUNCHES = 5
LARGEST = 6
CHILDREN = ("cps-cardwatch", "cps-cardop", "cps-oidcd")


def launch_case(tools, *command, **environment):
    """One slice: the median of a few starts."""
    def case():
        times = tools.output(tools["bench-launch"], str(LAUNCHES), *command, **environment)["us"]
        return {"us": sorted(times)[LAUNCHES // 2]}
    return case


def agent_command(agent, path):
    """The agent's command line, on a socket and a state directory of its own."""
    state = agent.dir / "home" / "launch-state"
    return [str(agent.bin / "cps-agent"), "--config", str(agent.config), "--state", str(state),
            "--libexec", str(agent.bin), "--socket", str(path)]


def rows_of(results, floor):
    for name in results:
        yield (name, f"{measure.figures(results, name, 'us').median / 1000:.2f}",
               measure.ratio(results, name, floor, "us"))


def cold_start(tools, iterations):
    """exec, until the first request on the socket is answered."""
    path = tools.run / "cold.sock"
    hello = tools.script("hello", world.HELLO)
    ssh_agent = shutil.which("ssh-agent")
    with Agent() as agent:
        cases = {
            "cps-agent": launch_case(tools, str(path), hello, "line", "--",
                                     *agent_command(agent, path)),
            "floor server": launch_case(
                tools, str(path), hello, "line", "--", tools["bench-floor"], "jansson", "cred",
                str(path), str(world.TOKEN_BYTES), "512")}
        cases["cps-agent --version: its libraries, no more"] = launch_case(
            tools, "--", str(agent.bin / "cps-agent"), "--version")
        if ssh_agent:
            cases["ssh-agent"] = launch_case(
                tools, str(path), tools.script("ssh", world.SSH_LIST), "ssh", "--", ssh_agent,
                "-D", "-a", str(path))
        results = measure.interleave(cases, iterations)
    section = Section("Cold start (goal 9)")
    section.text("From exec until the first request on the socket is answered: the keys are loaded "
                 "by then, the helpers are started just after. The floor links jansson alone; "
                 "ssh-agent links libcrypto, and the agent libsystemd besides, which takes as long "
                 "to load.")
    section.table(("server", "ms", "/ floor"), rows_of(results, "floor server"))
    if ssh_agent:
        section.goals(("cold start / ssh-agent",
                       measure.ratio(results, "cps-agent", "ssh-agent", "us"), 1.25))
    return section


def command(tools, iterations):
    """cpsctl status --json, beside the least a client can be."""
    with world.agent(tools) as target:
        status = tools.script("status", world.HELLO, world.line("status"))
        results = measure.interleave({
            "cpsctl status --json": launch_case(tools, "--", tools["cpsctl"], "status", "--json",
                                                CPS_AGENT_SOCK=str(target.socket)),
            "one-shot client": launch_case(tools, "--", tools["bench-oneshot"],
                                           str(target.socket), status)}, iterations)
    section = Section("A command (goal 9)")
    section.text("Whole life of a process; the one-shot client sends `hello` and `status` in one "
                 "write, parses the answer with jansson and prints it.")
    section.table(("command", "ms", "/ one-shot"), rows_of(results, "one-shot client"))
    section.goals(("cpsctl status / one-shot client",
                   measure.ratio(results, "cpsctl status --json", "one-shot client", "us"), 1.3))
    return section


def memory_kb(pid):
    """RSS, its anonymous part, its part of mapped files; in kB."""
    fields = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return [int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon", "RssFile")]


def mappings(pid):
    """(file, RSS, anonymous part) of the largest mappings; none when only root may look."""
    sizes = {}
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines()
    except PermissionError:
        return []
    for fields in map(str.split, lines):
        if not fields[0].endswith(":"):
            name = pathlib.Path(fields[5]).name if len(fields) > 5 else "anonymous"
            size = sizes.setdefault(name, {"Rss:": 0, "Anonymous:": 0})
        elif fields[0] in size:
            size[fields[0]] += int(fields[1])
    rows = [(name, size["Rss:"], size["Anonymous:"]) for name, size in sizes.items()]
    return sorted(rows, key=lambda row: -row[1])[:LARGEST]


def memory(tools):
    """Each process at rest, with a card in the reader and a session open."""
    with world.ssh_agent(tools) as ssh:
        ssh_sizes = memory_kb(ssh.pid) if ssh else None
    with Pcscd() as pcscd, VirtualCard(pcscd, insert="physician") as card, \
            Agent(pcscd, anchors=[card.cards.chain]) as agent:
        agent.pinentry.answers("pin " + card.cards["physician"]["pin"])
        with agent.client() as client:
            client.call("subscribe")
            client.until_card()
            client.call("session.login", method="card")
        pids = {"cps-agent": agent.process.pid}
        pids |= {name: pid for name in CHILDREN for pid in agent.children(name)}
        sizes = {name: memory_kb(pid) for name, pid in pids.items()}
        libraries = mappings(agent.process.pid)
    section = Section("Memory at rest (goal 9)")
    section.text(
        "With a card in the reader and a session open by it; cps-prompt lives only as long as its "
        "question. Pages of files are shared with whatever else uses the same libraries, and the "
        "kernel maps sixteen around each one that is touched; anonymous ones are the process's "
        "own.")
    rows = [(name, *values) for name, values in sizes.items()]
    section.table(("process", "RSS kB", "anonymous kB", "of files kB"),
                  rows + ([("ssh-agent, 2 keys", *ssh_sizes)] if ssh else []))
    if libraries:
        section.text("The largest parts of the RSS of cps-agent:")
        section.table(("mapped", "RSS kB", "anonymous kB"), libraries)
    section.goals(*((f"RSS of {name}, MiB", values[0] / 1024, 6) for name, values in sizes.items()),
                  *((f"anonymous memory of {name}, MB", values[1] * 1024 / 1e6, 2)
                    for name, values in sizes.items()),
                  *([("RSS of cps-agent / ssh-agent", sizes["cps-agent"][0] / ssh_sizes[0], 1.5)]
                    if ssh else []))
    section.text(
        "6 MiB is out of reach of a process that keeps libcrypto in use: ssh-agent, which links "
        "little else, shows how much of it that is. On top of it the agent has libsystemd and the "
        "six libraries that come with Debian's; cps-oidcd has libcurl and more than thirty.")
    return section


def run(tools, quick):
    iterations = 4 if quick else 15
    yield cold_start(tools, iterations)
    yield command(tools, iterations)
    yield memory(tools)
