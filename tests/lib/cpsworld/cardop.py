# SPDX-License-Identifier: Apache-2.0
"""cps-cardop and cps-cardwatch as a test drives them, over the packets of base/proto.h."""

import base64
import hashlib
import os
import time

from .paths import program
from .worker import Worker


class CardError(Exception):
    """An answer with an error: code, causes, tries_left when the card told."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {'; '.join(error.get('causes', []))}")
        self.code = error["code"]
        self.causes = error.get("causes", [])
        self.tries_left = error.get("tries_left")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Cardop(Worker):
    """One cps-cardop. Methods give the result, or raise CardError."""

    def __init__(self, pcscd, slot=0):
        self.reader = pcscd.READERS[slot]
        super().__init__(program("cps-cardop"),
                         env={"PCSCLITE_CSOCK_NAME": str(pcscd.socket)})

    def call(self, op, fd=None, timeout_s=10, **params):
        request = self.send(op, params, fd, int(timeout_s * 1000))
        packet = self.answer(request, timeout_s + 1)
        if "error" in packet:
            raise CardError(packet["error"])
        return packet["result"]

    def open(self):
        return self.call("open", reader=self.reader)

    def certificate(self):
        """DER of the authentication certificate."""
        return unb64(self.call("certificate", usage="authentication")["der"])

    def pin_status(self):
        return self.call("pin_status")

    def verify(self, pin, last_try=False):
        """pin: text, or bytes, written to the pipe as they are."""
        data = pin.encode() if isinstance(pin, str) else pin
        theirs, ours = os.pipe()
        try:
            os.write(ours, data)
            os.close(ours)
            return self.call("verify", fd=theirs, **({"last_try": True} if last_try else {}))
        finally:
            os.close(theirs)

    def sign(self, message=b"message", hash_name="sha256"):
        digest = hashlib.new(hash_name, message).digest()
        return unb64(self.call("sign", usage="authentication", hash=hash_name,
                               digest=b64(digest))["signature"])

    def logout(self):
        return self.call("logout")


class Cardwatch(Worker):
    """One cps-cardwatch."""

    def __init__(self, pcscd, beat_ms=None):
        options = [] if beat_ms is None else ["--beat-ms", str(beat_ms)]
        super().__init__(program("cps-cardwatch"), *options,
                         env={"PCSCLITE_CSOCK_NAME": str(pcscd.socket)})

    def wait(self, event, timeout_s=10, **members):
        """The next event of that name and those members; others are dropped."""
        deadline = time.monotonic() + timeout_s
        while True:
            packet = self.receive(max(0, deadline - time.monotonic()))
            if packet["event"] == event and members.items() <= packet.items():
                return packet
