# SPDX-License-Identifier: Apache-2.0
"""Where things are: the source tree, the build directory, its programs."""

import os
import pathlib

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[3]


def build_dir() -> pathlib.Path:
    """The build directory: CPS_BUILD_DIR, else build/dev of the source tree."""
    return pathlib.Path(os.environ.get("CPS_BUILD_DIR", SOURCE_DIR / "build" / "dev")).resolve()


def program(name: str) -> pathlib.Path:
    """A program made by the build."""
    path = build_dir() / "bin" / name
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path}: build first, or set CPS_BUILD_DIR")
    return path


def slowness() -> int:
    """How much longer things may take in this build: the sanitizers cost time."""
    cache = build_dir() / "CMakeCache.txt"
    return 4 if cache.exists() and "CPS_SANITIZE:BOOL=ON" in cache.read_text() else 1
