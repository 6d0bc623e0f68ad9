# SPDX-License-Identifier: Apache-2.0
"""What the kernel tells of processes (proc(5)). Any of them may end while it is looked at."""

import os
import pathlib

REGION_MAX = 64 << 20


def _text(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _names(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def _stat(pid):
    """Its fields from the state on, which is the third."""
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def state(pid):
    """A letter: R, S, D, T, Z…; "" once it is gone."""
    return "".join(_stat(pid)[:1])


def is_running(pid):
    """Unless it is gone or a zombie."""
    return state(pid) not in ("", "X", "Z")


def names(pid):
    """What it goes by: a script by its own name and by its interpreter's."""
    words = _text(f"/proc/{pid}/cmdline").split("\0")[:3]
    return [os.path.basename(word) for word in words]


def is_stopped(pid):
    """Each of its threads, or it is gone."""
    return {state(f"{pid}/task/{thread}") for thread in _names(f"/proc/{pid}/task")} <= {"", "T"}


def cpu_s(pid):
    """Processor time that it has taken so far; it must be there."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kb(pid):
    """Its memory; it must be there."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def queued_s(pid):
    """How long it has waited for a processor in its life; 0 when it is gone."""
    fields = _text(f"/proc/{pid}/schedstat").split()
    return int(fields[1]) / 1e9 if fields else 0


def children(pid):
    """Pids, those of zombies included; none when it is gone."""
    lists = [_text(f"/proc/{pid}/task/{thread}/children") for thread in _names(f"/proc/{pid}/task")]
    return [int(child) for child in " ".join(lists).split()]


def family(pid):
    """It and all that descend from it."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def open_descriptors(pid):
    """How many it has; it must be there."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def descriptor_targets(pid):
    """Where its descriptors lead; those that it closes meanwhile are left out."""
    targets = []
    for name in _names(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
    return targets


def memory(pid):
    """All that it can write to, a region at a time. Root may look, and who may trace it."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in _text(f"/proc/{pid}/maps").splitlines():
            bounds, rights = line.split()[:2]
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            if not rights.startswith("rw"):
                continue
            try:
                mem.seek(start)
                yield mem.read(min(end - start, REGION_MAX))
            except (OSError, OverflowError):
                pass  # a device's
