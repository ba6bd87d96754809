# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache folder: what takes long to make, and is made once.

    folder = cache.made("guest", recipe, build, "the guest's disk (two minutes)")

A folder is built under a temporary name and renamed when it is complete, under a lock, so parallel tests build it only
once. Its name contains a hash of the recipe: another recipe makes another folder.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile


def folder():
    """The cache folder: $VFIOD_CACHE or ~/.cache/vfiod. It is made if it does not exist."""
    result = pathlib.Path(os.environ.get("VFIOD_CACHE") or pathlib.Path.home() / ".cache" / "vfiod")
    result.mkdir(parents=True, exist_ok=True)
    return result


def made(name, recipe, build, what):
    """The folder NAME-HASH. If it does not exist, build(work) fills the new folder `work` first, and may raise. The
    recipe is anything that JSON can hold, and must change when new contents would be different."""
    digest = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]
    target = folder() / f"{name}-{digest}"
    with open(folder() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            print(f"making {what}, once, in {target}", file=sys.stderr, flush=True)
            fill(target, name, build)
    return target


def fill(target, name, build):
    """Build the folder. Afterwards it is either complete or does not exist."""
    for leftover in target.parent.glob(f".{name}-*"):
        shutil.rmtree(leftover)
    work = pathlib.Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    try:
        work.chmod(0o755)
        build(work)
        work.rename(target)
    finally:
        if work.exists():
            shutil.rmtree(work)
