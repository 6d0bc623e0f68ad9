# SPDX-License-Identifier: Apache-2.0
"""What other tests measure with."""
import subprocess

from cpsworld.stopwatch import Stopwatch


def test_programs_that_come_and_go_meanwhile():
    """Each look at the family meets some that have just ended."""
    with subprocess.Popen(["sh", "-c", "while :; do (:); done"]) as restless:
        try:
            for _ in range(3000):
                watch = Stopwatch()
                assert watch.took_s() <= watch.wall_s()
        finally:
            restless.kill()
