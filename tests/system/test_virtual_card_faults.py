# SPDX-License-Identifier: Apache-2.0
"""The virtual CPS card gone wrong: faults, time, presence, pcscd stopped."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld import VirtualCard, VirtualCardError  # noqa: E402
from cpsworld.fixtures import (  # noqa: E402, F401
    cards, digest_info, pcscd, probe, put, slot)
from cpsworld.p11 import Pkcs11  # noqa: E402
from cpsworld.pcsc import PcscError, PcscProbe  # noqa: E402
from cpsworld.processes import is_running
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

NO_SMARTCARD, NOT_TRANSACTED = 0x8010000C, 0x80100016
NO_SERVICE, REMOVED = 0x8010001D, 0x80100069
CKR_OK, CKR_GENERAL_ERROR = 0, 5
POLL_MS = 400  # pcscd looks at a vpcd slot this often


def test_mute_card(put, slot, probe):
    """An APDU stays without an answer until the card is pulled."""
    put("mute")
    probe.connect()
    probe.start("transmit", apdu="00A4040000")
    assert not probe.answered(within=1.0)
    slot.remove()
    answer = probe.finish(check=False)
    assert answer["rv"] != 0 or answer["answer"] == ""


def test_mute_for_a_while(put, slot, probe):
    put("physician")
    probe.connect()
    slot.mute()
    probe.start("transmit", apdu="00B09C000C")
    assert not probe.answered(within=0.3)
    assert slot.status()["holding"]
    slot.mute(False)
    assert probe.finish()["answer"].endswith("9000")


def test_injected_status_word(put, slot, pcscd):
    card = put("physician")
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        slot.inject("6F00", ins="88")
        assert p11.sign("CPS_PRIV_AUT", digest_info(b"1"))["rv"] == CKR_GENERAL_ERROR
        assert p11.sign("CPS_PRIV_AUT", digest_info(b"1"))["rv"] == CKR_OK


def test_injection_counts(put, slot, probe):
    put("physician")
    probe.connect()
    slot.inject("6581", at=2, times=2)
    answers = [probe.transmit("00B09C000C")["answer"][-4:] for _ in range(5)]
    assert answers == ["9000", "6581", "6581", "9000", "9000"]
    slot.inject("6581", at=2, ins="20")
    answers = [probe.transmit(c)["answer"][-4:]
               for c in ("0020000100", "00B09C000C", "0020000100", "0020000100")]
    assert answers == ["63c3", "9000", "6581", "63c3"]


@pytest.mark.parametrize("when,first", [("before", ""), ("inside", "5a0a8025000001"),
                                        ("after", "5a0a80250000012990010 13f9000")])
def test_tear(put, slot, probe, when, first):
    """vpcd knows no transmission error: a torn answer is empty or cut short, then errors come."""
    put("physician")
    probe.connect()
    slot.tear(at=3, when=when)
    for _ in range(2):
        assert probe.transmit("00B09C000C")["answer"].endswith("9000")
    assert probe.transmit("00B09C000C") == {"rv": 0, "answer": first.replace(" ", "")}
    assert slot.status()["card"] is None
    second = probe.transmit("00B09C000C", check=False)
    assert second["rv"] in (NOT_TRANSACTED, REMOVED) or second["answer"] == ""
    probe.wait(False)
    slot.insert("physician")
    probe.wait(True)
    probe.disconnect()
    probe.connect()
    assert probe.transmit("00B09C000C")["answer"].endswith("9000")


def test_tear_inside_a_signature(put, slot, pcscd):
    card = put("physician")
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        slot.tear(ins="88", when="inside")
        assert p11.sign("CPS_PRIV_AUT", digest_info(b"1"))["rv"] == CKR_GENERAL_ERROR


def test_refused_commands(slot, put):
    put("physician")
    for cmd, args in (("insert", {"card": "nurse"}), ("swap", {"card": "nobody"}),
                      ("swap", {"card": "../cards/nurse"}), ("tear", {"when": "later"}),
                      ("inject", {"sw": "zz"}), ("inject", {"sw": "6F00", "at": 0}),
                      ("latency", {"apdu_us": -1}), ("reload", {"card": "physician"}),
                      ("nonsense", {})):
        with pytest.raises(VirtualCardError):
            slot.command(cmd, **args)
    assert slot.status()["card"] == "physician"


def test_latency(put, slot, probe):
    put("physician")
    probe.connect()
    slot.latency(apdu_us=20000, byte_us=1000)
    timer = Stopwatch()
    probe.transmit("00B09C000C")  # 5 bytes to the card, 14 from it
    assert 0.039 <= timer.wall_s() and timer.took_s() < 1


def test_counters(put, slot, probe):
    put("physician")
    probe.connect()
    slot.reset_counters()
    probe.transmit("00B09C000C")
    probe.transmit("0020000100")
    probe.transmit("002000010431323334")
    probe.reconnect()
    counters = slot.counters()
    assert counters["apdus"] == 3 and counters["ins"] == {"20": 2, "B0": 1}
    assert (counters["bytes_to_card"], counters["bytes_from_card"]) == (19, 18)
    assert (counters["verifies"], counters["resets"], counters["power_ons"]) == (1, 1, 0)


def test_trace_masks_codes(put, slot, probe, tmp_path):
    put("physician")
    probe.connect()
    slot.trace(tmp_path / "trace")
    probe.transmit("002000010431323334")
    probe.transmit("00240001083132333434333231")
    probe.transmit("002C02010439393939")
    probe.transmit("00B09C000C")
    slot.trace(None)
    text = (tmp_path / "trace").read_text()
    assert "> 00 20 00 01 04 ** ** ** **\n< 90 00\n" in text
    assert "> 00 24 00 01 08 ** ** ** ** ** ** ** **\n" in text
    assert "31" not in text.replace("5A 0A 80 25 00 00 01 29 90 01 01 3F", "")
    assert "39" not in text


def test_presence_by_status_change(put, slot, probe):
    """SCardGetStatusChange sees both within pcscd's polling period."""
    put("physician")
    probe.wait(True)
    for _ in range(3):
        for present in (False, True):
            probe.start_wait(present)
            timer = Stopwatch()
            slot.insert("physician", wait=False) if present else slot.remove(wait=False)
            assert probe.finish()["rv"] == 0 and timer.took_s() < (POLL_MS + 600) / 1000


