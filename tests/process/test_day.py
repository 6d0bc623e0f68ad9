# SPDX-License-Identifier: Apache-2.0
"""A day in seconds: fifty logins, two thousand statements, locks, four-hour ends, an outage, and nothing
left behind by them."""
import datetime
import json
import subprocess

import pytest

from cpsworld.agent import unprivileged
from cpsworld.day import CAPS, IDLE, LOCKS, LOGINS, OUTAGE_S, STATEMENTS, DayDesk
from cpsworld.paths import slowness

FIRST = 1  # the login before the day, to be warm, and its statements
GROWTH_KB = 1024


@pytest.fixture(scope="module")
def desk():
    with DayDesk() as it:
        it.report = it.live()
        yield it


@pytest.fixture
def report(desk):
    return desk.report


def audit(desk, verb):
    """What cpsctl says of the log, in real time: it has no clock of its own to move."""
    run = subprocess.run(unprivileged([str(desk.agent.bin / "cpsctl"), "--json", "audit", verb]),
                         env={**desk.agent.environment, "LD_PRELOAD": ""}, capture_output=True,
                         text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def test_it_takes_seconds(report):
    assert report["statements"] == STATEMENTS and report["hours"] > 15
    assert report["cpu_s"] < 10 * slowness()  # a busy machine may take longer on the wall


def test_sessions_end_as_they_should(report):
    closed = report["closed"]
    assert closed.count("expired") == len(CAPS)
    assert closed.count("idle") == len(IDLE)
    assert closed.count("logout") == LOGINS - len(CAPS) - len(IDLE) == len(closed) - 12


def test_the_provider_is_asked_no_more_than_it_must(report):
    """One refresh at most for each token that was wanted; during the outage an answer at once, and
    no refresh token twice."""
    provider = report["provider"]
    assert provider["logins"] == LOGINS + len(LOCKS) and provider["refused"] == 0
    assert 0 < provider["refreshes"] <= report["tokens"]
    assert report["refused"] == {"PROVIDER_UNAVAILABLE": OUTAGE_S // 60,
                                 "SESSION_LOCKED": len(LOCKS)}
    # A login: ring, poll, UserInfo, and the end of its session: logout and two revocations.
    assert provider["connections"] <= provider["refreshes"] + 7 * provider["logins"] + 40


def test_nothing_is_left_behind(report):
    for name, before in report["before"].items():
        after = report["after"][name]
        assert after["pid"] == before["pid"], f"{name} did not live through the day"
        assert after["descriptors"] == before["descriptors"], name
        if slowness() == 1:  # the sanitizers keep what is freed
            assert after["rss_kb"] - before["rss_kb"] < GROWTH_KB, (name, before, after)


def test_the_evidence_of_the_day_is_whole(desk, report):
    assert audit(desk, "verify")["valid"]
    stats = audit(desk, "stats")
    assert stats["logins"]["ok"] == stats["logins"]["total"] == LOGINS + FIRST
    assert stats["statements"] == STATEMENTS * (LOGINS + FIRST) // LOGINS
    log = [json.loads(line) for path in
           sorted((desk.agent.state / "evidence").glob("evidence-*.jsonl"))
           for line in path.read_text().splitlines()]
    times = [datetime.datetime.fromisoformat(line["at"]) for line in log]
    assert times == sorted(times)
    assert times[-1] - times[0] > datetime.timedelta(hours=report["hours"] - 1)
