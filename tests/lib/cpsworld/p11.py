# SPDX-License-Identifier: Apache-2.0
"""A small PKCS#11 client, in a process of its own: what an application does, step by step.

The steps are those of a first login with a card, so that what each costs can be counted in between.
Program: `python3 -m cpsworld.p11 MODULE` reads one JSON request a line, answers one.
"""

import ctypes
import json
import pathlib
import subprocess
import sys

OPENSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

# Places of the functions in CK_FUNCTION_LIST.
FUNCTIONS = {"C_Initialize": 0, "C_Finalize": 1, "C_GetSlotList": 4, "C_GetTokenInfo": 6,
             "C_InitPIN": 10, "C_OpenSession": 12, "C_CloseSession": 13, "C_Login": 18,
             "C_Logout": 19, "C_GetAttributeValue": 24, "C_FindObjectsInit": 26,
             "C_FindObjects": 27, "C_FindObjectsFinal": 28, "C_DecryptInit": 33, "C_Decrypt": 34,
             "C_SignInit": 42, "C_Sign": 43}
CKF_SERIAL_RW = 6
CKA_CLASS, CKA_LABEL, CKA_VALUE = 0, 3, 0x11
CKO_CERTIFICATE, CKO_PRIVATE_KEY = 1, 3
CKM_RSA_PKCS = 1
ANSWER_MAX = 65536

ULONG = ctypes.c_ulong


