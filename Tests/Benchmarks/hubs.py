"""The practice hub of a benchmark's home."""

import os
import signal
import time


def hub(home):
    """The process of a home's practice hub, or None."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().decode().split("\0")
        except OSError:
            continue
        if words[1:3] == ["hub", "serve"] and home + "/hub" in words:
            return int(pid)
    return None


def stop_hub(home):
    """Ends the hub of a home, which would keep the file system busy, and waits until it is gone."""
    pid = hub(home)
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.02)
