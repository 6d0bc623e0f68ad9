# SPDX-License-Identifier: Apache-2.0
"""A small PC/SC client over libpcsclite, in a process of its own.

libpcsclite reads PCSCLITE_CSOCK_NAME once a process, so a test that uses several worlds cannot
load it itself. As a program, this file reads one JSON request a line, answers one.
"""

import ctypes
import json
import select
import subprocess
import sys
import time

SCOPE_SYSTEM, SHARE_SHARED, PROTOCOL_ANY, LEAVE_CARD, RESET_CARD, UNPOWER_CARD = 2, 2, 3, 0, 1, 2
STATE_EMPTY, STATE_PRESENT, STATE_MUTE, STATE_CHANGED = 0x10, 0x20, 0x200, 0x2


class ReaderState(ctypes.Structure):
    _fields_ = [("reader", ctypes.c_char_p), ("user_data", ctypes.c_void_p),
                ("current", ctypes.c_ulong), ("event", ctypes.c_ulong),
                ("atr_len", ctypes.c_ulong), ("atr", ctypes.c_ubyte * 33)]


class IoRequest(ctypes.Structure):
    _fields_ = [("protocol", ctypes.c_ulong), ("length", ctypes.c_ulong)]


class _Client:
    """The program's side: one context, one card."""

    def __init__(self):
        self._lib = ctypes.CDLL("libpcsclite.so.1")
        self._context, self._card = ctypes.c_long(), ctypes.c_long()
        self._protocol = ctypes.c_ulong()

    def _call(self, name, *args) -> int:
        return getattr(self._lib, name)(*args) & 0xFFFFFFFF

    def establish(self):
        return {"rv": self._call("SCardEstablishContext", ctypes.c_ulong(SCOPE_SYSTEM), None, None,
                                 ctypes.byref(self._context))}

    def readers(self):
        size = ctypes.c_ulong(4096)
        buf = ctypes.create_string_buffer(4096)
        rv = self._call("SCardListReaders", self._context, None, buf, ctypes.byref(size))
        names = [n.decode() for n in buf.raw[:size.value].split(b"\0") if n] if rv == 0 else []
        return {"rv": rv, "readers": names}

    def wait(self, reader, present, timeout_ms):
        """Until the reader is in that state, by SCardGetStatusChange.

        A card that pcscd calls mute is not there: when it loses a card between its look at the slot
        and the reset for a client that ended, it goes on calling it so until the next insertion.
        """
        state = ReaderState(reader=reader.encode())
        wanted = (STATE_PRESENT,) if present else (STATE_EMPTY, STATE_PRESENT | STATE_MUTE)
        relevant = STATE_EMPTY | STATE_PRESENT | STATE_MUTE
        deadline = time.monotonic() + timeout_ms / 1000
        while True:
            left = max(0, int((deadline - time.monotonic()) * 1000))
            rv = self._call("SCardGetStatusChange", self._context, ctypes.c_ulong(left),
                            ctypes.byref(state), ctypes.c_ulong(1))
            now = time.monotonic_ns()
            if rv != 0 or state.event & relevant in wanted:
                return {"rv": rv, "ns": now, "event": state.event,
                        "atr": bytes(state.atr[:state.atr_len]).hex()}
            state.current = state.event & ~STATE_CHANGED

    def connect(self, reader):
        rv = self._call("SCardConnect", self._context, reader.encode(),
                        ctypes.c_ulong(SHARE_SHARED), ctypes.c_ulong(PROTOCOL_ANY),
                        ctypes.byref(self._card), ctypes.byref(self._protocol))
        return {"rv": rv, "protocol": self._protocol.value}

    def transmit(self, apdu):
        data = bytes.fromhex(apdu)
        answer = ctypes.create_string_buffer(66000)
        size = ctypes.c_ulong(len(answer))
        pci = IoRequest(self._protocol.value, ctypes.sizeof(IoRequest))
        rv = self._call("SCardTransmit", self._card, ctypes.byref(pci), data,
                        ctypes.c_ulong(len(data)), None, answer, ctypes.byref(size))
        return {"rv": rv, "answer": answer.raw[:size.value].hex() if rv == 0 else ""}

    def reconnect(self):
        rv = self._call("SCardReconnect", self._card, ctypes.c_ulong(SHARE_SHARED),
                        ctypes.c_ulong(PROTOCOL_ANY), ctypes.c_ulong(RESET_CARD),
                        ctypes.byref(self._protocol))
        return {"rv": rv}

    def disconnect(self, disposition):
        return {"rv": self._call("SCardDisconnect", self._card, ctypes.c_ulong(disposition))}


class PcscError(RuntimeError):
    """A call of PC/SC failed; `rv` is its return value."""

    def __init__(self, verb: str, rv: int):
        super().__init__(f"{verb}: {rv:#010x}")
        self.rv = rv


class PcscProbe:
    """A client process of a Pcscd. Calls answer dictionaries whose `rv` is PC/SC's return value;
    one that fails raises PcscError, unless `check` is false."""

    def __init__(self, pcscd, reader: str = None):
        self.reader = reader or pcscd.READERS[0]
        self._process = subprocess.Popen(
            [sys.executable, __file__], text=True, bufsize=1, env=pcscd.env(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.establish()
        except PcscError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, verb: str, check: bool = True, **args) -> dict:
        self.start(verb, **args)
        return self.finish(check)

    def establish(self) -> dict:
        return self._ask("establish")

    def readers(self) -> list:
        return self._ask("readers")["readers"]

    def wait(self, present: bool, timeout_ms: int = 30000) -> dict:
        """Waits for presence or absence; `ns` is the monotonic time when the wait ended."""
        self.start_wait(present, timeout_ms)
        return self.finish()

    def start(self, verb: str, **args) -> None:
        """Starts a call whose answer finish() fetches: to act in between."""
        self._verb = verb
        self._process.stdin.write(json.dumps([verb, args]) + "\n")

    def start_wait(self, present: bool, timeout_ms: int = 30000) -> None:
        self.start("wait", reader=self.reader, present=present, timeout_ms=timeout_ms)

    def answered(self, within: float) -> bool:
        """Has the call that was started an answer, now or in so many seconds?"""
        return bool(select.select([self._process.stdout], [], [], within)[0])

    def finish(self, check: bool = True) -> dict:
        answer = json.loads(self._process.stdout.readline())
        if check and answer["rv"] != 0:
            raise PcscError(self._verb, answer["rv"])
        return answer

    def connect(self) -> dict:
        return self._ask("connect", reader=self.reader)

    def transmit(self, apdu: str, check: bool = True) -> dict:
        """One APDU in hexadecimal; `answer` too."""
        return self._ask("transmit", check, apdu=apdu.replace(" ", ""))

    def reconnect(self, check: bool = True) -> dict:
        """With a reset of the card."""
        return self._ask("reconnect", check)

    def disconnect(self, reset: bool = False, unpower: bool = False) -> dict:
        """Leaves the card as it is, unless told otherwise."""
        return self._ask("disconnect", disposition=UNPOWER_CARD if unpower else
                         RESET_CARD if reset else LEAVE_CARD)


def main() -> None:
    client = _Client()
    for line in sys.stdin:
        verb, args = json.loads(line)
        print(json.dumps(getattr(client, verb)(**args)), flush=True)


if __name__ == "__main__":
    main()
