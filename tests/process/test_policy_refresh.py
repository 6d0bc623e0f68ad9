# SPDX-License-Identifier: Apache-2.0
"""Rules read again, whatever the home of the user does meanwhile."""
import contextlib
import os
import signal

import pytest

from cpsworld.agent import RpcError
from cpsworld.disk import BadDisk
from cpsworld.evil import evil, misbehave
from cpsworld.program import Program
from cpsworld.ruled import World, login, statement
from cpsworld.wait import wait_until

SOON_S = 10  # for what takes milliseconds: the disk here would take for ever

READER = """
def honest(request):
    if request["op"] == "read":
        try:
            with open(request["params"]["path"], "rb") as file:
                os.write(request["fds"][0], file.read())
            answer(request, found=True)
        except FileNotFoundError:
            answer(request, found=False)
    else:
        answer(request)

serve(honest)
"""


def mine(*audiences):
    return "[mine]\nprogram = {dpi}\naudiences = " + " ".join(audiences) + "\n"


def allowed(dpi, *audiences):
    """Those of them that the program has a statement for, without a question."""
    said = []
    for audience in audiences:
        with contextlib.suppress(RpcError):
            dpi.wait(statement(dpi, audience, interaction="none"), SOON_S)
            said.append(audience)
    return said


def programs(client):
    return client.call("status", SOON_S)["policy"]["programs"]


def test_a_home_that_hangs_holds_nobody():
    """The site's new rule holds at once, the user's when it can be read."""
    with BadDisk() as disk, World(user=mine("a"), env=disk.env) as agent, \
            agent.client() as root, Program(agent) as dpi:
        login(root)
        root.call("subscribe", events=["health"])
        assert allowed(dpi, "a", "b", "c") == ["a"]
        agent.write("[site]\nprogram = {dpi}\naudiences = b c\n", mine("b"))
        disk.hangs()
        for _ in range(3):
            agent.process.send_signal(signal.SIGHUP)
            assert root.call("session.current", SOON_S)["session"]
        assert wait_until(lambda: programs(root)["files"] == 2, SOON_S)
        assert allowed(dpi, "a", "b", "c") == [], "as both say"
        assert len(agent.children("cps-state")) <= 2, "one that reads, one that writes"
        disk.works()
        root.next_event("event.health", component="policy")
        assert allowed(dpi, "a", "b", "c") == ["b"] and programs(root)["refused"] == []
        assert wait_until(lambda: agent.children("cps-state") == [])


@pytest.fixture(scope="module", name="ruled")
def _ruled():
    with World(user=mine("a"), libexec={"cps-state": evil(READER)}) as agent, \
            agent.client() as root, Program(agent) as agent.dpi:
        login(root)
        yield agent


@pytest.mark.parametrize("step, fault", [
    ("start", "exits"), ("hello", "crashes"), ("read", "exits"), ("read", "garbage"),
    ("read", "closes its channel"), ("read", "an unknown id"), ("read", "no error"),
    ("read", "nothing in it"),
    ("read", "os.ftruncate(request['fds'][0], 300 << 10); answer(request, found=True)")])
def test_a_reader_that_breaks_changes_nothing(ruled, step, fault):
    assert ruled.reload("", mine("a")) == []
    misbehave(ruled, "cps-state", step, fault)
    (refused,) = ruled.reload(user=mine("b"))
    assert refused["file"] == "policy.conf" and refused["error"]
    assert allowed(ruled.dpi, "a", "b") == ["a"]
    misbehave(ruled, "cps-state", None, "")
    assert ruled.reload() == [] and allowed(ruled.dpi, "a", "b") == ["b"]


def test_a_file_that_nobody_can_tell_of_is_not_there(ruled):
    """Nothing is closed for it: there was none."""
    ruled.mine.unlink()
    assert ruled.reload() == [] and allowed(ruled.dpi, "a") == []
    misbehave(ruled, "cps-state", "read", "exits")
    assert ruled.reload("[site]\nprogram = {dpi}\naudiences = a\n") == []
    assert allowed(ruled.dpi, "a") == ["a"]
    misbehave(ruled, "cps-state", None, "")


def unreadable(path):
    path.chmod(0)


def endless(path):
    path.unlink()
    os.mkfifo(path)


def a_directory(path):
    path.unlink()
    path.mkdir()


def huge(path):
    path.write_text("#" * (257 << 10))


@pytest.mark.parametrize("spoil", [unreadable, endless, a_directory, huge])
def test_a_file_that_cannot_be_read_is_refused(spoil):
    """When it is new too: it may have been meant to forbid something."""
    with World() as agent, agent.client() as root, Program(agent) as dpi:
        login(root)
        assert agent.reload("[default]\naudiences = *\n") == [] and allowed(dpi, "a") == ["a"]
        agent.write(user=mine("a"))
        spoil(agent.mine)
        (refused,) = agent.reload()
        assert refused["file"] == "policy.conf" and allowed(dpi, "a") == []
        assert str(agent.mine) in refused["error"]
        if agent.mine.is_dir():
            agent.mine.rmdir()
        else:
            agent.mine.unlink()
        assert agent.reload() == [] and allowed(dpi, "a") == ["a"]
