# SPDX-License-Identifier: Apache-2.0
"""Keeps a world running until interrupted: python3 -m cpsworld [CARD]."""

import signal
import sys

from . import Pcscd, VirtualCard


def main() -> None:
    card_name = sys.argv[1] if len(sys.argv) > 1 else "physician"
    with Pcscd() as pcscd, VirtualCard(pcscd, insert=card_name) as card:
        print(f"export PCSCLITE_CSOCK_NAME={pcscd.socket}")
        print(f"# control socket: {card.control}")
        print(f"# cards: {' '.join(card.cards.names())}", flush=True)
        try:
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
