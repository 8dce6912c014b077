"""How long a container takes: to run and end, to run a program in, a hundred at once; beside runc and dockerd.

    runtime.py DRYDOCK WORK [ROUNDS]

Whole processes, round by round in turn. The ordinary user is `drydock-bench`, or the one in BENCH_USER; he has to have
ranges of subordinate ids, which useradd gives him.
"""

import concurrent.futures, json, os, pwd, shutil, signal, statistics, subprocess, sys, time

from hubs import stop_hub

drydock, work = sys.argv[1:3]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
home, user_home = work + "/home", work + "/user"
user = os.environ.get("BENCH_USER", "drydock-bench")
IMAGE = "alpine:3.5"
MANY = 100


def environment(place):
    return dict(os.environ, DRYDOCK_HOME=place, NO_COLOR="1", DRYDOCK_UPSTREAM="none")


def call(command, env=None, **options):
    """Runs a command to its end; milliseconds and output. Stops everything where it fails."""
    begun = time.monotonic()
    result = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **options)
    taken = (time.monotonic() - begun) * 1000
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed with {result.returncode}:\n{result.stderr.decode()}")
    return taken, result.stdout.decode()


def ours(*words):
    return call([drydock, "docker", *words], environment(home))


class User:
    """An ordinary user with a copy of the programs, because he may not be able to enter this checkout."""

    def __init__(self, archive):
        try:
            pwd.getpwnam(user)
        except KeyError:
            call(["useradd", "--create-home", "--shell", "/bin/sh", user])
        os.makedirs(work + "/bin")
        for name in ("drydock", "drydock-monitor"):
            shutil.copy(os.path.join(os.path.dirname(drydock), name), work + "/bin/" + name)
        os.makedirs(user_home)
        shutil.chown(user_home, user, user)
        self.call("load", "-q", "-i", archive)

    def call(self, *words):
        env = dict(environment(user_home), HOME=pwd.getpwnam(user).pw_dir)
        who = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
        return call(who + [work + "/bin/drydock", "docker", *words], env)


def make_bundle():
    """A bundle for runc with the files of the image."""
    root = work + "/bundle/rootfs"
    os.makedirs(root)
    name = ours("create", IMAGE)[1].strip()
    lower = json.loads(ours("inspect", name)[1])[0]["GraphDriver"]["Data"]["LowerDir"]
    call(["cp", "-a", lower.split(":")[0] + "/.", root])
    ours("rm", name)
    call(["runc", "spec"], cwd=work + "/bundle")
    config = json.load(open(work + "/bundle/config.json"))
    config["process"].update(args=["true"], terminal=False)
    json.dump(config, open(work + "/bundle/config.json", "w"))


class Dockerd:
    """dockerd with all of its state in one folder and no network of the machine touched; None where it does not start."""

    def __init__(self):
        self.place = work + "/dockerd"
        os.makedirs(self.place)
        open(self.place + "/daemon.json", "w").write("{}")
        socket = "unix://" + self.place + "/docker.sock"
        self.env = dict(os.environ, DOCKER_HOST=socket)
        self.process = subprocess.Popen(
            ["dockerd", "--config-file", self.place + "/daemon.json", "--data-root", self.place + "/data",
             "--exec-root", self.place + "/exec", "--pidfile", self.place + "/pid", "-H", socket,
             "--storage-driver", "overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs", "--bridge", "none",
             "--iptables=false"],
            stdin=subprocess.DEVNULL, stdout=open(self.place + "/log", "w"), stderr=subprocess.STDOUT,
            start_new_session=True)

    @classmethod
    def start(cls):
        if not shutil.which("dockerd") or not shutil.which("docker"):
            return None
        daemon = cls()
        deadline = time.monotonic() + 30
        while subprocess.run(["docker", "version"], env=daemon.env, capture_output=True).returncode != 0:
            if time.monotonic() > deadline or daemon.process.poll() is not None:
                daemon.stop()
                return None
            time.sleep(0.1)
        return daemon

    def call(self, *words):
        return call(["docker", *words], self.env)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # It mounts its own folder on itself.
        subprocess.run(["umount", "-R", self.place + "/data"], capture_output=True)


