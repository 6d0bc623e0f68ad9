# SPDX-License-Identifier: Apache-2.0
"""A private card world for tests and demonstrations: a pcscd of its own, virtual CPS cards in it.

    from cpsworld import Pcscd, VirtualCard

    with Pcscd() as pcscd, VirtualCard(pcscd, insert="physician") as card:
        subprocess.run(["pkcs15-tool", "-D"], env=pcscd.env())
        card.remove()
        print(card.counters()["apdus"])

Programs are looked up in the build directory (environment variable CPS_BUILD_DIR, else build/dev).
Whatever is started is killed and removed at the end of the `with`, and dies with this process.
`python3 -m cpsworld` keeps such a world running to play with.

Clients in a process of their own: cpsworld.pcsc.PcscProbe (raw APDUs, presence) and
cpsworld.p11.Pkcs11 (a PKCS#11 module, step by step).
"""

from .card import VirtualCard, VirtualCardError
from .cards import CardSet
from .paths import build_dir
from .pcscd import Pcscd

__all__ = ["CardSet", "Pcscd", "VirtualCard", "VirtualCardError", "build_dir"]
