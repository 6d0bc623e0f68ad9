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


def code_of(call, *args, **kwargs):
    """The code of the error that a call gives; None when it gives none."""
    try:
        call(*args, **kwargs)
    except CardError as error:
        return error.code
    return None


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Cardop(Worker):
    """One cps-cardop. Methods give the result, or raise CardError. module: that member of "open"
    (path, always…); log: a file for its standard error."""

    def __init__(self, pcscd, slot=0, module=None, env=None, log=None):
        self.reader = pcscd.READERS[slot]
        self.module = {"module": module} if module else {}
        super().__init__(program("cps-cardop"), *(["--module"] if module else []), log=log,
                         env={"PCSCLITE_CSOCK_NAME": str(pcscd.socket), **(env or {})})

    def call(self, op, fd=None, timeout_s=30, **params):
        request = self.send(op, params, fd, int(timeout_s * 1000))
        packet = self.answer(request, timeout_s + 10)
        if "error" in packet:
            raise CardError(packet["error"])
        return packet["result"]

    def open(self):
        return self.call("open", reader=self.reader, **self.module)

    def keys(self):
        """Keys by usage."""
        return {key["usage"]: key for key in self.call("keys")["keys"]}

    def certificate(self, usage="authentication"):
        """DER of the certificate of that usage."""
        return unb64(self.call("certificate", usage=usage)["der"])

    def pin_status(self):
        return self.call("pin_status")

    def _typed(self, op, data, last_try):
        theirs, ours = os.pipe()
        try:
            os.write(ours, data)
            os.close(ours)
            return self.call(op, fd=theirs, **({"last_try": True} if last_try else {}))
        finally:
            os.close(theirs)

    def verify(self, pin, last_try=False):
        """pin: text, or bytes, written to the pipe as they are."""
        return self._typed("verify", pin.encode() if isinstance(pin, str) else pin, last_try)

    def change_pin(self, old, new, last_try=False):
        return self._typed("change_pin", f"{old}\n{new}".encode(), last_try)

    def unblock_pin(self, puk, new, last_try=False):
        return self._typed("unblock_pin", f"{puk}\n{new}".encode(), last_try)

    def sign(self, message=b"message", hash_name="sha256", usage="authentication", **params):
        """RSA_PKCS, unless params say otherwise."""
        digest = hashlib.new(hash_name, message).digest()
        return unb64(self.call("sign", usage=usage, hash=hash_name, digest=b64(digest),
                               **params)["signature"])

    def sign_info(self, info, usage="authentication"):
        """RSA_PKCS of a DigestInfo."""
        return unb64(self.call("sign", usage=usage, mechanism="RSA_PKCS",
                               data=b64(info))["signature"])

    def sign_last_round(self, hash_name, state, hashed, data, usage="signature"):
        """The card does the last round of the hash: see hash_state()."""
        return unb64(self.call("sign", usage=usage, mechanism=f"{hash_name.upper()}_RSA_PKCS",
                               state=b64(state), hashed=hashed, data=b64(data))["signature"])

    def decrypt(self, cryptogram, usage="authentication"):
        return unb64(self.call("decrypt", usage=usage, mechanism="RSA_PKCS",
                               data=b64(cryptogram))["data"])

    def objects(self):
        """Data objects by label."""
        return {one["label"]: one for one in self.call("objects")["objects"]}

    def object(self, label):
        return unb64(self.call("object", label=label)["value"])

    def logout(self):
        return self.call("logout")


class Cardwatch(Worker):
    """One cps-cardwatch."""

    def __init__(self, pcscd, beat_ms=None):
        options = [] if beat_ms is None else ["--beat-ms", str(beat_ms)]
        super().__init__(program("cps-cardwatch"), *options,
                         env={"PCSCLITE_CSOCK_NAME": str(pcscd.socket)})

    def wait(self, event, timeout_s=30, **members):
        """The next event of that name and those members; others are dropped."""
        deadline = time.monotonic() + timeout_s
        while True:
            packet = self.receive(max(0, deadline - time.monotonic()))
            if packet["event"] == event and members.items() <= packet.items():
                return packet
