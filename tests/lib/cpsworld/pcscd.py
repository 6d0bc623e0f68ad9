# SPDX-License-Identifier: Apache-2.0
"""A pcscd of one's own."""

import atexit
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import processes
from .namespace import Namespace
from .paths import build_dir

PORT = 35963  # inside the namespace, hence always free; the second slot uses the next one
VPCD_DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
READER_CONF = """FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:{port:#x}
LIBPATH {library}
CHANNELID {port:#x}
"""
STOP_SECONDS = 5


class Pcscd:
    """Debian's pcscd with a virtual reader of two slots, in private namespaces.

    The socket is `self.socket`, in the world directory `self.dir` (mode 0755: clients of any uid
    can connect). `env()` is what a client needs in its environment. With a directory named in the
    environment by CPSWORLD_LOGS, pcscd tells all, and its log and the cards' are kept there.
    """

    READERS = ("Virtual PCD 00 00", "Virtual PCD 00 01")

    def __init__(self, start: bool = True, pad: bool = False):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsworld-"))
        self.dir.chmod(0o755)
        self.socket = self.dir / "pcscd.comm"
        self.log = self.dir / "pcscd.log"
        self.logs = os.environ.get("CPSWORLD_LOGS")
        self._process = None
        self._write_config(pad)
        self.namespace = Namespace(self.dir)
        atexit.register(self.close)
        if start:
            self.start()

    def _write_config(self, pad: bool) -> None:
        library = self.dir / "libifdvpcd.so"
        if pad:
            shutil.copyfile(VPCD_DRIVER, self.dir / "libifdvpcd-real.so")
        shutil.copyfile(build_dir() / "tests" / "libifdpad.so" if pad else VPCD_DRIVER, library)
        library.chmod(0o755)
        config = self.dir / "reader.conf.d"
        config.mkdir()
        (config / "vpcd").write_text(READER_CONF.format(port=PORT, library=library))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def env(self, **more: str) -> dict:
        """This process's environment, with the way to this pcscd and `more` added."""
        return {**os.environ, "PCSCLITE_CSOCK_NAME": str(self.socket), **more}

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it; clients may connect from then on (they wait until it is ready)."""
        if self.running():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            self.socket.unlink(missing_ok=True)
            listener.bind(str(self.socket))
            self.socket.chmod(0o666)
            listener.listen(64)
            with open(self.log, "ab") as log:
                self._process = self.namespace.spawn(
                    "pcscd", str(listener.fileno()), str(self.dir / "reader.conf.d"),
                    *(["--debug", "--apdu"] if self.logs else []), mounts=True,
                    pass_fds=(listener.fileno(),), stdout=log, stderr=subprocess.STDOUT)

    def stop(self, kill: bool = False) -> None:
        """Ends it (SIGTERM, or SIGKILL with `kill`) and takes its socket away."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # a mute card holds its thread
            self._process.kill()
            self._process.wait()
        self._process = None
        self.socket.unlink(missing_ok=True)

    def restart(self, kill: bool = False) -> None:
        self.stop(kill)
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: alive, mute to its clients; returns when every thread has stopped."""
        self._process.send_signal(signal.SIGSTOP)
        while not processes.is_stopped(self.pid):
            time.sleep(0.005)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def type_on_pad(self, *lines: str) -> None:
        """Replaces what will be typed on the keys of the reader (pad=True), one line a use: codes
        separated by spaces, "cancel" or "timeout". Nobody types when there is none."""
        new = self.dir / "pad.new"
        new.write_text("".join(line + "\n" for line in lines))
        new.rename(self.dir / "pad")

    def pad_left(self) -> list:
        """Lines that nobody has typed yet."""
        return (self.dir / "pad").read_text().splitlines()

    def pad_blocks(self) -> list:
        """The blocks that the reader was given so far, in hexadecimal."""
        log = self.dir / "pad.log"
        return log.read_text().split() if log.exists() else []

    def keep(self, log: pathlib.Path) -> None:
        """Copies a log of the world to CPSWORLD_LOGS, if any."""
        if self.logs and log.exists():
            shutil.copyfile(log, pathlib.Path(self.logs) / f"{self.dir.name}-{log.name}")

    def close(self) -> None:
        """Everything away. May be called twice."""
        atexit.unregister(self.close)
        self.stop(kill=True)
        self.keep(self.log)
        self.namespace.close()
