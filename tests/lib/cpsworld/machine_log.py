# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the journal and for syslog, where the programs of one namespace look for them."""

import contextlib
import os
import pathlib
import select
import shutil
import socket
import tempfile

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
SETUP = f"""set -e
mount --bind /dev "$1/dev"
mount -t tmpfs -o mode=755 none /dev
for device in {" ".join(DEVICES)}; do
  : > "/dev/$device" && mount --bind "$1/dev/$device" "/dev/$device"
done
ln -s /proc/self/fd /dev/fd
ln -s "$1/syslog" /dev/log
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/systemd/journal
ln -s "$1/journal" /run/systemd/journal/socket
shift
exec "$@"
"""


class MachineLog:
    """Two sockets that keep what they are sent until it is read. `prefix` runs a command that finds
    them at /dev/log and /run/systemd/journal/socket; only root may."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsworld-log-"))
            stack.callback(shutil.rmtree, self.dir)
            self.dir.chmod(0o755)
            (self.dir / "dev").mkdir()
            self._sockets = {name: stack.enter_context(self._listen(name))
                             for name in ("syslog", "journal")}
            self.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SETUP,
                           "sh", str(self.dir)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        return self._stack.__exit__(*failure)

    def _listen(self, name):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(self.dir / name))
        os.chmod(self.dir / name, 0o666)
        return listener

    def next(self, name, timeout_s=30):
        """The next message of "syslog" or "journal"; None when none comes."""
        listener = self._sockets[name]
        if not select.select([listener], [], [], timeout_s)[0]:
            return None
        return listener.recv(1 << 18).decode()

    def all(self, name):
        """Those that are there."""
        return list(iter(lambda: self.next(name, 0), None))
