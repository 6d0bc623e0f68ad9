# SPDX-License-Identifier: Apache-2.0
"""Rules that go by the systemd unit, Snap or Flatpak of a program, told by its cgroup."""
import contextlib
import os
import pathlib
import signal

import pytest

from cpsworld.agent import UID, Agent, failure, own
from cpsworld.program import Program

ROOT = pathlib.Path("/sys/fs/cgroup/unified")  # where a hybrid machine has its second hierarchy
SLICE = f"user.slice/user-{UID}.slice/user@{UID}.service/app.slice"
MOVE = ["sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"']
RULES = """
[unit]
unit = dpi-*.service
methods = status
[flatpak]
app = flatpak:org.example.Dpi
methods = session.current
[snap]
app = snap:dpi
methods = card.list
"""


@contextlib.contextmanager
def unit(name):
    """Words that put what follows them into the cgroup of that unit of the user."""
    path = ROOT / SLICE / name
    try:
        path.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        yield [*MOVE, str(path)]
    finally:
        for made in (path, *path.parents[:4]):
            with contextlib.suppress(OSError):
                made.rmdir()


def permitted(agent, prefix):
    """Which of these methods a program there may call."""
    with Program(agent, prefix=prefix) as program:
        return [method for method in ("status", "session.current", "card.list")
                if failure_of(program, method) is None]


def failure_of(program, method):
    try:
        name = failure(program, program.send(method))
    except AssertionError:
        return None
    return name


@pytest.mark.skipif(os.geteuid() != 0 or not ROOT.is_dir(), reason="needs root and cgroup v2")
@pytest.mark.parametrize("name, may", [
    ("dpi-3.service", ["status"]),
    ("app-flatpak-org.example.Dpi-4242.scope", ["session.current"]),
    ("snap.dpi.dpi-0f2c.scope", ["card.list"]),
    ("app-flatpak-org.example.Dpi2-4242.scope", ["status", "session.current", "card.list"])])
def test_rules_by_unit_and_app(name, may):
    with unit(name) as prefix, Agent() as agent:
        (agent.config / "policy.d").mkdir()
        (agent.config / "policy.d" / "site.conf").write_text(RULES)
        own(agent.config)
        with agent.client() as client:
            client.call("subscribe", events=["health"])
            agent.process.send_signal(signal.SIGHUP)
            client.next_event("event.health", component="policy")
        assert permitted(agent, prefix) == may
        assert len(permitted(agent, [])) == 3, "no rule is about programs of no unit"
