# SPDX-License-Identifier: Apache-2.0
"""Waiting for what has no event of its own."""
import time


def wait_until(condition, timeout_s=30):
    """The first true value of condition(), or its last one when the time is over."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(0.01)
