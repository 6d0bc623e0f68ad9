# SPDX-License-Identifier: Apache-2.0
"""A state directory on a disk that hangs, is full, or cannot be written: nobody waits for it but who
must know that something is on it, what was answered holds, and nothing is lost when it works again."""
import contextlib
import json

import pytest

from cpsworld.agent import RpcError, failure
from cpsworld.desk import Desk
from cpsworld.disk import BadDisk
from cpsworld.program import Program

SOON_S = 10  # for answers that take milliseconds: the disk here would take for ever
DPI = "dpi.example"
ASK = "unknown = ask\n"


@contextlib.contextmanager
def desk_on(disk, **more):
    """A desk with a session, all of it on disk; dpi is a program that no rule knows."""
    with Desk(env=disk.env, policy=ASK, **more) as desk, Program(desk.agent) as desk.dpi:
        desk.login()
        assert desk.client.stored()
        yield desk


def call(desk, method, **params):
    return desk.client.call(method, timeout_s=SOON_S, **params)


def storage(desk):
    return call(desk, "status")["storage"]


def kids(desk):
    return [key["kid"] for key in call(desk, "keys.jwks")["keys"]]


def answers(desk):
    return [answer["audience"] for answer in call(desk, "policy.list")["answers"]]


def kept_answers(desk):
    return [a["audience"] for a in
            json.loads((desk.agent.state / "consents.json").read_text())["answers"]]


def state_it(desk, audience):
    return desk.dpi.call("statement.get", SOON_S, audience=audience, nonce="n-0123456789")


def agree(desk, audience):
    desk.pinentry.answers("yes")
    assert state_it(desk, audience)["statement"]
    assert desk.pinentry.left() == []


def works_as_ever(desk):
    """What a program wants of the agent."""
    for _ in range(5):
        assert state_it(desk, DPI)["statement"]
        assert call(desk, "session.current")["session"]
    call(desk, "session.logout")
    desk.login(timeout_s=SOON_S)


def test_a_disk_that_hangs():
    with BadDisk() as disk, desk_on(disk) as desk:
        before = kids(desk)
        disk.hangs()
        agree(desk, DPI)
        works_as_ever(desk)
        assert storage(desk)["waiting"] >= 1
        late = desk.client.send("keys.rotate", deadline_ms=700)
        assert failure(desk.client, late, SOON_S) == "DEADLINE_EXCEEDED" and kids(desk) == before
        assert answers(desk) == [DPI]
        late = desk.client.send("policy.revoke", deadline_ms=700)
        assert failure(desk.client, late, SOON_S) == "DEADLINE_EXCEEDED" and answers(desk) == []
        agree(desk, "other.example")
        cancelled = desk.client.send("keys.rotate")
        assert call(desk, "cancel", id=cancelled) == {"cancelled": True}
        assert not (desk.agent.state / "consents.json").exists()
        disk.works()
        assert desk.client.stored()
        assert kept_answers(desk) == ["other.example"] and storage(desk)["state"] == "running"
        desk.agent.stop()
        desk.agent.start()
        desk.client = desk._stack.enter_context(desk.agent.client())
        assert kids(desk) == before, "the key on disk is the one that was in use"
        assert len(call(desk, "keys.rotate")["keys"]) == 2


def test_an_end_while_the_disk_hangs_is_a_quick_one():
    with BadDisk() as disk, desk_on(disk) as desk:
        agree(desk, "before.example")
        assert desk.client.stored()
        disk.hangs()
        agree(desk, "after.example")
        assert desk.agent.stop() == 0  # within its time
        assert "consents.json: perhaps not written" in desk.agent.log.read_text()
        disk.works()
        assert kept_answers(desk) == ["before.example"]
        desk.agent.start()
        desk.client = desk._stack.enter_context(desk.agent.client())
        assert answers(desk) == ["before.example"]


def test_what_is_left_is_written_at_the_end():
    with BadDisk() as disk, desk_on(disk) as desk:
        agree(desk, "one.example")
        agree(desk, "two.example")
        assert desk.agent.stop() == 0
        assert kept_answers(desk) == ["one.example", "two.example"]


@contextlib.contextmanager
def full(disk, desk):
    disk.is_full()
    yield
    disk.works()


@contextlib.contextmanager
def read_only(disk, desk):
    desk.agent.state.chmod(0o500)
    yield
    desk.agent.state.chmod(0o700)


@pytest.mark.parametrize("spoiled", [full, read_only])
def test_a_disk_that_takes_nothing(spoiled):
    with BadDisk() as disk, desk_on(disk) as desk:
        before = kids(desk)
        with spoiled(disk, desk):
            agree(desk, DPI)
            event = desk.client.next_event("event.health", SOON_S, component="storage")
            assert event == {"component": "storage", "state": "failing", "error": "STORAGE"}
            works_as_ever(desk)
            state = storage(desk)
            assert (state["state"], state["error"]) == ("failing", "STORAGE") and state["since_at"]
            with pytest.raises(RpcError) as refused:
                call(desk, "keys.rotate", deadline_ms=30000)
            assert refused.value.name == "STORAGE" and kids(desk) == before
            with pytest.raises(RpcError) as refused:
                call(desk, "policy.revoke", deadline_ms=30000)
            assert refused.value.name == "STORAGE" and answers(desk) == []
            agree(desk, "other.example")
        event = desk.client.next_event("event.health", 60, component="storage")
        assert event == {"component": "storage", "state": "running"}
        assert storage(desk) == {"state": "running", "waiting": 0}
        assert kept_answers(desk) == ["other.example"]
        log = desk.agent.log.read_text()
        assert log.count("cannot be written, what it is to hold") == 1
        rotated = [key["kid"] for key in call(desk, "keys.rotate")["keys"]]
        assert len(rotated) == 2 and rotated[1] == before[0]


def test_an_end_with_a_full_disk_says_what_was_not_written():
    with BadDisk() as disk, desk_on(disk) as desk:
        disk.is_full()
        agree(desk, "lost.example")
        assert desk.agent.stop() == 0
        assert "consents.json: No space left on device" in desk.agent.log.read_text()
