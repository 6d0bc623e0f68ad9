# SPDX-License-Identifier: Apache-2.0
"""Crowds, deserters and sleepers: whoever reads is served, at once and in time."""
import contextlib
import os
import selectors
import signal
import statistics
import time

import pytest

from cpsworld.agent import Agent, failure
from cpsworld.evil import PATIENT_OIDCD, PROVIDER_SETTINGS, Notes, evil, open_descriptors
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

CROWD = 1000
LATE_S = 0.05 * slowness()  # what may pass between a deadline and the answer


@pytest.fixture(scope="module")
def agent():
    with Agent(libexec={"cps-oidcd": evil(PATIENT_OIDCD)}, settings=PROVIDER_SETTINGS) as it:
        yield it


@pytest.fixture
def client(agent):
    with agent.client() as it:
        yield it


def login(client, person="899700001011", **params):
    """A request that waits: its login never ends by itself."""
    return client.send("session.login", method="ecps", national_id=person, **params)


def times(client, count):
    """Seconds that each of so many requests takes."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        client.call("session.current")
        found.append(time.perf_counter() - started)
    return found


def answer_time(client):
    timer = Stopwatch()
    client.call("session.current")
    return timer.took_s()


# Crowds ------------------------------------------------------------------------------------------

def crowded_to_alone(among, alone):
    """Asked in turn, so that both see the same noise of the machine."""
    single, crowded = [], []
    for _ in range(15):
        single += times(alone, 50)
        crowded += times(among, 50)
    print(f"alone {statistics.median(single) * 1e6:.0f} µs, "
          f"among {CROWD} {statistics.median(crowded) * 1e6:.0f} µs")
    return statistics.median(crowded) / statistics.median(single)


def test_a_thousand_idle_clients_cost_the_others_nothing(agent):
    with Agent() as quiet, quiet.client() as alone, agent.client() as among:
        crowd = [agent.client() for _ in range(CROWD)]
        assert min(crowded_to_alone(among, alone) for _ in range(3)) < 1.3
        for idle in crowd:
            idle.socket.close()


def test_a_thousand_callers_at_once(agent):
    before = open_descriptors(agent)
    crowd = [agent.client() for _ in range(CROWD)]
    for client in crowd:
        client.number = client.send("status")
    assert all(client.wait(client.number)["version"] for client in crowd)
    for client in crowd:
        client.socket.close()
    assert wait_until(lambda: open_descriptors(agent) <= before)


def answered(client):
    """Reads what is there; true once an answer is among it."""
    try:
        while "method" in client.read(0):
            pass
    except TimeoutError:
        return False
    return True


def test_a_thousand_callers_share_a_login_and_each_keeps_its_deadline(agent):
    """Due one after the other: each is answered in time, and oidcd was asked once."""
    notes = Notes(agent)
    logins = len(notes.of("cps-oidcd", "op login_ciba"))
    crowd = [agent.client() for _ in range(CROWD)]
    late, timer = [], Stopwatch()
    with selectors.DefaultSelector() as selector:
        for i, client in enumerate(crowd):
            delay_ms = 3000 + 4 * i  # all have asked long before the first is due
            due = timer.wall_s() + delay_ms / 1000
            login(client, deadline_ms=delay_ms)
            selector.register(client.socket, selectors.EVENT_READ, (client, due))
        before_s = timer.lost_s()  # what the machine takes before anything is due makes nothing late
        while len(late) < CROWD:
            for key, _ in selector.select():
                client, due = key.data
                if answered(client):
                    late.append(timer.wall_s() - due)
                    selector.unregister(client.socket)
                    client.socket.close()
    late.sort()
    taken_s = timer.lost_s() - before_s
    print(f"late by {late[CROWD // 2] * 1000:.1f} ms, worst {late[-1] * 1000:.1f} ms")
    assert late[0] > -0.002 and statistics.median(late) - taken_s < LATE_S
    assert len(notes.of("cps-oidcd", "op login_ciba")) == logins + 1


# Deserters ---------------------------------------------------------------------------------------

def test_clients_that_vanish_leave_nothing(agent, client):
    notes = Notes(agent)
    before = open_descriptors(agent)
    cancels = len(notes.of("cps-oidcd", "op cancel"))
    crowd = [agent.client() for _ in range(15)]
    for i, deserter in enumerate(crowd):
        login(deserter, person=f"8997000{i:05}")
        deserter.send_bytes(b'{"jsonrpc":"2.0","id":2,"method":"sta')
    assert wait_until(lambda: len(notes.of("cps-oidcd", "op login_ciba")) >= len(crowd))
    for deserter in crowd:
        deserter.socket.close()
    assert wait_until(lambda: len(notes.of("cps-oidcd", "op cancel")) == cancels + len(crowd))
    assert wait_until(lambda: open_descriptors(agent) <= before)
    assert client.call("session.current")["session"] is None


def test_a_client_that_never_reads_its_answers(agent, client):
    """It is not read any more either: what it costs is bounded, and others do not notice."""
    with agent.client() as sleeper:
        sleeper.socket.setblocking(False)
        sent = 0
        line = b'{"jsonrpc":"2.0","id":1,"method":"keys.jwks"}\n' * 500
        alone = statistics.median(times(client, 200))
        while sent < 4 << 20:
            try:
                sent += sleeper.socket.send(line)
            except BlockingIOError:
                break
        assert sent < 4 << 20
        print(f"{sent} bytes taken from a client that does not read")
        others = min(statistics.median(times(client, 500)) for _ in range(3))
        assert others < max(1.5 * alone, alone + 0.0002)
        sleeper.socket.setblocking(True)
        for _ in range(1000):
            assert "result" in sleeper.read(30), "it wakes up: nothing was lost"


FLOOD = """
hello()
send({"event": "pcsc", "state": "up"})
while not os.path.exists(os.environ["HOME"] + "/go"):
    time.sleep(0.01)
