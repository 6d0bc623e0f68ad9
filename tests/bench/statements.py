# SPDX-License-Identifier: Apache-2.0
"""Login statements: each is one new ES256 signature."""

import subprocess

from . import measure, world
from .report import Section

SPEED_S = 1  # for signatures, and as much again for verifications
LOAD_CONNECTIONS = 16


def openssl_speed():
    """One signature by `openssl speed`, which counts processor time."""
    done = subprocess.run(
        ["taskset", "-c", str(world.SERVER_CORE), "openssl", "speed", "-seconds", str(SPEED_S),
         "ecdsap256"], capture_output=True, text=True, check=True)
    row = next(line for line in done.stdout.splitlines() if "nistp256" in line)
    rate = float(row.split()[-2])
    return {"rate": rate, "cpu_us": 1e6 / rate, "own_s": 2 * SPEED_S}


def rows_of(results, floor):
    for name in results:
        p50 = (f"{measure.figures(results, name, 'p50_us').median:.0f}"
               if "p50_us" in results[name][0] else "")
        yield (name, p50, f"{measure.figures(results, name, 'rate').median:,.0f}",
               f"{measure.figures(results, name, 'cpu_us').median:.1f}",
               measure.ratio(results, name, floor, "cpu_us"))


def run(tools, quick):
    noise = measure.Noise()
    speed = "openssl speed ecdsap256, sign"
    with world.agent(tools) as agent:
        statement = tools.script("statement", world.line(
            "statement.get", audience="https://dpi.example/", nonce="0123456789abcdef"))
        token = tools.script("token", world.line("token.get"))
        results = measure.interleave({
            speed: openssl_speed,
            "statement.get": lambda: tools.load(agent, statement),
            f"statement.get, {LOAD_CONNECTIONS} connections":
                lambda: tools.load(agent, statement, "-n", str(LOAD_CONNECTIONS)),
            "token.get": lambda: tools.load(agent, token)}, 3 if quick else 12, noise)
    section = Section("Login statements")
    section.text("A statement is made anew for each call: claims, JSON, base64url, ES256. "
                 f"{noise}.")
    section.table(("", "p50 µs", "a second", "CPU µs", "CPU / openssl speed"),
                  rows_of(results, speed))
    yield section
