# SPDX-License-Identifier: Apache-2.0
"""The evidence log: what is in it, what is not, what shows when it is touched, and what happens when
it cannot be written."""
import base64
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from cpsworld.agent import RpcError, own, unprivileged
from cpsworld.desk import Desk
from cpsworld.evil import evil
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

FILE = "evidence-000000000001.jsonl"


def evidence(desk):
    return desk.client.call("status")["evidence"]


def settled(desk, client=None, at_least=2):
    """Everything so far is on disk; where it is. The first two lines come a moment after the start."""
    def is_settled():
        state = (client or desk.client).call("status")["evidence"]
        return state["waiting"] == 0 and state["written"] >= at_least
    assert wait_until(is_settled)
    return pathlib.Path((client or desk.client).call("status")["evidence"]["directory"])


def lines(directory):
    text = "".join(path.read_text() for path in sorted(directory.glob("evidence-*.jsonl")))
    return [json.loads(line) for line in text.splitlines()]


def audit(desk, *args, status=0):
    run = subprocess.run(unprivileged([str(desk.agent.bin / "cpsctl"), "--json", "audit", *args]),
                         env=desk.agent.environment, capture_output=True, text=True, timeout=60,
                         check=False)
    assert run.returncode == status, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def day():
    """What a morning leaves: the log of a few logins, its keys, and how far it was written."""
    with Desk(settings="[station]\nname = poste-12\n") as desk:
        assert desk.refused("pin 0000", "cancel").name == "PROMPT_CANCELLED"
        desk.login()
        subprocess.run(unprivileged([str(desk.agent.bin / "cpsctl"), "statement", "--audience",
                                     "dpi.example", "--nonce", "n-0123456789"]),
                       env=desk.agent.environment, check=True, capture_output=True)
        with pytest.raises(RpcError):
            desk.client.call("token.get", kind="access")
        desk.client.call("session.logout")
        desk.login()
        desk.card.remove()
        desk.client.next_event("event.session", 10)
        directory = settled(desk)
        desk.agent.stop()
        desk.agent.start()  # a second life, and the signature at the end of the first
        kept = desk.agent.dir / "kept"
        with desk.agent.client() as client:
            settled(desk, client, at_least=12)
            keys = client.call("keys.jwks")
            written = client.call("status")["evidence"]["written"]
            shutil.copytree(directory, kept)
            (desk.agent.dir / "jwks").write_text(json.dumps(keys))
            own(desk.agent.dir / "jwks")
            own(kept)
            yield desk, kept, written


@pytest.fixture
def copy(day, tmp_path):
    """A copy to tamper with, and how it is checked."""
    desk, kept, written = day
    where = desk.agent.dir / f"copy-{tmp_path.name}"
    shutil.copytree(kept, where)

    def check(status=9, last_written=written):
        own(where)
        return json.loads(audit(desk, "verify", "--directory", str(where), "--jwks",
                                str(desk.agent.dir / "jwks"), "--written", str(last_written),
                                status=status))
    yield where / FILE, check
    shutil.rmtree(where)


def test_what_a_line_says(day):
    desk, kept, _ = day
    log = lines(kept)
    assert [line["seq"] for line in log] == list(range(1, len(log) + 1))
    assert [line["event"] for line in log] == [
        "start", "checkpoint", "login", "login", "statement", "session_closed", "login",
        "session_closed", "stop", "checkpoint", "start", "checkpoint"]
    assert all(line["station"] == "poste-12" and line["at"].endswith("Z") for line in log)
    failed, good, statement = log[2], log[3], log[4]
    assert failed["result"] == "PROMPT_CANCELLED" and "person" not in failed
    assert good["result"] == "ok" and good["method"] == "card"
    assert good["amr"] == ["sc", "pin", "hwk", "mfa"] and good["duration_ms"] >= 0
    assert good["card"]["family"] == "CPS3" and len(good["card"]["serial_hash"]) == 43
    assert statement["audience"] == "dpi.example" and statement["person"] == good["person"]
    assert statement["program"] == str(desk.agent.bin / "cpsctl")
    assert [line["reason"] for line in log if line["event"] == "session_closed"] == [
        "logout", "card_removed"]


