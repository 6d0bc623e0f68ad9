# SPDX-License-Identifier: Apache-2.0
"""A browser, or a proxy, that remembers somebody: who may have gone since."""
import time

import pytest

from cpsworld.agent import RpcError
from cpsworld.evil import Notes
from cpsworld.wait import wait_until

from test_whose_answer import PROGRAM, World, _client  # noqa: F401

LONG_AGO_S = 600


@pytest.fixture(scope="module", params=["allow", "refuse", None])
def world(request):
    said = f"[session]\nsingle_sign_on = {request.param}\n" if request.param else ""
    with World(settings=f"[psc]\nprovider = test\n{said}") as it:
        it.refuses = request.param == "refuse"
        yield it


def noted(world, word):
    return len(Notes(world).of(PROGRAM, word))


@pytest.mark.parametrize("by", ["browser", "proxy"])
def test_a_login_that_is_only_remembered(world, client, by):
    before, ended = noted(world, "asked anew"), noted(world, "ends")
    then = int(time.time()) - LONG_AGO_S
    number = world.begin(client, by=by)
    world.tell(auth_at=then)
    if not world.refuses:
        assert client.wait(number)["auth_time"] == then
        assert noted(world, "asked anew") == before
        return
    with pytest.raises(RpcError) as refused:
        client.wait(number)
    assert (refused.value.name, refused.value.data["reason"]) == ("LOGIN_REFUSED", "stale")
    assert client.call("session.current")["session"] is None
    assert noted(world, "asked anew") == before + 1
    assert wait_until(lambda: noted(world, "ends") == ended + 1), "the provider forgets it"


@pytest.mark.parametrize("by", ["browser", "proxy", "ecps"])
def test_somebody_who_was_asked(world, client, by):
    """Clocks may be apart; and a phone asks each time, whatever its provider's clock says."""
    then = int(time.time()) - (LONG_AGO_S if by == "ecps" else 25)
    assert world.log_in(client, by=by, said={"auth_at": then})["auth_time"] == then
