"""Interleaves Drydock and its peers round by round and prints medians, ratios and targets."""

import json
import os
import pty
import select
import statistics
import subprocess
import sys
import time

from hubs import hub, stop_hub

drydock, work, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
home = os.path.join(work, "home")
environment = dict(os.environ, DRYDOCK_HOME=home, NO_COLOR="1")
podman = [
    "podman", "--root", work + "/podman", "--runroot", work + "/podman-run", "--cgroup-manager", "cgroupfs",
    "--runtime", "runc", "--storage-driver", "overlay",
]
podman_run = ["run", "--rm", "--network", "none", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1000:1000"]


def quiet(command, env=environment):
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def must(command):
    result = quiet(command)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {result.returncode}:\n{result.stderr.decode()}")
    return result.stdout.decode()


def timed(command):
    start = time.monotonic()
    result = quiet(command)
    taken = (time.monotonic() - start) * 1000
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {result.returncode}:\n{result.stderr.decode()}")
    return taken


def prompt_time():
    """Milliseconds from the start of `drydock` to its prompt, in a terminal."""
    start = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(drydock, [drydock], dict(environment, TERM="dumb"))
    seen = b""
    while b"drydock> " not in seen:
        ready, _, _ = select.select([terminal], [], [], 20)
        if not ready:
            sys.exit(f"no prompt within 20 s; seen: {seen[-300:]!r}")
        seen += os.read(terminal, 65536)
    taken = (time.monotonic() - start) * 1000
    os.write(terminal, b"quit\n")
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass
    os.waitpid(pid, 0)
    return taken


def resident(pid):
    """A process's resident memory in KiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def monitor_memory():
    """Resident KiB of the monitor of a container that has been quiet for a while."""
    name = must([drydock, "docker", "run", "-d", "--network", "none", "alpine:3.5", "sleep", "1000"]).strip()
    monitor = json.load(open(f"{home}/containers/{name}/run.json"))["monitor"]
    time.sleep(1.5)
    memory = resident(monitor)
    must([drydock, "docker", "rm", "-f", name])
    return memory


def bundle():
    """A bundle for runc with the files of the alpine course image."""
    root = work + "/bundle/rootfs"
    os.makedirs(root)
    name = must([drydock, "docker", "create", "alpine:3.5"]).strip()
    lower = json.loads(must([drydock, "docker", "inspect", name]))[0]["GraphDriver"]["Data"]["LowerDir"]
    subprocess.run(["cp", "-a", lower.split(":")[0] + "/.", root], check=True)
    must([drydock, "docker", "rm", name])
    subprocess.run(["runc", "spec"], cwd=work + "/bundle", check=True)
    path = work + "/bundle/config.json"
    config = json.load(open(path))
    config["process"]["args"] = ["true"]
    config["process"]["terminal"] = False
    json.dump(config, open(path, "w"))
    return root


def main():
    print("preparing …", flush=True)
    must([drydock, "hub", "prepare"])
    must([drydock, "docker", "pull", "-q", "alpine:3.5"])
    root = bundle()
    tar = work + "/root.tar"
    subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
    must(podman + ["import", "-q", tar, "bench"])
    measures = {
        "run true, no network": {
            "drydock": lambda: timed([drydock, "docker", "run", "--rm", "--network", "none", "alpine:3.5", "true"]),
            "podman": lambda: timed(podman + podman_run + ["bench", "true"]),
            "runc": lambda: timed(["runc", "--root", work + "/runc", "run", "--bundle", work + "/bundle", f"b{time.monotonic_ns()}"]),
        },
        "run true, bridge": {
            "drydock": lambda: timed([drydock, "docker", "run", "--rm", "alpine:3.5", "true"]),
        },
    }
    results = {name: {who: [] for who in peers} for name, peers in measures.items()}
    for _ in range(rounds):
        for name, peers in measures.items():
            for who, measure in peers.items():
                results[name][who].append(measure())
    containers = [must([drydock, "docker", "create", "alpine:3.5"]).strip() for _ in range(50)]
    for who, command in {"ps -a (50)": ["ps", "-a"], "images": ["images"]}.items():
        results[who] = {"drydock": [timed([drydock, "docker"] + command) for _ in range(rounds)]}
    must([drydock, "docker", "rm"] + containers)
    prompt_answers()
    results["prompt, second start"] = {"drydock": [prompt_time() for _ in range(max(3, rounds // 4))]}

    memory = {"monitor, quiet": (monitor_memory(), 4096), "hub, quiet": (resident(hub(home)), None)}

    targets = {
        ("run true, no network", "podman"): 0.2,
    }
    limits = {"ps -a (50)": 20, "images": 20, "prompt, second start": 300}
    missed = 0
    print(f"\n{'what':24}{'who':10}{'median ms':>10}{'min':>8}   ratio, target")
    for name, peers in results.items():
        own = statistics.median(peers["drydock"])
        for who, times in peers.items():
            median = statistics.median(times)
            note = ""
            if who != "drydock":
                note = f"drydock is {own / median:.2f} × {who}"
                target = targets.get((name, who))
                if target:
                    good = own / median <= target
                    missed += not good
                    note += f" (target ≤ {target}: {'met' if good else 'MISSED'})"
            elif name in limits:
                good = median < limits[name]
                missed += not good
                note = f"target < {limits[name]} ms: {'met' if good else 'MISSED'}"
            print(f"{name:24}{who:10}{median:10.1f}{min(times):8.1f}   {note}")
    print(f"\n{'memory':24}{'':10}{'KiB':>10}")
    for name, (size, limit) in memory.items():
        note = ""
        if limit:
            missed += size >= limit
            note = f"target < {limit} KiB: {'met' if size < limit else 'MISSED'}"
        print(f"{name:24}{'drydock':10}{size:10}{'':8}   {note}")
    return 1 if missed else 0


def prompt_answers():
    """The first start asks for an account; a script answers it."""
    script = work + "/script"
    open(script, "w").write("progress\nquit\n")
    must([drydock, "run-script", script])


try:
    status = main()
finally:
    stop_hub(home)
sys.exit(status)
