# SPDX-License-Identifier: Apache-2.0
"""A private card world for tests and demonstrations: a pcscd of its own, virtual CPS cards in it.

    from cpsworld import Pcscd, VirtualCard

    with Pcscd() as pcscd, VirtualCard(pcscd, insert="physician") as card:
        subprocess.run(["pkcs15-tool", "-D"], env=pcscd.env())
        card.remove()
        print(card.counters()["apdus"])

Programs are looked up in the build directory (environment variable CPS_BUILD_DIR, else build/dev).
Whatever is started is killed and removed at the end of the `with`, and dies with this process.
"""

from .card import VirtualCard, VirtualCardError
from .cards import CardSet
from .paths import build_dir, program
from .pcsc import PcscProbe
from .pcscd import Pcscd

__all__ = ["CardSet", "PcscProbe", "Pcscd", "VirtualCard", "VirtualCardError", "build_dir", "program"]