def resident(pid):
    """Resident memory of a process in KiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def hundred():
    """Seconds until a hundred run, KiB of their monitors together, seconds until they are removed."""
    begun = time.monotonic()
    run = lambda _: ours("run", "-d", "--network", "none", IMAGE, "sleep", "1000")[1].strip()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        names = list(pool.map(run, range(MANY)))
    up = time.monotonic() - begun
    assert len(ours("ps", "-q")[1].split()) == MANY
    time.sleep(1.5)
    monitors = [json.load(open(f"{home}/containers/{name}/run.json"))["monitor"] for name in names]
    memory = sum(map(resident, monitors))
    begun = time.monotonic()
    ours("rm", "-f", *names)
    removed = time.monotonic() - begun
    assert ours("ps", "-aq")[1] == ""
    return up, memory, removed


class Report:
    def __init__(self):
        self.missed = 0
        print(f"\n{'runtime':42}{'median ms':>10}{'min':>8}   ratio, target", flush=True)

    def line(self, name, times, over=None, limit=None):
        """A line; `over` is (name, times) of what it is compared with."""
        note = ""
        median = statistics.median(times)
        if over:
            ratio = median / statistics.median(over[1])
            note = f"{ratio:.2f} × {over[0]}"
            if limit:
                self.missed += ratio > limit
                note += f" (target ≤ {limit}: {'met' if ratio <= limit else 'MISSED'})"
        print(f"{name:42}{median:10.1f}{min(times):8.1f}   {note}", flush=True)

    def value(self, name, value, unit, limit):
        self.missed += value > limit
        print(f"{name:42}{value:10.2f} {unit:7}   target ≤ {limit} {unit}: {'met' if value <= limit else 'MISSED'}")


def main():
    call([drydock, "hub", "prepare"], environment(home))
    ours("pull", "-q", IMAGE)
    make_bundle()
    archive = work + "/image.tar"
    ours("save", "-o", archive, IMAGE)
    os.chmod(archive, 0o644)
    ordinary = User(archive)
    daemon = Dockerd.start()
    times = {}
    try:
        if daemon:
            call(["tar", "-C", work + "/bundle/rootfs", "-cf", work + "/root.tar", "."])
            daemon.call("import", work + "/root.tar", "bench")
            daemon.call("run", "-d", "--name", "bench", "--network", "none", "bench", "sleep", "10000")
        ours("run", "-d", "--name", "bench", "--network", "none", IMAGE, "sleep", "10000")
        once = ["--rm", "--network", "none"]
        runc = ["runc", "--root", work + "/runc", "run", "--bundle", work + "/bundle"]
        measures = {
            "runc": lambda: call(runc + [f"b{time.monotonic_ns()}"]),
            "none": lambda: ours("run", *once, IMAGE, "true"),
            "rootless": lambda: ordinary.call("run", *once, IMAGE, "true"),
            "bridge": lambda: ours("run", "--rm", IMAGE, "true"),
            "exec": lambda: ours("exec", "bench", "true"),
        }
        if daemon:
            measures["dockerd exec"] = lambda: daemon.call("exec", "bench", "true")
            measures["dockerd"] = lambda: daemon.call("run", *once, "bench", "true")
        for number in range(rounds + 1):
            for name, measure in measures.items():
                taken = measure()[0]
                # The first time of everything fills caches and starts what is started once.
                if number:
                    times.setdefault(name, []).append(taken)
        ours("rm", "-f", "bench")
        if daemon:
            daemon.call("rm", "-f", "bench")
    finally:
        if daemon:
            daemon.stop()
    up, memory, removed = hundred()
    report = Report()
    report.line("runc run of a ready bundle", times["runc"])
    report.line("run --rm --network none", times["none"], ("runc", times["runc"]), 0.7)
    report.line("run --rm, bridge", times["bridge"], ("runc", times["runc"]), 1.2)
    report.line("run --rm --network none, ordinary user", times["rootless"], ("root", times["none"]), 1.5)
    if daemon:
        report.line("dockerd run --rm --network none", times["dockerd"])
        report.line("run --rm --network none", times["none"], ("dockerd", times["dockerd"]))
        report.line("dockerd exec", times["dockerd exec"])
        report.line("exec", times["exec"], ("dockerd", times["dockerd exec"]), 0.25)
    else:
        report.line("exec", times["exec"])
        print("(no dockerd to compare exec with: docker.io is not installed, or it does not start)")
    report.value(f"{MANY} containers up", up, "s", 3)
    report.value(f"{MANY} containers removed", removed, "s", 3)
    report.value(f"monitors of {MANY} together", memory / 1024, "MiB", 400)
    return 1 if report.missed else 0


def remove_containers():
    """What an interrupted run has left."""
    names = subprocess.run(
        [drydock, "docker", "ps", "-aq"], env=environment(home), capture_output=True, text=True).stdout.split()
    if names:
        subprocess.run([drydock, "docker", "rm", "-f", *names], env=environment(home), capture_output=True)


try:
    status = main()
finally:
    remove_containers()
    for place in (home, user_home):
        stop_hub(place)
sys.exit(status)
