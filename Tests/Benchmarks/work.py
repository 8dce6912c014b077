"""What running in a container costs the program inside: file work and the loopback device, beside runc.

    work.py DRYDOCK WORK [ROUNDS]

Both containers have the same layer below and a directory of their own above, on the same file system, and run the same
program: unpacking a tree, building from it (a process per file that reads, sorts and writes), and sending bytes through
the loopback device of their own network. The time is taken inside, from the program's first line to its last, so that
starting does not count. Round by round in turn, medians; beside it the processor time that the kernel counted for the
program and its children, which other work on the machine disturbs less.
"""

import json, os, shutil, statistics, subprocess, sys, tempfile

from hubs import stop_hub

drydock, work = sys.argv[1:3]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
home = work + "/home"
environment = dict(os.environ, DRYDOCK_HOME=home, NO_COLOR="1", DRYDOCK_UPSTREAM="none")
FILES, LINES = 3000, 600
# /proc/uptime has hundredths; what is measured takes a second or so.
NOW = "now() { read up rest < /proc/uptime; echo ${up%.*}${up#*.}; }\n"
JOBS = {
    "untar": "tar -xf /bench/tree.tar -C /tmp/work",
    "build": """tar -xf /bench/tree.tar -C /tmp/work; b=$(now); cd /tmp/work
for f in tree/*/*; do sort $f | md5sum > $f.o; done; cat tree/*/*.o | sort | md5sum > result""",
    # The one that listens ends when its input does; so it gets one that stays open.
    "loopback": """mkfifo /tmp/open; exec 3<>/tmp/open; nc -l -p 9999 <&3 > /tmp/work/count & server=$!
until grep -q ':270F .* 0A' /proc/net/tcp /proc/net/tcp6 2>/dev/null; do sleep 0.01; done; b=$(now)
head -c 200000000 /dev/zero | nc 127.0.0.1 9999; wait $server
[ $(wc -c < /tmp/work/count) = 200000000 ] || exit 1""",
}
LIMITS = {"untar": 1.03, "build": 1.03, "loopback": 1.05}


def script(job):
    used = "set -- $(cat /proc/$$/stat); echo $((e - b)) $((${14} + ${15} + ${16} + ${17}))"
    return NOW + "mkdir -p /tmp/work; b=$(now)\n" + JOBS[job] + "\ne=$(now); " + used


def call(command, env=None, **options):
    result = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **options)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)[:300]} failed with {result.returncode}:\n{result.stderr.decode()}")
    return result.stdout.decode()


def ours(*words):
    return call([drydock, "docker", *words], environment)


def make_image():
    """A directory with busybox and a tree to unpack, as an image of one layer; returns the layer's directory."""
    root = work + "/root"
    for name in ("bin", "etc", "tmp", "proc", "dev", "sys", "bench"):
        os.makedirs(f"{root}/{name}")
    shutil.copy("/bin/busybox", root + "/bin/busybox")
    for name in call(["/bin/busybox", "--list"]).split():
        if name != "busybox":
            os.symlink("busybox", f"{root}/bin/{name}")
    with tempfile.TemporaryDirectory() as place:
        for number in range(FILES):
            folder = f"{place}/tree/{number % 60}"
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/{number}", "w") as file:
                file.write("".join(f"{number * 7919 % 104729} {line}\n" for line in range(LINES)))
        call(["tar", "-C", place, "-cf", root + "/bench/tree.tar", "tree"])
    call(["tar", "-C", root, "-cf", work + "/image.tar", "."])
    ours("import", work + "/image.tar", "work")
    name = ours("create", "work", "true").strip()
    lower = json.loads(ours("inspect", name))[0]["GraphDriver"]["Data"]["LowerDir"].split(":")[-1]
    ours("rm", name)
    return lower


class Runc:
    """A bundle whose root is an overlay of the same layer, with a fresh directory above for each run."""

    def __init__(self, lower):
        self.lower, self.bundle = lower, work + "/bundle"
        os.makedirs(self.bundle + "/rootfs")
        call(["runc", "spec"], cwd=self.bundle)
        self.config = json.load(open(self.bundle + "/config.json"))
        self.config["process"].update(terminal=False)
        self.config["root"]["readonly"] = False
        # The filter of system calls costs as much as ours: it is ours.
        name = ours("create", "--network", "none", "work", "true").strip()
        bundle = json.loads(call([drydock, "bundle", name], environment))
        self.config["linux"]["seccomp"] = bundle["linux"]["seccomp"]
        self.config["process"]["noNewPrivileges"] = False
        ours("rm", name)

    def run(self, words):
        above = tempfile.mkdtemp(dir=work)
        for name in ("upper", "work"):
            os.mkdir(f"{above}/{name}")
        self.config["process"]["args"] = words
        json.dump(self.config, open(self.bundle + "/config.json", "w"))
        root = self.bundle + "/rootfs"
        options = f"lowerdir={self.lower},upperdir={above}/upper,workdir={above}/work,volatile"
        call(["mount", "-t", "overlay", "overlay", "-o", options, root])
        try:
            return call(["runc", "--root", work + "/runc", "run", "--bundle", self.bundle, "work"])
        finally:
            call(["umount", root])
            shutil.rmtree(above)


def main():
    runc = Runc(make_image())
    times = {}
    for number in range(rounds + 1):
        for job in JOBS:
            words = ["sh", "-c", script(job)]
            measures = [
                ("runc", lambda: runc.run(words)),
                # runc gives its container a cgroup of the cpu controller, whose share it has beside what else runs here.
                ("ours", lambda: ours("run", "--rm", "--network", "none", "--cpu-shares", "1024", "work", *words)),
            ]
            # Who goes first finds the disk as the other left it; so they take turns.
            for name, measure in measures if number % 2 else reversed(measures):
                taken = [int(word) * 10 for word in measure().split()[-2:]]
                if number:
                    times.setdefault((job, name), []).append(taken)
    missed = 0
    print(f"\n{'work inside':16}{'runc ms':>9}{'ours ms':>9}   ratio, target; processor time")
    for job, limit in LIMITS.items():
        def compared(column):
            sides = [[entry[column] for entry in times[job, name]] for name in ("runc", "ours")]
            # A disturbance hits single rounds: the median of the rounds' ratios passes them over.
            return [statistics.median(side) for side in sides], statistics.median(b / max(a, 10) for a, b in zip(*sides))

        (medians, ratio), (_, processor) = compared(0), compared(1)
        missed += ratio > limit
        print(f"{job:16}{medians[0]:9.0f}{medians[1]:9.0f}   {ratio:.3f} × runc (target ≤ {limit}: "
              f"{'met' if ratio <= limit else 'MISSED'}); processor {processor:.3f} ×", flush=True)
    return 1 if missed else 0


try:
    status = main()
finally:
    stop_hub(home)
sys.exit(status)
