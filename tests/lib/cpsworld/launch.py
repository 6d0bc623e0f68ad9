# SPDX-License-Identifier: Apache-2.0
"""Runs inside the private namespaces; a program, not for import.

hold DIR        mounts, loopback up, says "ready", waits for the end of its input, removes DIR
run PROG ARG…   dies with its parent, becomes PROG
pcscd FD CONFIG [OPTION…] the same, with the listening socket FD handed over the way systemd does
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import sys

PR_SET_PDEATHSIG = 1
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
LISTEN_FDS_START = 3
DRIVERS = "/usr/lib/pcsc/drivers"
PCSCD = "/usr/sbin/pcscd"

libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("parent gone")


def mount_tmpfs(path: str) -> None:
    if libc.mount(b"tmpfs", path.encode(), b"tmpfs", 0, b"mode=0755") != 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err), path)


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def hold(world: str) -> None:
    # Its end is the end of its input, however the parent ends: then nothing may be left behind.
    # pcscd's pid file and socket live in /run/pcscd. Hiding the drivers keeps it away from the
    # readers that may really be plugged in: the virtual one's driver is named by its full path.
    mount_tmpfs("/run")
    os.mkdir("/run/pcscd")
    if os.path.isdir(DRIVERS):
        mount_tmpfs(DRIVERS)
    loopback_up()
    print("ready", flush=True)
    sys.stdin.read()
    shutil.rmtree(world, ignore_errors=True)


def become_pcscd(fd: int, config: str, *options: str) -> None:
    try:
        os.unlink("/run/pcscd/pcscd.pid")  # left by one that was killed
    except FileNotFoundError:
        pass
    os.dup2(fd, LISTEN_FDS_START)
    if fd != LISTEN_FDS_START:
        os.close(fd)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execv(PCSCD, [PCSCD, "--foreground", "--config", config, *options])


def main() -> None:
    verb, parent = sys.argv[1], int(sys.argv[2])
    if verb == "hold":
        hold(sys.argv[3])
        return
    die_with(parent)
    if verb == "pcscd":
        become_pcscd(int(sys.argv[3]), *sys.argv[4:])
    else:
        os.execv(sys.argv[3], sys.argv[3:])


if __name__ == "__main__":
    main()
