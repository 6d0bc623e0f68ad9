# SPDX-License-Identifier: Apache-2.0
"""From exec to the first answer, the memory of each process at rest, and a command's whole life."""

import os
import pathlib
import shutil
import subprocess

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent

from . import measure, world
from .report import Section

LAUNCHES = 5
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
    """path -> kB of RSS, anonymous part; nothing when only root may look."""
    sizes = {}
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines()
    except PermissionError:
        return {}
    for fields in map(str.split, lines):
        if not fields[0].endswith(":"):
            size = sizes.setdefault(fields[5] if len(fields) > 5 else "[anonymous]", [0, 0])
        elif fields[0] in ("Rss:", "Anonymous:"):
            size[fields[0] == "Anonymous:"] += int(fields[1])
    return sizes


def loaded_by(paths, library):
    """That library and all that it loads, of these paths."""
    found = {path for path in paths if pathlib.Path(path).name.startswith(library)}
    for path in list(found):
        lines = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        found |= {os.path.realpath(word) for word in lines.split() if word.startswith("/")}
    return found


def parts(pid):
    """(what is mapped, kB of RSS, anonymous part); each file in the first row that it fits."""
    left = mappings(pid)
    groups = (("libc and the loader", loaded_by(left, "libc.so")),
              ("libcrypto", loaded_by(left, "libcrypto.so")),
              ("libsystemd and what it loads", loaded_by(left, "libsystemd.so")),
              ("libssl", loaded_by(left, "libssl.so")),
              ("libcurl", {path for path in left if "/libcurl.so" in path}),
              ("what libcurl loads", loaded_by(left, "libcurl.so")),
              ("heap and stack", {path for path in left if path.startswith("[")}),
              ("the program and other libraries", set(left)))
    for name, paths in groups:
        sizes = [left.pop(path) for path in paths & set(left)]
        if sizes:
            yield name, sum(size[0] for size in sizes), sum(size[1] for size in sizes)


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
        mapped = {name: list(parts(pids[name])) for name in ("cps-agent", "cps-oidcd")}
    section = Section("Memory at rest (goal 9)")
    section.text(
        "With a card in the reader and a session open by it; cps-prompt lives only as long as its "
        "question. Pages of files are shared with whatever else uses the same libraries, and the "
        "kernel maps sixteen around each one that is touched; anonymous ones are the process's "
        "own.")
    rows = [(name, *values) for name, values in sizes.items()]
    section.table(("process", "RSS kB", "anonymous kB", "of files kB"),
                  rows + ([("ssh-agent, 2 keys", *ssh_sizes)] if ssh else []))
    for name, rows in mapped.items():
        section.text(f"{name}:")
        section.table(("mapped", "RSS kB", "anonymous kB"), rows)
    section.goals(*((f"RSS of {name}, MiB", values[0] / 1024, 6) for name, values in sizes.items()),
                  *((f"anonymous memory of {name}, MB", values[1] * 1024 / 1e6, 2)
                    for name, values in sizes.items()),
                  *([("RSS of cps-agent / ssh-agent", sizes["cps-agent"][0] / ssh_sizes[0], 1.5)]
                    if ssh else []))
    section.text(
        "6 MiB are out of reach of a process that keeps libcrypto in use: with libc it takes most "
        "of them, in ssh-agent too, which links little else. What libcurl loads is there for "
        "protocols that cps-oidcd does not speak (LDAP, SSH, RTMP, Kerberos); Debian has no "
        "flavour of it without them, and the loader touches each. Without them, and without "
        "libsystemd, both processes would still be above 6 MiB.")
    return section


def run(tools, quick):
    iterations = 4 if quick else 15
    yield cold_start(tools, iterations)
    yield command(tools, iterations)
    yield memory(tools)
