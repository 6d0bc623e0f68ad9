# SPDX-License-Identifier: Apache-2.0
"""Measures the figures of docs/figures.md: python3 -m bench [--quick] [--write] [--module PATH]... [PART...]

Needs an optimised build (CPS_BUILD_DIR) and, on the module path, tests/lib and tests.
"""

import argparse
import importlib
import sys
import time

from cpsworld.paths import SOURCE_DIR

from . import idle, machine, world

# The day comes first: it looks at the kernel's connections, of which later parts leave thousands.
PARTS = ("day", "tokens", "refresh", "neighbours", "statements", "startup", "cards", "removal",
         "stopped", "provider")
IDLE_S, IDLE_QUICK_S = 65, 20
FIGURES = SOURCE_DIR / "docs" / "figures.md"


def options():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works")
    parser.add_argument("--write", action="store_true", help="rewrite docs/figures.md")
    parser.add_argument("--module", action="append", default=[], metavar="PATH",
                        help="a PKCS#11 module to measure beside OpenSC; may be given again")
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help=f"of: {' '.join((*PARTS, 'idle'))} (default: all)")
    chosen = parser.parse_args()
    if set(chosen.parts) - {*PARTS, "idle"}:
        parser.error(f"unknown part: {' '.join(chosen.parts)}")
    if chosen.write and (chosen.quick or chosen.parts):
        parser.error("--write is for a whole run")
    return chosen


def measure_all(chosen):
    """The sections of all parts, as they are done."""
    parts = chosen.parts or (*PARTS, "idle")
    if "idle" not in parts:
        yield from measure_parts(parts, chosen)
        return
    with idle.left_alone() as alone:
        yield from measure_parts([part for part in parts if part != "idle"], chosen)
        time.sleep(alone.left_s(IDLE_QUICK_S if chosen.quick else IDLE_S))
        yield alone.section()


def measure_parts(parts, chosen):
    with world.Tools(chosen.module) as tools:
        for part in parts:
            print(f"{part} ...", file=sys.stderr, flush=True)
            yield from importlib.import_module(f"bench.{part}").run(tools, chosen.quick)


def main():
    chosen = options()
    start = time.monotonic()
    sections = []
    for section in measure_all(chosen):
        print(section, flush=True)
        sections.append(section)
    missed = [what for section in sections for what in section.missed]
    print(f"{len(sections)} sections in {time.monotonic() - start:.0f} s; "
          f"goals missed: {'; '.join(missed) or 'none'}", file=sys.stderr)
    if chosen.write:
        FIGURES.write_text(machine.head(missed) + "\n".join(str(section) for section in sections))


if __name__ == "__main__":
    main()
