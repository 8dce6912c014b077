"""How long a learner at the prompt waits: from Enter to the exit code, and to the next prompt.

    prompt.py DRYDOCK WORK [ROUNDS]

A real prompt on a terminal (pty). A command ends with the mark that shells give (OSC 133 D); the line is typed only
when the prompt stands and the machine has been left alone for a moment, as when a person reads.
"""

import fcntl, os, pty, re, select, shutil, statistics, struct, subprocess, sys, termios, time

from hubs import stop_hub

drydock, work = sys.argv[1:3]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
home = work + "/prompt"
env = {
    "DRYDOCK_HOME": home, "TERM": "xterm-256color", "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
    "HOME": os.environ.get("HOME", "/"), "SHELL": "/bin/sh", "USER": "learner",
}
READING = float(os.environ.get("READING", "0.15"))


class Prompt:
    """Somebody at the prompt."""

    def __init__(self, extra=()):
        self.began = time.monotonic()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(drydock, ["drydock"], env | dict(extra))
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        self.text = b""

    def wait(self, pattern, limit=60):
        """Waits for the pattern in what was shown since the last line was typed; when it was there, in seconds."""
        deadline = time.monotonic() + limit
        while not re.search(pattern, self.text):
            if time.monotonic() > deadline:
                raise SystemExit(f"{pattern} did not come; the terminal shows: {self.text[-600:]!r}")
            if select.select([self.terminal], [], [], 1)[0]:
                try:
                    self.text += os.read(self.terminal, 65536)
                except OSError:
                    raise SystemExit(f"the prompt ended; the terminal shows: {self.text[-600:]!r}")
        return time.monotonic()

    def type(self, line):
        self.text = b""
        os.write(self.terminal, line.encode() + b"\r")

    def ready(self):
        at = self.wait(rb"drydock> (\x1b\[[0-9;?]*[a-zA-Z])*$")
        deadline = time.monotonic() + 10
        # Keys go to the editor only when the terminal has left its line mode.
        while termios.tcgetattr(self.terminal)[3] & termios.ICANON and time.monotonic() < deadline:
            time.sleep(0.001)
        return at

    def end(self):
        self.ready()
        os.write(self.terminal, b"\x04")
        self.wait(rb"Goodbye")
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def measure(prompt, line, count):
    """Milliseconds from Enter to the exit code, and to the next prompt."""
    code, whole = [], []
    for _ in range(count):
        prompt.ready()
        time.sleep(READING)
        # Typing is no part of it.
        prompt.text = b""
        os.write(prompt.terminal, line.encode())
        prompt.wait(re.escape(line[-4:].encode()))
        time.sleep(0.02)
        begun = time.monotonic()
        prompt.type("")
        code.append((prompt.wait(rb"\x1b\]133;D;0\x07") - begun) * 1000)
        whole.append((prompt.wait(rb"133;D;0[\s\S]*drydock> (\x1b\[[0-9;?]*[a-zA-Z])*$") - begun) * 1000)
    return code, whole


def first_start():
    prompt = Prompt()
    prompt.wait(rb"\]: $")
    prompt.type("learner")
    for _ in range(2):
        prompt.wait(rb": $")
        time.sleep(0.1)
        prompt.type("secret-enough")
    prompt.ready()
    prompt.type("docker pull -q alpine:latest")
    prompt.wait(rb"133;D;0")
    prompt.ready()
    prompt.end()


def main():
    subprocess.run([drydock, "hub", "prepare"], env=env, check=True, stdout=subprocess.DEVNULL)
    first_start()
    rows = []
    prompt = Prompt()
    started = (prompt.ready() - prompt.began) * 1000
    measure(prompt, "docker ps", 2)
    run = "docker run --rm --network none alpine true"
    code, whole = measure(prompt, run, rounds)
    rows.append(("run --rm true: exit code", code, 6))
    rows.append(("run --rm true: next prompt", whole, None))
    code, whole = measure(prompt, "docker ps -a", rounds)
    rows.append(("ps -a: exit code", code, None))
    rows.append(("ps -a: next prompt", whole, None))
    prompt.end()
    cold = []
    for _ in range(rounds):
        begun = time.monotonic()
        subprocess.run([drydock] + run.split(), env=env, check=True, stdin=subprocess.DEVNULL)
        cold.append((time.monotonic() - begun) * 1000)
    rows.append(("the same as a process of its own", cold, None))
    rows.append(("prompt at a second start", [started], 300))
    missed = 0
    print(f"\n{'at the prompt':36}{'median ms':>10}{'min':>8}   target")
    for name, times, limit in rows:
        median = statistics.median(times)
        note = ""
        if limit:
            missed += median > limit
            note = f"≤ {limit} ms: {'met' if median <= limit else 'MISSED'}"
        print(f"{name:36}{median:10.1f}{min(times):8.1f}   {note}")
    return 1 if missed else 0


shutil.rmtree(home, ignore_errors=True)
os.makedirs(home)
try:
    status = main()
finally:
    stop_hub(home)
sys.exit(status)
