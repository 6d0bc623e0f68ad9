# SPDX-License-Identifier: Apache-2.0
"""A desk whose agent takes revocation lists and OCSP answers from a Web, and what it says of them."""

import base64
import json
import time

from .desk import Desk


def desk_at(web, policy="crl", offline="open", insert=None, **more):
    """insert: by default a card that names what the policy asks."""
    insert = insert or ("responder" if "ocsp" in policy else "physician")
    return Desk(insert=insert, trust=f"proxy = {web.proxy}\nrevocation = {policy}\n"
                                     f"offline = {offline}\n", **more)


def settled(desk, timeout_s=30):
    """The one list of "status", when nothing is under way and it is kept."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        lists = desk.client.call("status")["trust"]["revocation"]["lists"]
        if lists and not lists[0]["busy"]:
            break
        time.sleep(0.02)
    print(lists)
    assert len(lists) == 1 and not lists[0]["busy"]
    assert desk.client.stored()
    return lists[0]


def refresh(desk):
    """The same after another fetch."""
    (one,) = desk.client.call("trust.refresh", timeout_s=60)["lists"]
    print(one)
    return one


def claim(desk):
    """What a statement says of revocation."""
    statement = desk.client.call("statement.get", audience="a", nonce="12345678")["statement"]
    payload = statement.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))["revocation"]


def restart(desk):
    """Another agent, with what the one before it kept; its list, when it is settled."""
    desk.agent.start()
    desk.client = desk._stack.enter_context(desk.agent.client())
    desk.client.call("subscribe")
    desk.client.until_card()
    return settled(desk)
