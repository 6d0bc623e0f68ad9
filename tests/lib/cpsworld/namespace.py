# SPDX-License-Identifier: Apache-2.0
"""Private mount and network namespaces.

vpcd listens on every interface; in a network namespace that has a loopback and nothing else, that
is loopback only, and its port can never be somebody else's.
"""

import os
import pathlib
import subprocess
import sys

LAUNCH = str(pathlib.Path(__file__).with_name("launch.py"))


class Namespace:
    """Exists as long as its holder process, which removes the directory `world` at the end;
    programs are started in it with spawn()."""

    def __init__(self, world: pathlib.Path):
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._user = bool(user)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation", "private", *user,
             sys.executable, LAUNCH, "hold", str(os.getpid()), str(world)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError("no private namespaces here (unshare failed)")

    def spawn(self, verb: str, *args: str, mounts: bool, pass_fds=(), **popen) -> subprocess.Popen:
        """Starts a verb of launch.py inside; the process is the program itself, no wrapper."""
        user = ["--user", "--preserve-credentials"] if self._user else []
        return subprocess.Popen(
            ["nsenter", "--target", str(self._holder.pid), "--net", *user,
             *(["--mount"] if mounts else []),
             sys.executable, LAUNCH, verb, str(os.getpid()), *args],
            pass_fds=pass_fds, stdin=subprocess.DEVNULL, **popen)

    def close(self) -> None:
        """Ends the holder. What was spawned must be over. May be called twice."""
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait()
