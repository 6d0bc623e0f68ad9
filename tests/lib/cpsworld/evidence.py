# SPDX-License-Identifier: Apache-2.0
"""The evidence log as it lies on disk. Its writer is another process: it comes a moment later."""

import json
import pathlib

from .wait import wait_until


def lines_in(directory):
    """Those that are whole: the last one may be on its way."""
    text = "".join(path.read_text() for path in sorted(directory.glob("evidence-*.jsonl")))
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def evidence_lines(client):
    """All lines, once everything that has happened so far is on disk."""
    assert wait_until(lambda: client.call("status")["evidence"]["waiting"] == 0)
    return lines_in(pathlib.Path(client.call("status")["evidence"]["directory"]))