for i in range(15000):
    send({"event": "reader", "reader": "Flood %d" % i, "present": False, "events": 0})
    send({"event": "reader_gone", "reader": "Flood %d" % i})
note("done")
forever()
"""


def test_a_subscriber_that_never_reads_is_cut_off(client):
    """A stale picture must not pass for the present one; whoever reads misses nothing."""
    with Agent(libexec={"cps-cardwatch": evil(FLOOD)}) as flooded:
        notes = Notes(flooded)
        with flooded.client() as sleeper, flooded.client() as reader, flooded.client() as other:
            sleeper.call("subscribe")
            reader.call("subscribe")
            (flooded.dir / "home" / "go").touch()
            worst = []
            last = {"change": "removed", "reader": "Flood 14999"}
            seen = 0
            while True:
                event = reader.read(30)["params"]
                seen += 1
                if seen % 1000 == 0:
                    worst.append(answer_time(other))
                if last.items() <= event.items():
                    break
            assert notes.of("cps-cardwatch", "done")
            assert statistics.median(worst) < 0.1
            with pytest.raises((EOFError, ConnectionResetError)):
                while True:
                    sleeper.read(30)
        assert wait_until(lambda: "does not read its answers" in flooded.log.read_text())


# Cancel and limits -------------------------------------------------------------------------------

def cancel(client, number):
    return client.call("cancel", id=number)["cancelled"]


def test_cancel(agent, client):
    waiting = login(client)
    assert not cancel(client, 999) and not cancel(client, str(waiting)) and not cancel(client, "")
    with agent.client() as other:
        other.send("status")
        assert not cancel(other, waiting), "of another connection"
    itself = next(client.ids)
    client.send_bytes(b'{"jsonrpc":"2.0","id":%d,"method":"cancel","params":{"id":%d}}\n'
                      % (itself, itself))
    assert client.wait(itself) == {"cancelled": False}
    assert cancel(client, waiting) and not cancel(client, waiting), "twice"
    assert failure(client, waiting) == "CANCELLED"


def test_an_id_under_way_is_not_used_twice(client):
    waiting = login(client)
    client.send_bytes(b'{"jsonrpc":"2.0","id":%d,"method":"status"}\n' % waiting)
    assert failure(client, waiting) == "INVALID_REQUEST"
    assert cancel(client, waiting)
    assert failure(client, waiting) == "CANCELLED"
    client.send_bytes(b'{"jsonrpc":"2.0","id":%d,"method":"status"}\n' % waiting)
    assert client.wait(waiting)["version"], "free again"


def test_requests_under_way_are_counted(client):
    numbers = [login(client) for _ in range(64)]
    assert failure(client, login(client)) == "TOO_MANY_REQUESTS"
    assert failure(client, client.send("status")) == "TOO_MANY_REQUESTS"
    client.socket.close()
    assert len(numbers) == 64


def test_different_logins_under_way_are_bounded(agent, client):
    """Whoever asks for too many is told at once, and there is room again when they end."""
    crowd = [agent.client() for _ in range(40)]
    for i, other in enumerate(crowd):
        other.number = login(other, person=f"8997{i:08}", deadline_ms=4000)
    names = [failure(other, other.number) for other in crowd]
    for other in crowd:
        other.socket.close()
    assert sorted(names) == ["DEADLINE_EXCEEDED"] * 16 + ["TOO_MANY_REQUESTS"] * 24
    assert failure(client, login(client, deadline_ms=10)) == "DEADLINE_EXCEEDED"


def test_deadlines_are_kept_to_the_millisecond_or_so(client):
    late = []
    for delay_ms in (1, 10, 50, 100, 200):
        timer = Stopwatch()
        assert failure(client, login(client, deadline_ms=delay_ms)) == "DEADLINE_EXCEEDED"
        assert timer.wall_s() > delay_ms / 1000 - 0.002
        late.append(timer.took_s() - delay_ms / 1000)
    assert statistics.median(late) < LATE_S


# Floods ------------------------------------------------------------------------------------------

def flood(agent):
    """Asks without end, in a process of its own, until it is killed."""
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        asked = b'{"jsonrpc":"2.0","id":1,"method":"session.current"}\n' * 400
        connection = agent.raw()
        connection.setblocking(False)
        while True:
            with contextlib.suppress(BlockingIOError):
                connection.send(asked)
            with contextlib.suppress(BlockingIOError):
                connection.recv(1 << 20)
    finally:
        os._exit(1)


def test_a_helper_that_ends_in_a_flood_is_replaced(agent):
    assert wait_until(lambda: agent.children("cps-cardwatch"))
    (pid,) = agent.children("cps-cardwatch")
    flooders = [flood(agent) for _ in range(6)]
    try:
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: agent.children("cps-cardwatch") not in ([], [pid]))
    finally:
        for flooder in flooders:
            os.kill(flooder, signal.SIGKILL)
            os.waitpid(flooder, 0)
