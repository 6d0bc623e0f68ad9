# SPDX-License-Identifier: Apache-2.0
"""Revocation lists kept on a disk that hangs."""
from cpsworld import CardSet
from cpsworld.authority import CRL_PATH, Authority
from cpsworld.disk import BadDisk
from cpsworld.revocation import claim, desk_at
from cpsworld.wait import wait_until
from cpsworld.web import Web


def test_a_cache_that_hangs():
    """A revocation list is fetched again rather than waited for."""
    authority = Authority(CardSet())
    with Web() as web, BadDisk() as disk:
        web.put(CRL_PATH, authority.crl())
        with desk_at(web, env=disk.env) as desk:
            assert desk.client.stored()
            desk.card.remove()
            desk.agent.stop()
            desk.agent.start()
            desk.client = desk._stack.enter_context(desk.agent.client())
            desk.client.call("subscribe")
            disk.hangs()
            asked = web.asked(CRL_PATH)
            desk.card.insert("physician")
            desk.client.until_card()
            desk.login()
            assert wait_until(lambda: web.asked(CRL_PATH) > asked, 30)
            assert wait_until(lambda: claim(desk)["source"] == "crl", 30)
