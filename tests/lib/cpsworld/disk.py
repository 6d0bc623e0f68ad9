# SPDX-License-Identifier: Apache-2.0
"""A home that a test takes away and gives back: tests/mock/bad_disk.c, preloaded.

    with BadDisk() as disk, Desk(env=disk.env) as desk:
        disk.hangs()
        ...
        disk.works()
"""

import pathlib
import shutil
import tempfile

from .paths import build_dir
from .provider import sanitizer


class BadDisk:
    """env: what makes a program live on it. Its files are those beneath hidden directories of the
    home of an Agent: the state, and what the user configures."""

    def __init__(self, path="/home/."):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsdisk-"))
        self.dir.chmod(0o755)
        shutil.copy(build_dir() / "tests" / "bad_disk.so", self.dir)
        self._state = self.dir / "state"
        self.works()
        asan = sanitizer()
        preload = filter(None, [asan.get("LD_PRELOAD"), str(self.dir / "bad_disk.so")])
        self.env = {**asan, "BAD_DISK": str(self._state), "BAD_DISK_PATH": path,
                    "LD_PRELOAD": " ".join(preload)}

    def _says(self, word):
        new = self._state.with_suffix(".new")
        new.write_text(word)
        new.chmod(0o644)
        new.rename(self._state)

    def works(self):
        self._says("")

    def hangs(self):
        """Whoever touches it from now on waits until it does something else."""
        self._says("hang")

    def is_full(self):
        self._says("full")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.works()
        shutil.rmtree(self.dir, ignore_errors=True)