def test_nobody_is_named_in_it(day):
    desk, kept, _ = day
    text = "".join(path.read_text() for path in kept.iterdir())
    holder = desk.card.cards["physician"]
    person = holder["holder"]
    for secret in (f'"{holder["pin"]}"', person["national_id"], person["family_name"],
                   person["given_name"], holder["serial"]):
        assert secret not in text
    assert "n-0123456789" not in text
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept.iterdir())


def test_untouched_it_is_valid(copy, day):
    file, check = copy
    report = check(status=0)
    assert report["valid"] and report["problems"] == [] and report["last"] == day[2]
    assert report["signed"] == 12


def rewrite(file, change):
    content = file.read_text().splitlines()
    change(content)
    file.write_text("\n".join(content) + "\n")


TAMPERED = {
    "a word": (lambda c: c.__setitem__(3, c[3].replace('"ok"', '"no"')), "chain"),
    "a line out": (lambda c: c.pop(3), "order"),
    "two swapped": (lambda c: c.insert(2, c.pop(3)), "order"),
    "a line twice": (lambda c: c.insert(3, c[2]), "order"),
    "the beginning": (lambda c: c.__delitem__(slice(0, 2)), "beginning"),
    "the end": (lambda c: c.pop(), "end"),
    "no JSON": (lambda c: c.__setitem__(4, "{"), "unreadable"),
    "the signature": (lambda c: c.__setitem__(9, c[9].replace('"jws":"e', '"jws":"f')),
                      "signature"),
    "all of it": (lambda c: c.clear(), "empty"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_shows(copy, what):
    file, check = copy
    change, problem = TAMPERED[what]
    rewrite(file, change)
    if what == "all of it":
        file.write_text("")
    report = check()
    assert not report["valid"]
    assert problem in [found["problem"] for found in report["problems"]]


def test_a_chain_made_anew_lacks_the_signatures(copy, day):
    """Whoever can write the file can chain again; without the key, no signature fits."""
    file, check = copy
    forged = [line for line in lines(file.parent) if line["event"] != "session_closed"]
    before, text = b"", []
    for seq, line in enumerate(forged, 1):
        line["seq"] = seq
        line["prev"] = base64.urlsafe_b64encode(hashlib.sha256(before).digest()).decode().rstrip("=")
        before = json.dumps(line, separators=(",", ":")).encode()
        text.append(before.decode())
    file.write_text("\n".join(text) + "\n")
    found = {problem["problem"] for problem in check(last_written=0)["problems"]}
    assert found == {"signature"}


def test_a_torn_line_is_told_and_gone_over(day):
    """Power fails in the middle of a line: it stays, a new file goes on from the line before."""
    desk, kept, _ = day
    with Desk(insert=None) as other:
        directory = settled(other)
        other.agent.stop()
        with open(directory / FILE, "a", encoding="utf-8") as file:
            file.write('{"seq":99,"half')
        other.agent.start()
        with other.agent.client() as client:
            settled(other, client, at_least=5)
            report = json.loads(audit(other, "verify"))
            assert report["valid"] and report["files"] == 2
            assert {note["note"] for note in report["notes"]} == {"torn", "damage"}


def test_statistics_count_and_name_nobody(day):
    desk, kept, _ = day
    stats = json.loads(audit(desk, "stats", "--directory", str(kept)))
    assert stats["logins"]["total"] == 3 and stats["logins"]["ok"] == 2
    assert stats["logins"]["refused"] == {"PROMPT_CANCELLED": 1}
    assert stats["logins"]["strong"] == 2 and stats["logins"]["by_method"] == {"card": 3}
    assert stats["statements"] == 1 and "person" not in json.dumps(stats)
    nothing = json.loads(audit(desk, "stats", "--directory", str(kept), "--to", "2001"))
    assert nothing["logins"]["total"] == 0


def test_export_gives_the_lines_as_they_are(day):
    desk, kept, _ = day
    assert audit(desk, "export", "--directory", str(kept)) == (kept / FILE).read_text()
    assert audit(desk, "export", "--directory", str(kept), "--from", "2999") == ""


def test_a_practice_situation_is_told_when_it_is_chosen():
    with Desk() as desk:
        desk.login()
        situations = desk.client.call("session.practice")["situations"]
        desk.client.call("session.practice", number=situations[1]["number"])
        event = [line for line in lines(settled(desk, at_least=4)) if line["event"] == "practice"]
        assert [line["practice"]["number"] for line in event] == [situations[1]["number"]]


def test_tokens_and_statements_of_a_busy_program_cost_lines_that_say_so():
    with Desk() as desk:
        desk.login()
        for n in range(150):
            desk.client.call("statement.get", audience="dpi.example", nonce=f"nonce-{n:08d}")
        log = lines(settled(desk))
        assert sum(line["event"] == "statement" for line in log) == 150
        assert sum(line["event"] == "checkpoint" for line in log) == 2
        assert json.loads(audit(desk, "verify"))["signed"] == 103


# When it cannot be written ----------------------------------------------------------------------

@pytest.fixture
def small_disk():
    """A directory on a disk of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    where = pathlib.Path(tempfile.mkdtemp(prefix="cpsworld-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "small", where], check=True)
    own(where)
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)
        where.rmdir()


@pytest.mark.parametrize("policy", ["continue", "refuse"])
def test_a_full_disk_stops_logins_or_not_as_chosen_and_loses_nothing(small_disk, policy):
    settings = f"[evidence]\ndirectory = {small_disk}/log\non_failure = {policy}\n"
    with Desk(settings=settings) as desk:
        settled(desk)
        fill(small_disk)
        before = desk.login()
        for n in range(20):  # more than what is left of the last page
            desk.client.call("statement.get", audience="dpi.example", nonce=f"nonce-{n:08d}")
        assert wait_until(lambda: evidence(desk)["state"] == "failing")
        assert evidence(desk)["error"] == "STORAGE"
        health = desk.client.next_event("event.health", 5)
        assert health["component"] == "evidence" and health["state"] == "failing"
        if policy == "refuse":
            assert desk.refused(fresh=True).name == "STORAGE"
            assert desk.client.call("session.current")["session"]["id"] == before["id"]
        else:
            assert desk.login(fresh=True)["method"] == "card"
        (small_disk / "filler").unlink()
        log = lines(settled(desk))
        assert evidence(desk)["state"] == "running"
        assert sum(line["event"] == "statement" for line in log) == 20
        refused = [line for line in log if line.get("result") == "STORAGE"]
        assert [line["event"] for line in refused] == ["login"] * (policy == "refuse")
        assert json.loads(audit(desk, "verify"))["valid"]


def fill(directory):
    """Leaves no free page: what is open may still end its own."""
    with open(directory / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC


def test_a_writer_that_hangs_or_dies_delays_nobody():
    body = "hello()\nimport os, time\nrequest = receive()\n"
    for end in ("time.sleep(1000)", "os._exit(1)"):
        with Desk(libexec={"cps-evidence": evil(body + end)}) as desk:
            timer = Stopwatch()
            desk.login()
            desk.client.call("statement.get", audience="dpi.example", nonce="n-0123456789")
            assert timer.took_s() < 5
            assert evidence(desk)["waiting"] >= 3


def test_two_agents_do_not_write_one_log():
    with Desk(insert=None) as desk:
        directory = settled(desk)
        handle = os.open(directory, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
