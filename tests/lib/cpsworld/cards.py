# SPDX-License-Identifier: Apache-2.0
"""The card images and the test IGC, made once per build directory."""

import fcntl
import json
import pathlib
import shutil
import subprocess
import time

from .paths import build_dir, program

MAX_AGE_SECONDS = 20 * 24 * 3600  # before the revocation list's next update


class CardSet:
    """Directory of images (`cards`), IGC (`igc`) and what is known of the holders.

    Without a directory: `test-igc` of the build directory, made if missing, too old, or older than
    its generator.
    """

    def __init__(self, directory=None):
        self.dir = pathlib.Path(directory or build_dir() / "test-igc")
        if directory is None:
            self._make()
        self.cards = self.dir / "cards"
        self.igc = self.dir / "igc"
        self.root = self.igc / "root.pem"
        self.chain = self.igc / "chain.pem"
        self._holders = {c["name"]: c for c in json.loads((self.dir / "cards.json").read_text())}

    def _fresh(self, generator: pathlib.Path) -> bool:
        index = self.dir / "cards.json"
        if not index.exists():
            return False
        made = index.stat().st_mtime
        return made > generator.stat().st_mtime and time.time() - made < MAX_AGE_SECONDS

    def _make(self) -> None:
        generator = program("vcps-gen")
        self.dir.parent.mkdir(parents=True, exist_ok=True)
        with open(self.dir.parent / ".test-igc.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._fresh(generator):
                return
            shutil.rmtree(self.dir, ignore_errors=True)
            subprocess.run([generator, "--out", self.dir], check=True)

    def __getitem__(self, name: str) -> dict:
        """What cards.json says of a card: serial, pin, puk, holder, certificates, condition…"""
        return self._holders[name]

    def names(self) -> list:
        return list(self._holders)

    def certificate(self, name: str, use: str = "aut") -> pathlib.Path:
        """DER file of a card's certificate: aut, sig or tech."""
        return self.cards / name / f"{use}.der"
