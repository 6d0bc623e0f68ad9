# SPDX-License-Identifier: Apache-2.0
"""A plugin for pytest: a run keeps its temporary files in a directory of its own.

The default is one that all runs of a user share. Each of them takes old directories away, which may
be one that another has just made, and closes it to other users while programs of theirs look in."""

import shutil
import tempfile

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = config.own_tmp = tempfile.mkdtemp(prefix="cpstest-")


def pytest_unconfigure(config):
    if hasattr(config, "own_tmp"):
        shutil.rmtree(config.own_tmp, ignore_errors=True)
