# SPDX-License-Identifier: Apache-2.0
"""How figures are taken: short slices of all cases in turn, ratios inside one turn, and the noise.

The speed of a core moves by a third within minutes on a shared host. Two slices that follow each
other see the same core, so a ratio of the two is steady where microseconds are not.
"""

import os
import statistics
import sys

BUSY_MAX = 0.20  # a slice during which others took more of the machine than this is repeated
TRIES = 2
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Machine:
    """What the whole machine did since the last look, from /proc/stat."""

    def __init__(self):
        self._last = self._read()

    @staticmethod
    def _read():
        with open("/proc/stat", encoding="ascii") as stat:
            fields = [int(field) for field in stat.readline().split()[1:9]]
        idle = fields[3] + fields[4]
        return sum(fields) * TICK_S, (sum(fields) - idle) * TICK_S, fields[7] * TICK_S

    def since(self):
        """(seconds of all cores, seconds busy or stolen, seconds stolen by the host)."""
        now = self._read()
        then, self._last = self._last, now
        return tuple(a - b for a, b in zip(now, then))


class Noise:
    """Share of the machine that others, or the host, took during the slices of one run."""

    def __init__(self):
        self.others, self.stolen = [], []

    def __str__(self):
        noisy = sum(share > BUSY_MAX for share in self.others)
        return (f"Others took {statistics.median(self.others):.0%} of the machine (median of "
                f"{len(self.others)} slices, {noisy} of them above {BUSY_MAX:.0%}), the host "
                f"{statistics.median(self.stolen):.0%}")


def one_slice(case):
    """(figures, share of the machine that others took, share that the host stole)."""
    machine = Machine()
    result = case()
    total, busy, stolen = machine.since()
    return result, max(0, busy - result["own_s"]) / total, stolen / total


def slice_of(case, noise):
    """The quietest of a few slices; one quiet enough is the last."""
    tried = []
    while len(tried) < TRIES and (not tried or tried[-1][1] > BUSY_MAX):
        tried.append(one_slice(case))
    result, others, stolen = min(tried, key=lambda entry: entry[1])
    noise.others.append(others)
    noise.stolen.append(stolen)
    return result


def interleave(cases, iterations, noise=None):
    """cases: name -> function giving figures. One slice of each a turn, the order rotated.

    With a noise, figures tell in own_s what processor time the case took itself, noisy slices are
    repeated and the noise is counted; slices of a few clock ticks are too short for that.
    Returns name -> list of figures, one a turn.
    """
    names = list(cases)
    results = {name: [] for name in names}
    for turn in range(iterations):
        print(".", end="", file=sys.stderr, flush=True)
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(slice_of(cases[name], noise) if noise else cases[name]())
    print(file=sys.stderr)
    return results


class Spread:
    """Median and the 10th to 90th percentile of some values."""

    def __init__(self, values):
        self.values = sorted(values)
        last = len(self.values) - 1
        self.median = statistics.median(self.values)
        self.low = self.values[round(last * 0.1)]
        self.high = self.values[round(last * 0.9)]

    def __str__(self):
        return f"{self.median:.2f} ({self.low:.2f}..{self.high:.2f})"


def figures(results, name, key):
    """Spread of one figure of one case."""
    return Spread([turn[key] for turn in results[name]])


def ratio(results, name, floor, key):
    """Spread of the ratios of two cases, each inside one turn."""
    return Spread([a[key] / b[key] for a, b in zip(results[name], results[floor])])


def cpu_us(turn):
    """Server's processor time of one call."""
    return turn["server_s"] / turn["calls"] * 1e6


def with_cpu(result):
    """The figures of bench-sockload, and those that follow from them."""
    result["cpu_us"] = cpu_us(result)
    result["rate"] = result["calls"] / result["wall_s"]
    return result
