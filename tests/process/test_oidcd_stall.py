# SPDX-License-Identifier: Apache-2.0
"""cps-oidcd without any provider: a name service that hangs, an agent that does not read."""
import socket
import subprocess
import time

import pytest

from cpsworld.paths import build_dir, program
from cpsworld.stopwatch import Stopwatch
from cpsworld.worker import Worker

PROFILE = """[provider]
issuer = https://idp.example.test/realm
client_id = c
ciba = yes
"""


def sanitized():
    libraries = subprocess.run(["ldd", program("cps-oidcd")], capture_output=True, text=True,
                               check=True)
    return "libasan" in libraries.stdout


@pytest.fixture
def config(tmp_path):
    (tmp_path / "providers.d").mkdir()
    (tmp_path / "providers.d" / "idp.conf").write_text(PROFILE)
    return str(tmp_path)


def start(config, env=None):
    return Worker(str(program("cps-oidcd")), "--config", config, env=env)


@pytest.mark.skipif(sanitized(), reason="the sanitizer's runtime must come before the preload")
def test_a_hanging_name_lookup_blocks_nobody(config):
    env = {"LD_PRELOAD": str(build_dir() / "tests" / "slow_resolver.so")}
    with start(config, env) as oidcd:
        login = oidcd.send("login_browser", {"provider": "idp"}, deadline_ms=20000)
        timer = Stopwatch()
        failed_after = None
        slowest = 0.0
        while failed_after is None or timer.wall_s() < failed_after + 1:
            asked = Stopwatch()
            number = oidcd.send("providers", {})
            packet = oidcd.receive()
            while packet.get("id") != number:
                if packet.get("id") == login:
                    assert packet["error"]["code"] == "PROVIDER_UNAVAILABLE"
                    assert packet["error"]["reason"] == "timeout"
                    failed_after, took_s = timer.wall_s(), timer.took_s()
                else:
                    assert packet["event"] == "provider"  # it is down: told, too
                packet = oidcd.receive()
            slowest = max(slowest, asked.took_s())
            time.sleep(0.05)
        assert 4.5 < failed_after and took_s < 6  # HTTP_CONNECT_MS
        assert slowest < 0.5


def test_an_agent_that_does_not_read_loses_nothing(config):
    with start(config) as oidcd:
        numbers = []
        oidcd.channel.settimeout(0.2)
        try:
            while len(numbers) < 5000:
                numbers.append(oidcd.send("providers", {}))
        except (TimeoutError, socket.timeout):
            oidcd.next_id += 1  # this one did not fit
        oidcd.channel.settimeout(None)
        assert len(numbers) > 100
        assert [oidcd.receive()["id"] for _ in numbers] == numbers
        number = oidcd.send("providers", {})
        assert oidcd.answer(number)["result"]["providers"][0]["state"] == "unknown"


def test_no_configuration_at_all(tmp_path):
    with start(str(tmp_path)) as oidcd:
        assert oidcd.answer(oidcd.send("providers", {}))["result"] == {
            "providers": [], "apis": []}
        answer = oidcd.answer(oidcd.send("login_browser", {"provider": "psc"}))
        assert answer["error"]["code"] == "PROVIDER_UNKNOWN"


def test_started_by_hand():
    done = subprocess.run([program("cps-oidcd"), "--help"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and done.stderr.startswith("usage: cps-oidcd")


def test_it_leaves_with_its_channel(config):
    oidcd = start(config)
    oidcd.send("login_browser", {"provider": "idp"})
    oidcd.channel.close()
    assert oidcd.process.wait(30) == 0


def test_sigterm(config):
    oidcd = start(config)
    oidcd.process.terminate()
    assert oidcd.process.wait(30) == 0
    oidcd.channel.close()
