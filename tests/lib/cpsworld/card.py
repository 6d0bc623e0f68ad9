# SPDX-License-Identifier: Apache-2.0
"""A virtual card in one slot of a Pcscd, driven over vcps's control socket."""

import atexit
import json
import socket
import subprocess
import time

from .cards import CardSet
from .paths import program
from .pcsc import PcscProbe
from .pcscd import PORT, Pcscd

CONNECT_SECONDS = 30
STOP_SECONDS = 5
WAIT_MS = 30000


class VirtualCardError(RuntimeError):
    """vcps refused a command; its reason."""


class VirtualCard:
    """One vcps process: a slot, into which cards are inserted by name.

    Cards keep their codes and files while out of the slot, as real ones do; `reload` restores one.
    """

    # For latency(): fitted on published traces of real cards; the RSA time is a guess.
    REAL_CARD = {"apdu_us": 10000, "byte_us": 1050, "rsa_us": 500000}

    def __init__(self, pcscd: Pcscd, insert: str = None, slot: int = 0, cards: CardSet = None):
        self.cards = cards or CardSet()
        self.reader = pcscd.READERS[slot]
        self._pcscd = pcscd
        self._watch, self._watched = None, None
        self.control = pcscd.dir / f"vcps{slot}.sock"
        self._log = pcscd.dir / f"vcps{slot}.log"
        self._process = pcscd.namespace.spawn(
            "run", str(program("vcps")), "--cards", str(self.cards.cards), "--control",
            str(self.control), "--port", str(PORT + slot),
            *(["--trace", str(self._log)] if pcscd.logs else []), mounts=False)
        atexit.register(self.close)
        self._lines = self._connect()
        if insert:
            self.insert(insert)

    def _connect(self):
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(str(self.control))
                return sock.makefile("rw", encoding="utf-8", newline="\n")
            except OSError:
                sock.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.close()
                    raise
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    @property
    def exit_code(self) -> int:
        """Of the process, when it is over."""
        return self._process.returncode

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Ends the process: to pcscd, the card is removed. May be called twice."""
        atexit.unregister(self.close)
        self._end_watch()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pcscd.keep(self._log)

    def command(self, cmd: str, **args) -> dict:
        """Any command of the control socket; its answer, or VirtualCardError."""
        given = {k: v for k, v in args.items() if v is not None}
        self._lines.write(json.dumps({"cmd": cmd, **given}) + "\n")
        self._lines.flush()
        answer = json.loads(self._lines.readline() or '{"ok": false, "error": "vcps is gone"}')
        if not answer.pop("ok"):
            raise VirtualCardError(f"{cmd}: {answer['error']}")
        return answer

    # Presence. With `wait`, returns when pcscd has noticed (it polls every 400 ms) and any of its
    # clients would be told so.

    def insert(self, card: str, wait: bool = True) -> None:
        self._move("insert", True, wait, card=card)

    def remove(self, wait: bool = True) -> None:
        self._move("remove", False, wait)

    def swap(self, card: str, wait: bool = True) -> None:
        """Out with the card in the slot, if any, in with another (or the same). With `wait`, no
        client can take it for the first."""
        if wait:
            self.remove()
            self.insert(card)
        else:
            self.command("swap", card=card)

    def _move(self, cmd: str, present: bool, wait: bool, **args) -> None:
        """vcps tells when pcscd looked at the slot and powered the card; what pcscd makes of it
        becomes public a moment later, a long one on a busy machine: only pcscd tells that."""
        self.command(cmd, wait_ms=WAIT_MS if wait else 0, **args)
        if not wait or not self._pcscd.running():
            return
        if self._watched != self._pcscd.pid:
            self._end_watch()
            self._watch, self._watched = PcscProbe(self._pcscd, self.reader), self._pcscd.pid
        self._watch.wait(present, WAIT_MS)

    def _end_watch(self) -> None:
        if self._watch:
            self._watch.close()
        self._watch, self._watched = None, None

    def reload(self, card: str) -> None:
        """Puts a card that is out back in its first state: codes, tries, files."""
        self.command("reload", card=card)

    # Faults. `at`: which of the next APDUs, 1 for the very next; `ins` (hexadecimal) restricts the
    # count to one instruction. One fault is armed at a time.

    def tear(self, at: int = 1, when: str = "before", ins: str = None) -> None:
        """Tears the card out `before` answering that APDU, `inside` its answer, or `after` it."""
        self.command("tear", at=at, when=when, ins=ins)

    def inject(self, sw: str, at: int = 1, times: int = 1, ins: str = None) -> None:
        """Answers that status word instead of executing the command, `times` in a row."""
        self.command("inject", sw=sw, at=at, times=times, ins=ins)

    def clear_faults(self) -> None:
        self.command("clear_faults")

    def mute(self, on: bool = True) -> None:
        """Stops answering APDUs; when it ends, the one kept meanwhile is answered."""
        self.command("mute", on=on)

    # State and time.

    def tries(self, pin: int = None, puk: int = None, card: str = None) -> dict:
        """Sets tries left when given; the tries left, and whether the PIN is verified."""
        return self.command("tries", pin=pin, puk=puk, card=card)

    def latency(self, apdu_us: int = None, byte_us: int = None, rsa_us: int = None) -> None:
        """Time that an APDU, each byte both ways, and each RSA operation take."""
        self.command("latency", apdu_us=apdu_us, byte_us=byte_us, rsa_us=rsa_us)

    def status(self) -> dict:
        return self.command("status")

    # Counting.

    def counters(self) -> dict:
        """apdus, get_responses, bytes_to_card, bytes_from_card, power_ons, power_offs, resets,
        rsa_ops, verifies, and ins: APDUs by instruction."""
        return self.command("counters")

    def reset_counters(self) -> None:
        self.command("reset_counters")

    def trace(self, file=None) -> None:
        """Logs APDUs to a file, codes masked; None stops."""
        self.command("trace", file=None if file is None else str(file))
