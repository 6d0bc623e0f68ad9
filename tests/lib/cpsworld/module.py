# SPDX-License-Identifier: Apache-2.0
"""PKCS#11 modules to drive cards with: one that misbehaves on demand, and SoftHSM."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .agent import own
from .cards import CardSet
from .paths import build_dir

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


class _Directory:
    """A directory that any uid can read; use it in a with statement."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsmodule-"))
        self.dir.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        shutil.rmtree(self.dir, ignore_errors=True)


class MockModule(_Directory):
    """tests/mock/mock_pkcs11.c with the authentication key of a card of the test set. Its PIN is
    1234, that of its security officer 12345678."""

    def __init__(self, card="physician"):
        super().__init__()
        cards = CardSet()
        self.path = self.dir / "mock_pkcs11.so"
        shutil.copy(build_dir() / "tests" / "mock_pkcs11.so", self.path)
        shutil.copy(cards.cards / card / "aut.key", self.dir / "key.pem")
        shutil.copy(cards.certificate(card), self.dir / "certificate.der")
        (self.dir / "key.pem").chmod(0o644)  # of an invented person
        self.plan()

    @property
    def env(self):
        return {"MOCK_PKCS11": str(self.dir)}

    @property
    def settings(self):
        return f"[card]\nmodule = {self.path}\n"

    def plan(self, *lines):
        """What it does from now on: see tests/mock/mock_pkcs11.c."""
        new = self.dir / "plan.new"
        new.write_text("".join(line + "\n" for line in lines))
        new.chmod(0o644)
        new.rename(self.dir / "plan")


class SoftHsm(_Directory):
    """A SoftHSM with one token, labelled "poste", that holds the keys and certificates of a card
    of the test set. Its directory must be made writable for the module."""

    PIN, SO_PIN, LABEL = "1234", "12345678", "poste"

    def __init__(self, card="physician"):
        super().__init__()
        self.tokens = self.dir / "tokens"
        self.tokens.mkdir(0o700)
        (self.dir / "softhsm2.conf").write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\n"
            "log.level = ERROR\nslots.removable = false\n")
        self._tool("softhsm2-util", "--init-token", "--free", "--label", self.LABEL, "--so-pin",
                   self.SO_PIN, "--pin", self.PIN)
        cards = CardSet()
        for number, use in ((b"\x01", "sig"), (b"\x02", "aut")):
            self._write(cards.cards / card / f"{use}.key", cards.certificate(card, use),
                        number.hex(), use)
        own(self.tokens)

    @property
    def env(self):
        return {"SOFTHSM2_CONF": str(self.dir / "softhsm2.conf")}

    @property
    def settings(self):
        return (f"[card]\nmodule = {SOFTHSM}\nmodule_token = {self.LABEL}\n"
                f"module_writes = {self.tokens}\n")

    def _tool(self, *command):
        subprocess.run([str(word) for word in command], env={**os.environ, **self.env},
                       check=True, capture_output=True)

    def _write(self, key, certificate, number, label):
        pkcs8 = self.dir / "key.pem"
        self._tool("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key, "-out", pkcs8)
        self._tool("softhsm2-util", "--import", pkcs8, "--token", self.LABEL, "--pin", self.PIN,
                   "--label", label, "--id", number)
        pkcs8.unlink()
        self._tool("pkcs11-tool", "--module", SOFTHSM, "--token-label", self.LABEL, "--login",
                   "--pin", self.PIN, "--write-object", certificate, "--type", "cert", "--id",
                   number, "--label", label)
