# SPDX-License-Identifier: Apache-2.0
"""How figures are taken: short slices of all cases in turn, ratios inside one turn, and the noise.

The speed of a core moves by a third within minutes on a shared host. Two slices that follow each
other see the same core, so a ratio of the two is steady where microseconds are not.
"""

import os
import statistics
import sys

BUSY_MAX = 0.20    # a slice during which others took more of the machine than this is left out
RETRIES = 2
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
        self.others, self.stolen, self.dropped = [], [], 0

    def __str__(self):
        return (f"others took {statistics.median(self.others):.0%} of the machine "
                f"(median of {len(self.others)} slices, worst {max(self.others):.0%}), the host "
                f"{statistics.median(self.stolen):.0%}; {self.dropped} noisy slices repeated "
                f"or left out")


def slice_of(case, noise):
    """One slice: a dictionary of figures, or None when the machine was too busy for it."""
    for _ in range(1 + RETRIES):
        machine = Machine()
        figures = case()
        total, busy, stolen = machine.since()
        own = figures.get("server_s", 0) + figures.get("client_s", 0)
        others = max(0, busy - own) / total if total else 0
        if others <= BUSY_MAX:
            noise.others.append(others)
            noise.stolen.append(stolen / total if total else 0)
            return figures
        noise.dropped += 1
    return None


def interleave(cases, iterations, noise=None):
    """cases: name -> function giving figures. One slice of each a turn, the order rotated.

    Returns name -> list with one entry a turn; None where the slice was left out.
    """
    noise = noise or Noise()
    names = list(cases)
    results = {name: [] for name in names}
    for turn in range(iterations):
        print(".", end="", file=sys.stderr, flush=True)
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(slice_of(cases[name], noise))
    print(file=sys.stderr)
    return results


class Spread:
    """Median and the 10th to 90th percentile of some values."""

    def __init__(self, values):
        self.values = sorted(values)
        if not self.values:
            raise ValueError("the machine was too busy: every slice was left out")
        last = len(self.values) - 1
        self.median = statistics.median(self.values)
        self.low = self.values[round(last * 0.1)]
        self.high = self.values[round(last * 0.9)]

    def __str__(self):
        return f"{self.median:.2f} ({self.low:.2f}..{self.high:.2f})"


def figures(results, name, key):
    """Spread of one figure of one case."""
    return Spread([turn[key] for turn in results[name] if turn])


def ratio(results, name, floor, key):
    """Spread of the ratios of two cases, each inside one turn."""
    return Spread([a[key] / b[key] for a, b in zip(results[name], results[floor]) if a and b])


def cpu_us(turn):
    """Server's processor time of one call."""
    return turn["server_s"] / turn["calls"] * 1e6


def with_cpu(result):
    """The figures of bench-sockload, and those that follow from them."""
    result["cpu_us"] = cpu_us(result)
    result["rate"] = result["calls"] / result["wall_s"]
    return result
