# SPDX-License-Identifier: Apache-2.0
"""How often one program is served, how often one phone rings."""
import json
import stat
import statistics
import threading
import time

import pytest

from cpsworld.agent import Agent, RpcError, failure
from cpsworld.evidence import evidence_lines
from cpsworld.evil import OIDCD, PROVIDER_SETTINGS, evil
from cpsworld.paths import slowness
from cpsworld.program import Program
from cpsworld.ruled import World
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

PERSON = "899700001011"
MANY = 10000
RATE, BURST = 600, 200


def world(limits="", **login):
    return Agent(libexec={"cps-oidcd": evil(OIDCD, TTL=60, MARKER="t", LOGIN=login)},
                 limits=limits, settings=PROVIDER_SETTINGS)


def login(client, person=PERSON, method="ecps"):
    return client.send("session.login", method=method, national_id=person,
                       provider="test")


def wait(client, number):
    try:
        return client.wait(number), None
    except RpcError as error:
        return None, error


def statement(client):
    return client.send("statement.get", audience="dpi", nonce="0123456789")


def flood(client, found):
    """So many requests, as fast as they are answered."""
    waiting = []
    for _ in range(MANY):
        waiting.append(statement(client))
        if len(waiting) == 50:
            found.extend(wait(client, number)[1] for number in waiting)
            waiting.clear()
    found.extend(wait(client, number)[1] for number in waiting)


def times(client, done):
    found = []
    while not done.is_set():
        timer = Stopwatch()
        client.wait(statement(client))
        found.append(timer.took_s())
        done.wait(0.02)
    return found


def test_ten_thousand_statements_of_one_program():
    """What is above the limit is refused with the time to wait; the other program is served, about
    as fast as alone: here both share two cores with the tests themselves."""
    with world() as agent, agent.client() as root:
        root.wait(login(root))
        with Program(agent, "flood") as noisy, Program(agent, "dpi") as quiet:
            over = threading.Event()
            threading.Timer(1, over.set).start()
            alone = times(quiet, over)
            errors, done = [], threading.Event()
            flooding = threading.Thread(target=lambda: (flood(noisy, errors), done.set()))
            started = time.monotonic()
            flooding.start()
            beside = times(quiet, done)
            flooding.join()
            took = time.monotonic() - started
        served = errors.count(None)
        refused = [error for error in errors if error is not None]
        assert served + len(refused) == MANY
        assert BURST <= served <= BURST + RATE * (took + 1) / 60
        assert {error.name for error in refused} == {"RATE_LIMITED"}
        assert all(0 < error.data["retry_after_ms"] <= 60000 // RATE for error in refused)
        print(f"{served} of {MANY} in {took:.1f} s; the other: p50 "
              f"{statistics.median(alone) * 1e6:.0f} µs alone, "
              f"{statistics.median(beside) * 1e6:.0f} µs beside the flood, {len(beside)} of them")
        assert statistics.median(beside) < 0.05 * slowness()
        lines = evidence_lines(root)
    told = [line for line in lines if line.get("result") == "RATE_LIMITED"]
    assert len(told) == 1, "a line each would let a program fill the log"


def test_limits_are_by_program_and_not_by_connection():
    with world("statements_per_minute = 1\nstatements_burst = 3\n") as agent:
        with agent.client() as root, Program(agent) as dpi, Program(agent) as again, \
                Program(agent, "other") as other:
            root.wait(login(root))
            for client in (dpi, again, dpi):
                assert client.wait(statement(client))
            error = wait(again, statement(again))[1]
            assert error.name == "RATE_LIMITED" and 0 < error.data["retry_after_ms"] <= 60000
            assert other.wait(statement(other)) and dpi.call("token.get")


@pytest.mark.parametrize("method", ["ecps", "proxy"])
def test_the_phone_does_not_ring_for_ever(method):
    with world("pushes_per_hour = 2\n") as agent, agent.client() as client:
        for person in (PERSON, PERSON[1:]):  # without its type digit it is the same person
            client.wait(login(client, person, method))
        error = wait(client, login(client, method=method))[1]
        assert error.name == "PUSH_LIMITED" and 3500e3 < error.data["retry_after_ms"] <= 3600e3
        with agent.client() as other:
            assert failure(other, login(other)) == "PUSH_LIMITED", "whoever asks"
            other.wait(login(other, "899700001029"))
            assert other.wait(other.send("session.login", method="browser"))


def test_each_push_has_digits_of_its_own():
    """Or whoever has seen them once would know what the phone will ask."""
    with world("pushes_per_hour = 6\n") as agent, agent.client() as client:
        shown = set()
        for _ in range(6):
            number = login(client)
            shown.add(client.next_event("progress", id=number)["digits"])
            client.wait(number)
        assert all(len(digits) == 2 and digits.isdecimal() for digits in shown)
        assert len(shown) > 1, "six times the same: once in ten thousand million runs"


def test_a_push_that_nobody_saw_counts():
    with world("pushes_per_hour = 1\n", auth_at=1) as agent, agent.client() as client:
        assert failure(client, login(client)) == "LOGIN_EXPIRED"
        assert failure(client, login(client)) == "PUSH_LIMITED"


def counted(agent):
    """Pushes that are in the file."""
    try:
        file = json.loads((agent.state / "pushes.json").read_text())
    except FileNotFoundError:
        return 0
    return sum(len(person["at_ms"]) for person in file["people"])


def test_an_agent_that_is_started_again_goes_on_counting_pushes():
    """However it ended, and by whom: the phone is the same."""
    with world("pushes_per_hour = 2\n") as agent:
        for number in (1, 2):
            with agent.client() as client:
                client.wait(login(client))
            assert wait_until(lambda number=number: counted(agent) == number)
            agent.process.kill()
            agent.process.wait()
            agent.start()
        for _ in range(2):
            with agent.client() as client:
                error = wait(client, login(client, PERSON[1:]))[1]
                assert error.name == "PUSH_LIMITED"
                assert 3000e3 < error.data["retry_after_ms"] <= 3600e3
            agent.stop()
            agent.start()
        path = agent.state / "pushes.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert PERSON[1:] not in path.read_text()
        with agent.client() as client:
            client.wait(login(client, "899700001029"))
        assert wait_until(lambda: counted(agent) == 3)
        agent.stop()
        path.write_text("{")
        agent.start()
        with agent.client() as client:
            client.wait(login(client))
        assert path.with_suffix(".json.damaged").exists() and "damaged" in agent.log.read_text()


def test_a_hangup_is_no_fresh_start():
    with World(policy="unknown = allow\n", limits="statements_per_minute = 1\n"
               "statements_burst = 2\npushes_per_hour = 1\n") as agent:
        with agent.client() as root, Program(agent) as dpi:
            root.wait(login(root))
            for _ in range(2):
                assert dpi.wait(statement(dpi))
                assert agent.reload("[dpi]\nprogram = {dpi}\naudiences = *\n") == []
            assert failure(dpi, statement(dpi)) == "RATE_LIMITED"
            assert failure(root, login(root)) == "PUSH_LIMITED"
        with Program(agent) as again:
            assert failure(again, statement(again)) == "RATE_LIMITED"