class Attribute(ctypes.Structure):
    _fields_ = [("type", ULONG), ("value", ctypes.c_void_p), ("length", ULONG)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", ULONG), ("parameter", ctypes.c_void_p), ("length", ULONG)]


class TokenInfo(ctypes.Structure):
    _fields_ = [("label", ctypes.c_char * 32), ("manufacturer", ctypes.c_char * 32),
                ("model", ctypes.c_char * 16), ("serial", ctypes.c_char * 16), ("flags", ULONG),
                ("numbers", ULONG * 10), ("versions", ctypes.c_ubyte * 4),
                ("time", ctypes.c_char * 16)]


class _Client:
    """The program's side: one module, one session."""

    def __init__(self, module):
        library = ctypes.CDLL(module)
        table = ctypes.c_void_p()
        if library.C_GetFunctionList(ctypes.byref(table)) != 0:
            raise OSError(f"{module}: no function list")
        # The version takes one pointer's room in front of the functions.
        pointers = ctypes.cast(table.value + ctypes.sizeof(ctypes.c_void_p),
                               ctypes.POINTER(ctypes.c_void_p))
        prototype = ctypes.CFUNCTYPE(ULONG)
        self._f = {n: ctypes.cast(pointers[i], prototype) for n, i in FUNCTIONS.items()}
        self._session = ULONG()

    def _call(self, name, *args) -> int:
        return self._f[name](*args)

    def initialize(self):
        return {"rv": self._call("C_Initialize", None)}

    def finalize(self):
        return {"rv": self._call("C_Finalize", None)}

    def slots(self):
        """Slots with a token."""
        ids, count = (ULONG * 64)(), ULONG(64)
        rv = self._call("C_GetSlotList", ctypes.c_ubyte(1), ids, ctypes.byref(count))
        return {"rv": rv, "slots": list(ids[:count.value]) if rv == 0 else []}

    def token(self, slot):
        info = TokenInfo()
        rv = self._call("C_GetTokenInfo", ULONG(slot), ctypes.byref(info))
        return {"rv": rv, "label": bytes(info.label).decode("utf-8", "replace").strip(),
                "serial": bytes(info.serial).decode("ascii", "replace").strip(),
                "flags": info.flags}

    def open(self, slot):
        return {"rv": self._call("C_OpenSession", ULONG(slot), ULONG(CKF_SERIAL_RW), None, None,
                                 ctypes.byref(self._session))}

    def close(self):
        return {"rv": self._call("C_CloseSession", self._session)}

    def login(self, pin, user=1):
        data = pin.encode()
        return {"rv": self._call("C_Login", self._session, ULONG(user), data, ULONG(len(data)))}

    def logout(self):
        return {"rv": self._call("C_Logout", self._session)}

    def _find(self, cls, label):
        value, name = ULONG(cls), ctypes.create_string_buffer(label.encode())
        template = (Attribute * 2)(
            Attribute(CKA_CLASS, ctypes.cast(ctypes.byref(value), ctypes.c_void_p), 8),
            Attribute(CKA_LABEL, ctypes.cast(name, ctypes.c_void_p), len(label.encode())))
        handle, found = ULONG(), ULONG()
        rv = self._call("C_FindObjectsInit", self._session, template, ULONG(2))
        if rv != 0:
            return rv, None
        rv = self._call("C_FindObjects", self._session, ctypes.byref(handle), ULONG(1),
                        ctypes.byref(found))
        self._call("C_FindObjectsFinal", self._session)
        return rv, handle if found.value else None

    def certificate(self, label):
        rv, handle = self._find(CKO_CERTIFICATE, label)
        if handle is None:
            return {"rv": rv, "value": None}
        buf = ctypes.create_string_buffer(ANSWER_MAX)
        attribute = Attribute(CKA_VALUE, ctypes.cast(buf, ctypes.c_void_p), ANSWER_MAX)
        rv = self._call("C_GetAttributeValue", self._session, handle, ctypes.byref(attribute),
                        ULONG(1))
        return {"rv": rv, "value": buf.raw[:attribute.length].hex() if rv == 0 else None}

    def _use_key(self, init, run, label, data):
        rv, key = self._find(CKO_PRIVATE_KEY, label)
        if key is None:
            return {"rv": rv, "found": False}
        mechanism = Mechanism(CKM_RSA_PKCS, None, 0)
        rv = self._call(init, self._session, ctypes.byref(mechanism), key)
        if rv != 0:
            return {"rv": rv, "found": True}
        given, out, size = bytes.fromhex(data), ctypes.create_string_buffer(512), ULONG(512)
        rv = self._call(run, self._session, given, ULONG(len(given)), out, ctypes.byref(size))
        return {"rv": rv, "found": True, "value": out.raw[:size.value].hex() if rv == 0 else None}

    def sign(self, label, data):
        return self._use_key("C_SignInit", "C_Sign", label, data)

    def decrypt(self, label, data):
        return self._use_key("C_DecryptInit", "C_Decrypt", label, data)


class Pkcs11:
    """A client process. Calls answer dictionaries whose `rv` is PKCS#11's return value."""

    def __init__(self, env: dict, module: str = OPENSC):
        lib = str(pathlib.Path(__file__).resolve().parents[1])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cpsworld.p11", module], text=True, bufsize=1,
            env={**env, "PYTHONPATH": lib}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, verb: str, **args) -> dict:
        self._process.stdin.write(json.dumps([verb, args]) + "\n")
        return json.loads(self._process.stdout.readline())

    def initialize(self) -> dict:
        return self.ask("initialize")

    def finalize(self) -> dict:
        return self.ask("finalize")

    def slots(self) -> list:
        return self.ask("slots")["slots"]

    def token(self, slot: int) -> dict:
        """label, serial, flags."""
        return self.ask("token", slot=slot)

    def open(self, slot: int) -> dict:
        return self.ask("open", slot=slot)

    def close(self) -> dict:
        return self.ask("close")

    def login(self, pin: str, user: int = 1) -> dict:
        return self.ask("login", pin=pin, user=user)

    def logout(self) -> dict:
        return self.ask("logout")

    def certificate(self, label: str) -> dict:
        """`value`: DER in hexadecimal."""
        return self.ask("certificate", label=label)

    def sign(self, label: str, data: bytes) -> dict:
        """CKM_RSA_PKCS over `data` (a DigestInfo) with the private key of that label."""
        return self.ask("sign", label=label, data=data.hex())

    def decrypt(self, label: str, data: bytes) -> dict:
        return self.ask("decrypt", label=label, data=data.hex())


def main() -> None:
    client = _Client(sys.argv[1])
    for line in sys.stdin:
        verb, args = json.loads(line)
        print(json.dumps(getattr(client, verb)(**args)), flush=True)


if __name__ == "__main__":
    main()
