# SPDX-License-Identifier: Apache-2.0
"""First inputs for fuzz_card: what virtual cards answer to the operations that it asks for.

    PYTHONPATH=tests/lib CPS_BUILD_DIR=build/dev python3 tests/fuzz/seeds.py DIRECTORY
"""

import pathlib
import sys

from cpsworld import Pcscd, VirtualCard
from cpsworld.cardop import Cardop, CardError

CARDS = {"physician": 0, "physician-t1": 1, "contactless": 3, "cps4": 4, "variant": 6}
WHOLE = 258  # bytes of the longest answer, which one byte of length stands for


def everything(cardop):
    """As ask_everything() of fuzz_card.c, but for what is signed: no signature here may be right
    there."""
    usages = ("authentication", "signature", "technical")
    digest = {"hash": "sha256", "digest": 43 * "A"}
    yield cardop.open
    yield cardop.keys
    for usage in usages:
        yield lambda: cardop.call("certificate", usage=usage, remember=True)
    yield cardop.objects
    yield lambda: cardop.verify("1234")
    for usage in usages:
        yield lambda: cardop.call("sign", usage=usage, **digest)
        yield lambda: cardop.call("sign", usage=usage, mechanism="RSA_PKCS_PSS", **digest)
        yield lambda: cardop.call("sign", usage=usage, mechanism="SHA256_RSA_PKCS", state="",
                                  data="BBBB", hashed=0)
    yield lambda: cardop.call("decrypt", usage=usages[0], mechanism="RSA_PKCS", data="AAAA")
    yield lambda: cardop.call("situations")
    yield lambda: cardop.call("report")
    yield lambda: cardop.object("CPS_INFO_PS")
    yield lambda: cardop.call("pin_status", code="puk")
    yield lambda: cardop.change_pin("1234", "5678")
    yield lambda: cardop.unblock_pin("12345678", "5678")


def answers(trace):
    """What the card said, of the trace of vcps."""
    for line in trace.splitlines():
        if line.startswith("<"):
            yield bytes.fromhex(line[1:].strip())


def seed(choice, trace):
    data = bytearray([choice])
    for answer in answers(trace):
        data += bytes([255 if len(answer) == WHOLE else min(len(answer), 254)]) + answer
    return bytes(data)


def main(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with Pcscd() as pcscd, VirtualCard(pcscd) as slot, Cardop(pcscd) as cardop:
        for name, choice in CARDS.items():
            slot.remove()
            slot.reload(name)
            slot.insert(name)
            slot.trace(directory / "trace")
            for call in everything(cardop):
                try:
                    call()
                except CardError:
                    pass
            slot.trace()
            (directory / name).write_bytes(seed(choice, (directory / "trace").read_text()))
    (directory / "trace").unlink()


main(sys.argv[1])
