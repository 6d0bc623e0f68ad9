# SPDX-License-Identifier: Apache-2.0
"""Ports for servers that cannot choose one and tell it."""

import random
import socket

_ours = []  # until this process ends


def _candidates():
    """Those that the kernel gives to nobody who did not ask for them by number."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as limits:
        low, high = map(int, limits.read().split())
    ports = [*range(10000, low), *range(high + 1, 65536)] or range(low, high + 1)
    return random.sample(ports, len(ports))


def free_port():
    """A port of 127.0.0.1 that no other test is given: whoever holds the name of it has it, and what
    listens there may stop and start again."""
    for port in _candidates():
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0cpsworld port {port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _ours.append(name)
        return port
    raise RuntimeError("no port is free")