def test_waiting_commands_tell_when_pcscd_knows(put, slot, probe):
    put("physician")
    for _ in range(3):
        slot.remove()
        probe.wait(False, timeout_ms=0)
        slot.insert("physician")
        probe.wait(True, timeout_ms=0)


def test_swap_is_seen(put, slot, probe):
    put("physician")
    probe.wait(True)
    probe.connect()
    slot.swap("nurse")
    assert probe.transmit("00B09C000C", check=False)["rv"] == REMOVED
    probe.disconnect()
    probe.connect()
    assert "29900202" in probe.transmit("00B09C000C")["answer"]


def test_a_look_for_a_client_hides_no_removal(put, slot, probe):
    """pcscd looks at the slot for a client that resets the card, too, but takes no notice."""
    put("physician")
    probe.connect()
    slot.remove(wait=False)
    assert probe.reconnect(check=False)["rv"] in (NO_SMARTCARD, REMOVED)
    slot.insert("nurse")
    probe.disconnect()
    probe.connect()
    assert "29900202" in probe.transmit("00B09C000C")["answer"]


def test_a_late_look_misses_no_removal(put, slot, pcscd, probe):
    """However long pcscd takes to look again, the next card waits."""
    put("physician")
    probe.connect()
    slot.tear()
    assert probe.transmit("00B09C000C")["answer"] == ""
    pcscd.freeze()
    slot.insert("nurse", wait=False)
    time.sleep(3 * POLL_MS / 1000)
    pcscd.thaw()
    probe.wait(False)
    probe.wait(True)
    probe.disconnect()
    probe.connect()
    assert "29900202" in probe.transmit("00B09C000C")["answer"]


@pytest.mark.parametrize("kill", [False, True])
def test_pcscd_restart(put, slot, pcscd, kill):
    put("physician")
    pcscd.restart(kill=kill)
    with PcscProbe(pcscd) as probe:
        assert probe.readers() == list(pcscd.READERS)
        probe.wait(True)
        probe.connect()


def test_pcscd_frozen(put, pcscd, probe):
    put("physician")
    probe.connect()
    pcscd.freeze()
    probe.start("transmit", apdu="00B09C000C")
    assert not probe.answered(within=0.5)
    pcscd.thaw()
    assert probe.finish()["answer"].endswith("9000")


def test_pcscd_absent(pcscd, slot, put):
    put("physician")
    pcscd.stop()
    with pytest.raises(PcscError) as refused:
        PcscProbe(pcscd)
    assert refused.value.rv == NO_SERVICE
    pcscd.start()
    with PcscProbe(pcscd) as probe:
        probe.wait(True)


def test_two_slots(put, pcscd, cards):
    put("physician")
    with VirtualCard(pcscd, slot=1, cards=cards, insert="nurse") as other, \
            PcscProbe(pcscd, other.reader) as probe:
        probe.connect()
        assert "29900202" in probe.transmit("00B09C000C")["answer"]


def test_clean_exit(pcscd, cards):
    """No error, no leak (under a sanitizer), no socket left; with a card in and one known."""
    card = VirtualCard(pcscd, slot=1, cards=cards, insert="variant")
    card.swap("nurse")
    card.close()
    assert card.exit_code == 0 and not card.control.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="changes uid")
def test_unprivileged_client(put, pcscd):
    put("physician")
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "pkcs15-tool", "-k"],
        env=pcscd.env(HOME="/nonexistent"), text=True, capture_output=True, timeout=60)
    assert "CPS_PRIV_AUT" in result.stdout, result.stderr


def test_nothing_listens_outside(pcscd):
    """vpcd binds every interface: of its own namespace, where there is only a loopback."""
    port = f":{35963:04X} "
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        assert port not in pathlib.Path(table).read_text()
    inside = pathlib.Path(f"/proc/{pcscd.pid}/net")
    assert port in (inside / "tcp").read_text()
    interfaces = [line.split(":")[0].strip()
                  for line in (inside / "dev").read_text().splitlines()[2:]]
    assert interfaces == ["lo"]


def test_nothing_is_left_behind():
    """The world goes away with the process that made it, however that ends."""
    program = ("from cpsworld import Pcscd, VirtualCard\n"
               "p = Pcscd(); c = VirtualCard(p, insert='physician')\n"
               "print(p.dir, p.pid, c.pid, flush=True)\ninput()\n")
    lib = str(pathlib.Path(__file__).resolve().parents[1] / "lib")
    victim = subprocess.Popen([sys.executable, "-c", program], text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": lib})
    world, *pids = victim.stdout.readline().split()
    victim.kill()
    victim.communicate()
    assert wait_until(lambda: not os.path.exists(world) and not any(map(is_running, pids)))
