# SPDX-License-Identifier: Apache-2.0
"""cps-cardwatch with a real pcscd: events, latency, and a pcscd that goes, comes back or freezes."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import types

import pytest

from cpsworld import Pcscd, VirtualCard
from cpsworld.cardop import Cardop, Cardwatch
from cpsworld.paths import program
from cpsworld.pcsc import PcscProbe
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

LATENCY_S = 0.05  # beyond what another PC/SC client sees


@pytest.fixture(name="pcscd")
def fixture_pcscd():
    with Pcscd() as pcscd:
        yield pcscd


def test_tells_what_is_there_at_start(pcscd):
    with VirtualCard(pcscd, insert="physician") as slot, Cardwatch(pcscd) as watch:
        assert watch.receive() == {"event": "pcsc", "state": "up"}
        first = watch.wait("reader", reader=slot.reader)
        assert first["present"] and not first["mute"]
        assert first["atr"] == "3BAC00402A001225006480000310009000"
        assert not watch.wait("reader", reader=pcscd.READERS[1])["present"]
        assert watch.receive() == {"event": "beat"}, "all that was there is told"


def test_insertion_removal_and_exchange(pcscd):
    with VirtualCard(pcscd) as slot, Cardwatch(pcscd) as watch:
        seen = watch.wait("reader", reader=slot.reader)
        assert not seen["present"] and seen["atr"] == ""
        for name in ("physician", "foreign"):
            slot.insert(name)
            seen, before = watch.wait("reader", reader=slot.reader), seen
            assert seen["present"] and seen["events"] != before["events"]
            slot.remove()
            seen, before = watch.wait("reader", reader=slot.reader), seen
            assert not seen["present"] and seen["events"] != before["events"]


def test_as_fast_as_pcscd_allows(pcscd):
    with VirtualCard(pcscd) as slot, Cardwatch(pcscd) as watch, PcscProbe(pcscd) as probe:
        watch.wait("reader", reader=slot.reader)
        behind = []
        for present in (True, False) * 3:
            probe.start_wait(present)
            if present:
                slot.insert("physician", wait=False)
            else:
                slot.remove(wait=False)
            watch.wait("reader", reader=slot.reader, present=present)
            told_ns = time.monotonic_ns()
            behind.append((told_ns - probe.finish()["ns"]) / 1e9)
        assert sorted(behind)[len(behind) // 2] < LATENCY_S


def test_other_programs_are_no_news(pcscd):
    with VirtualCard(pcscd, insert="physician") as slot, Cardwatch(pcscd) as watch, \
            PcscProbe(pcscd) as probe:
        watch.wait("beat")
        assert probe.connect()["rv"] == 0
        assert probe.reconnect()["rv"] == 0
        assert probe.disconnect()["rv"] == 0
        with pytest.raises(TimeoutError):
            watch.receive(1)
        slot.remove()
        assert not watch.wait("reader", reader=slot.reader)["present"]


def test_sleeps_when_nothing_happens(pcscd):
    with VirtualCard(pcscd), Cardwatch(pcscd) as watch:
        watch.wait("reader", reader=pcscd.READERS[1])
        status = pathlib.Path(f"/proc/{watch.process.pid}/status")

        def rests():
            """Times that it went to sleep again; what takes the processor away is not its doing."""
            return [line for line in status.read_text().splitlines()
                    if line.startswith("voluntary_ctxt_switches")]
        def quiet():
            before = rests()
            time.sleep(3)
            return rests() == before
        assert quiet() or quiet(), "the first look may see the end of its start"


def test_pcscd_absent_then_there_then_gone(pcscd):
    pcscd.stop()
    with Cardwatch(pcscd) as watch:
        assert watch.receive() == {"event": "pcsc", "state": "down"}
        time.sleep(2.5)  # several tries: told once
        timer = Stopwatch()
        pcscd.start()
        watch.wait("pcsc", state="up")
        assert timer.took_s() < 1.5
        with VirtualCard(pcscd, insert="physician") as slot:
            watch.wait("reader", reader=slot.reader, present=True)
            pcscd.stop(kill=True)
            gone = [watch.wait("reader_gone")["reader"] for _ in pcscd.READERS]
            assert sorted(gone) == sorted(pcscd.READERS)
            assert watch.receive() == {"event": "pcsc", "state": "down"}
            pcscd.start()
            watch.wait("pcsc", state="up")
            watch.wait("reader", reader=slot.reader, present=True)


def test_refused(tmp_path):
    """As with polkit: pcscd hangs up on a client that it does not want."""
    path = tmp_path / "pcscd.comm"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        refusing = types.SimpleNamespace(socket=path, READERS=["R"])

        def refuse():
            client, _ = listener.accept()
            time.sleep(0.2)  # as long as polkit takes; what the client sent is left unread
            client.close()
        with Cardwatch(refusing) as watch:
            refuse()
            assert watch.receive() == {"event": "pcsc", "state": "refused"}
            listener.settimeout(5)
            with pytest.raises(TimeoutError):  # not asked again so soon
                listener.accept()
            listener.settimeout(None)
        with Cardop(refusing) as cardop:
            request = cardop.send("open", {"reader": "R"})
            refuse()
            assert cardop.answer(request)["error"]["code"] == "PCSC_REFUSED"


def test_no_beat_from_a_frozen_pcscd(pcscd):
    with Cardwatch(pcscd, beat_ms=300) as watch:
        for _ in range(3):
            watch.wait("beat")
        pcscd.freeze()
        with pytest.raises(TimeoutError):
            for _ in range(5):  # one may be under way
                watch.wait("beat", 1)
        pcscd.thaw()
        watch.wait("beat")
        pcscd.freeze()
        watch.process.kill()
        watch.process.wait(30)
        pcscd.thaw()


@pytest.mark.parametrize("options", [["--beat-ms", "0"], ["--beat-ms", "60001"], ["--other"]])
def test_wrong_options(options):
    assert subprocess.run([program("cps-cardwatch"), *options], check=False,
                          stderr=subprocess.DEVNULL).returncode == 1


@pytest.mark.parametrize("child", ["Cardwatch", "Cardop"])
def test_dies_with_its_parent(pcscd, child):
    code = f"""if True:
        import os, types
        from cpsworld.cardop import {child}
        pcscd = types.SimpleNamespace(socket={str(pcscd.socket)!r}, READERS=["R"])
        print({child}(pcscd).process.pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    run = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False,
                         env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert run.returncode == -signal.SIGKILL
    assert wait_until(lambda: not os.path.exists(f"/proc/{int(run.stdout)}"))
