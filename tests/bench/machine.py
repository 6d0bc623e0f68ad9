# SPDX-License-Identifier: Apache-2.0
"""What the figures were measured on, and the head of docs/figures.md."""

import datetime
import os
import pathlib
import platform
import subprocess

PACKAGES = ("openssl", "openssh-client", "oidc-agent-cli", "opensc", "pcscd", "libjansson4", "libsystemd0")

HEAD = """# Figures

Written by `./dev bench --write`; `./dev bench` measures them again and prints them.

{date}, {machine}. {packages}.

How they are taken: servers on core 0, clients on core 1; all cases in short slices of 0.3 s, one
after the other, again and again, the order rotated; a ratio is taken between slices of one turn,
and the table gives its median and its 10th to 90th percentile over 15 turns. Carry the ratios
elsewhere, not the microseconds: cores of a shared machine change speed within minutes. Processor
times are those of the kernel's process clocks and the steadiest of all. Floors are programs of
`tests/bench/`: the raw echo parses nothing, the splice server parses the request with jansson and
puts a ready result behind its id, the jansson server builds the answer too. In the parts about
tokens and neighbours `tests/bench/fake_oidcd.py` stands in for `cps-oidcd`, so that a token of
1,500 bytes is in the agent's memory without a provider; where there is one, it is `tests/idp`,
on loopback. Not measured: D-Bus, real cards and readers.

{verdict}

"""


def packages():
    """Versions of what is measured beside the agent, or used by it."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *PACKAGES],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip(" ,")


def describe():
    release = dict(line.split("=", 1) for line in
                   pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    virtual = "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text()
    return (f"{'virtual' if virtual else 'physical'} machine, {os.cpu_count()} cores "
            f"({platform.machine()}), {round(memory_kb / 2**20)} GiB, Linux "
            f"{platform.release().split('-')[0]}, {release['PRETTY_NAME'].strip(chr(34))}")


def head(missed):
    verdict = ("Every goal was met." if not missed else
               "Goals missed in this run: " + "; ".join(missed) + ". The parts say why.")
    return HEAD.format(date=datetime.date.today().isoformat(), machine=describe(),
                       packages=packages(), verdict=verdict)
