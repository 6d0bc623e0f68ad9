# SPDX-License-Identifier: Apache-2.0
import pytest

from cpsworld.oidcd import Oidcd
from cpsworld.sandbox import Sandbox


@pytest.fixture(scope="session")
def stand_in():
    with Sandbox() as psc:
        yield psc


@pytest.fixture
def psc(stand_in):
    """The stand-in, as at its start."""
    stand_in.reset()
    return stand_in


@pytest.fixture
def oidcd(psc):
    with Oidcd(psc) as it:
        yield it
