# SPDX-License-Identifier: Apache-2.0
"""The PKCS#11 module as programs of the user load it.

    with Desk() as desk:
        provider = Provider(desk.agent)
        provider.run("pkcs11-tool", "--module", provider.module, "-O")
"""

import os
import shutil
import subprocess

from .agent import unprivileged
from .paths import build_dir, slowness

NAME = "cps-agent-pkcs11.so"
TIMEOUT_S = 120


def sanitizer():
    """What a program without sanitizers needs to load a module that has them."""
    if slowness() == 1:
        return {}
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True,
                           check=True).stdout.strip()
    return {"LD_PRELOAD": os.path.realpath(found), "ASAN_OPTIONS": "detect_leaks=0"}


class Provider:
    """agent: a cpsworld.Agent. Programs run as its user, who cannot read the build directory."""

    def __init__(self, agent):
        self.agent = agent
        self.module = str(agent.bin / NAME)
        shutil.copy(build_dir() / "lib" / NAME, self.module)

    def env(self, **more):
        return {**self.agent.environment, **sanitizer(), **more}

    def start(self, *command, **options):
        """A process of the user; options: of subprocess.Popen."""
        env = self.env(**options.pop("env", {}))
        return subprocess.Popen(unprivileged([str(word) for word in command], "--pdeathsig", "KILL"),
                                env=env, text=True, **{"stdin": subprocess.DEVNULL,
                                                       "stdout": subprocess.PIPE,
                                                       "stderr": subprocess.STDOUT, **options})

    def run(self, *command, status=0, timeout_s=TIMEOUT_S, **options):
        """What the program prints; status: the one it must end with, None for any."""
        process = self.start(*command, **options)
        try:
            output = process.communicate(timeout=timeout_s * slowness())[0]
        finally:
            process.kill()
        assert status is None or process.returncode == status, f"{process.returncode}: {output}"
        return output

    def tool(self, *args, **options):
        """pkcs11-tool with the module."""
        return self.run("pkcs11-tool", "--module", self.module, *args, **options)

    def path(self, name):
        """A path in a directory of the user's own."""
        return self.agent.dir / "home" / name


def torture(desk, case):
    """provider-torture with that case; desk.provider is a Provider."""
    program = desk.agent.bin / "provider-torture"
    if not program.exists():
        shutil.copy(build_dir() / "bin" / "provider-torture", program)
    return desk.provider.start(program, desk.provider.module, case, stdin=subprocess.PIPE, env={
        "LD_PRELOAD": ""})


def finish(process):
    """Lets it go on to its end, which must be a good one; what it says."""
    output, _ = process.communicate("go on\n", timeout=TIMEOUT_S * slowness())
    assert process.returncode == 0 and output.endswith("done\n"), output
    return output
