#!/usr/bin/env python3
"""Runs the built tests with limits, and says which test it was where one fails, hangs or crashes.

    .ci/tests.py TITLE --width N --limit SECONDS [arguments of `swift test`]

Each process that tests start wants a core, so no more than N tests run at once. What did not pass in the first run,
because it failed or because a hang or a crash ended the run, is run once more, one test at a time: a test that only
fails beside others is named as such, one that fails twice fails the run. More than `MOST_REPEATED` failures are no
accident and are not repeated.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

MOST_REPEATED = 10


class Run:
    """What one run of `swift test` said of each test, read from its event stream."""

    def __init__(self):
        self.known, self.started, self.passed, self.skipped = set(), set(), set(), set()
        self.issues = {}
        self.hung = False
        self.status = 0

    def take(self, record):
        payload = record.get("payload", {})
        if record.get("kind") == "test":
            if payload.get("kind") == "function":
                self.known.add(payload["id"])
            return
        test = payload.get("testID")
        if test is None:
            return
        kind = payload.get("kind")
        if kind == "testStarted":
            self.started.add(test)
        elif kind == "testSkipped":
            self.skipped.add(test)
        elif kind == "issueRecorded" and not payload.get("issue", {}).get("isKnown", False):
            self.issues.setdefault(test, []).append(" ".join(m["text"] for m in payload.get("messages", [])))
        elif kind == "testEnded" and test not in self.issues:
            self.passed.add(test)

    @property
    def failed(self):
        return {test for test in self.issues if test in self.known or test in self.started}

    @property
    def unfinished(self):
        return {t for t in self.started & self.known if t not in self.passed and t not in self.issues}

    @property
    def missing(self):
        return self.known - self.passed - self.skipped


def follow(path, run, stop):
    """Reads records as they come; `swift test` appends them to the file."""
    rest = b""
    while not os.path.exists(path) and not stop.is_set():
        time.sleep(0.05)
    if not os.path.exists(path):
        return
    with open(path, "rb") as stream:
        while True:
            ended = stop.is_set()
            rest += stream.read()
            *lines, rest = rest.split(b"\n")
            for line in lines:
                try:
                    run.take(json.loads(line or b"{}"))
                except ValueError:
                    continue  # a line that a crash cut off
            if ended:
                return
            time.sleep(0.1)


def play(arguments, width, limit, log):
    """Runs `swift test` once, with progress for whoever waits."""
    run, stop = Run(), threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        events = os.path.join(folder, "events")
        command = ["swift", "test", "--skip-build", "--event-stream-output-path", events, "--event-stream-version", "0"]
        environment = dict(os.environ, SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=str(width))
        process = subprocess.Popen(
            command + arguments, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True)
        reader = threading.Thread(target=follow, args=(events, run, stop))
        reader.start()
        begin, told = time.monotonic(), time.monotonic()
        while process.poll() is None:
            time.sleep(0.2)
            now = time.monotonic()
            if now - told >= 30:
                told = now
                print(f"   {len(run.passed & run.known)} of {len(run.known)} tests passed, {now - begin:.0f} s", flush=True)
            if now - begin > limit:
                run.hung = True
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        run.status = process.returncode
        stop.set()
        reader.join()
    return run


def short(test):
    """A test's identifier without the place in its file."""
    return re.sub(r"/[^/]*\.swift:\d+:\d+$", "", test)


def tell(run, limit):
    """Prints what went wrong in a run."""
    for test in sorted(run.failed):
        print(f"FAILED {short(test)}")
        for issue in run.issues[test]:
            print("   " + issue.replace("\n", "\n   "))
    if run.hung:
        print(f"The run did not end within {limit} s.")
    elif run.status and not run.failed:
        print(f"The run ended with status {run.status}.")
    unfinished = sorted(run.unfinished)
    for test in unfinished[:MOST_REPEATED]:
        print(f"NOT ENDED {short(test)}")
    if len(unfinished) > MOST_REPEATED:
        print(f"NOT ENDED {len(unfinished)} tests in all")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("title")
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--limit", type=int, required=True)
    options, arguments = parser.parse_known_args()
    path = f".build/tests-{options.title.replace(' ', '-')}.log"
    begin = time.monotonic()
    with open(path, "wb") as log:
        first = play(arguments, options.width, options.limit, log)
        tell(first, options.limit)
        if not first.known:
            sys.exit(f"No test ran; the output is in {path}.")
        left, alone = set(first.missing), []
        if left and len(first.failed | first.unfinished) <= MOST_REPEATED:
            print(f"Once more, one at a time: {len(left)} tests", flush=True)
            names = "|".join(sorted(re.escape(re.sub(r"\(.*", "", short(test))) for test in left))
            second = play(["--filter", f"^({names})\\("], 1, options.limit, log)
            tell(second, options.limit)
            alone = sorted(test for test in left if test in second.passed)
            left -= second.passed | second.skipped
    for test in alone:
        print(f"PASSED ALONE {short(test)}")
    passed = len(first.known) - len(left) - len(first.skipped & first.known)
    print(f"{options.title}: {time.monotonic() - begin:.0f} s, the whole output is in {path}")
    for test in sorted(first.skipped & first.known):
        print(f"   skipped here: {short(test)}")
    print(f"{passed} passed, {len(left)} failed", flush=True)
    sys.exit(1 if left else 0)


main()
