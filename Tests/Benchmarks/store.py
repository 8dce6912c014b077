"""The image store beside dockerd and podman: pull, commit, diff, push, lists, and memory.

    python3 Tests/Benchmarks/store.py DRYDOCK WORK ROUNDS

Rounds are interleaved, medians are printed, and ratios are against the faster peer. WORK must be on a fresh journalled
file system: where much has just been removed, making files is slow for everybody. dockerd is started with all of its
state in WORK and ended with the benchmark.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

drydock, work, rounds = sys.argv[1], os.path.abspath(sys.argv[2]), int(sys.argv[3])
registry = "127.0.0.1:5099"
environment = dict(os.environ, DRYDOCK_HOME=work + "/home", DRYDOCK_UPSTREAM="none", NO_COLOR="1")
podman = [
    "podman", "--root", work + "/podman", "--runroot", work + "/podman-run", "--cgroup-manager", "cgroupfs",
    "--runtime", "runc", "--storage-driver", "overlay",
]
podman_run = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1000:1000", "--network", "none"]
servers = []


def run(command, env=environment):
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def must(command):
    result = run(command)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {result.returncode}:\n{result.stderr.decode()}")
    return result.stdout.decode()


def timed(command):
    # Nobody waits for the disk because of what another left to be written.
    os.sync()
    start = time.monotonic()
    must(command)
    return (time.monotonic() - start) * 1000


def wait_for(what, test, seconds=60):
    deadline = time.monotonic() + seconds
    while not test():
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not come up within {seconds} s")
        time.sleep(0.05)


def start_registry(address, folder):
    config = folder + ".yml"
    with open(config, "w") as file:
        file.write(
            f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}}}, "
            f"delete: {{enabled: true}}}}\nhttp: {{addr: {address}}}\n")
    server = subprocess.Popen(
        ["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    servers.append(server)
    wait_for("docker-registry", lambda: run(["curl", "-sf", f"http://{address}/v2/"]).returncode == 0)
    return server


class EmptyRegistry:
    """A registry that has nothing, for one push: what is there already is not sent again. It keeps what comes in memory: it
    syncs, and how long its disk takes for that says nothing of who pushes."""

    address = "127.0.0.1:5098"

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="drydock-empty-", dir="/dev/shm" if os.path.isdir("/dev/shm") else work)
        self.server = start_registry(self.address, self.folder)
        return self.address

    def __exit__(self, *_):
        servers.remove(self.server)
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.unlink(self.folder + ".yml")


def start_dockerd():
    if not shutil.which("dockerd"):
        return None
    for name in ("data", "exec"):
        os.makedirs(f"{work}/dockerd/{name}")
    config = work + "/dockerd/daemon.json"
    with open(config, "w") as file:
        file.write("{}")
    socket = f"unix://{work}/dockerd/socket"
    servers.append(subprocess.Popen(
        ["dockerd", "--config-file", config, "--data-root", work + "/dockerd/data", "--exec-root",
         work + "/dockerd/exec", "--pidfile", work + "/dockerd/pid", "-H", socket, "--storage-driver", "overlay2",
         "--exec-opt", "native.cgroupdriver=cgroupfs"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    client = ["docker", "-H", socket]
    wait_for("dockerd", lambda: run(client + ["version"]).returncode == 0)
    return client


def files_of_this_machine(wanted):
    """The content of some ordinary files, about `wanted` bytes: real files compress as real files do."""
    total = 0
    for folder in ("/usr/lib/python3", "/usr/share/perl", "/usr/include", "/usr/lib/x86_64-linux-gnu", "/usr/bin"):
        for path, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                full = os.path.join(path, name)
                if os.path.isfile(full) and not os.path.islink(full) and os.path.getsize(full) < 8 << 20:
                    with open(full, "rb") as file:
                        content = file.read()
                    total += len(content)
                    yield content
                    if total > wanted:
                        return


def make_images():
    """`large`: 213 MB in 4,700 files in one layer; `small`: 18,000 files in 10 layers. Returns their file counts."""
    import io
    import tarfile

    pool = list(files_of_this_machine(230 << 20))
    chooser = random.Random(1)

    def layer(count, size, name):
        buffer = io.BytesIO()
        archive = tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT)
        for number in range(count):
            content = chooser.choice(pool)
            while len(content) < size:
                content += chooser.choice(pool)
            if number % 40 == 0:
                folder = tarfile.TarInfo(f"{name}/d{number // 40}")
                folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, 1_600_000_000
                archive.addfile(folder)
            info = tarfile.TarInfo(f"{name}/d{number // 40}/file{number}")
            spread = size * (number % 5 + 1) // 3
            content = content[:spread]
            info.size, info.mode, info.mtime = len(content), 0o644, 1_600_000_000 + number
            archive.addfile(info, io.BytesIO(content))
        archive.close()
        return buffer.getvalue()

    def busybox():
        buffer = io.BytesIO()
        archive = tarfile.open(fileobj=buffer, mode="w")
        archive.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "true", "find", "touch", "xargs", "cp", "mkdir"):
            link = tarfile.TarInfo("bin/" + name)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        archive.close()
        return buffer.getvalue()

    def publish(name, layers):
        folder = f"{work}/oci-{name}"
        os.makedirs(folder + "/blobs/sha256")

        def put(data):
            digest = hashlib.sha256(data).hexdigest()
            with open(f"{folder}/blobs/sha256/{digest}", "wb") as file:
                file.write(data)
            return {"digest": "sha256:" + digest, "size": len(data)}

        descriptors, diffs = [], []
        for data in layers:
            packed = subprocess.run(["gzip", "-6", "-n"], input=data, stdout=subprocess.PIPE, check=True).stdout
            descriptors.append(dict(put(packed), mediaType="application/vnd.oci.image.layer.v1.tar+gzip"))
            diffs.append("sha256:" + hashlib.sha256(data).hexdigest())
        config = {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
            "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]}, "rootfs": {"type": "layers", "diff_ids": diffs},
            "history": [{"created_by": "bench"} for _ in diffs],
        }
        config = dict(put(json.dumps(config).encode()), mediaType="application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                    "layers": descriptors}
        manifest = dict(put(json.dumps(manifest).encode()), mediaType=manifest["mediaType"])
        with open(folder + "/index.json", "w") as file:
            json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
        with open(folder + "/oci-layout", "w") as file:
            json.dump({"imageLayoutVersion": "1.0.0"}, file)
        must(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{folder}", f"docker://{registry}/{name}"])
        shutil.rmtree(folder)
        print(f"  {name}: {sum(map(len, layers)) >> 20} MiB in {len(layers)} layers, "
              f"{sum(d['size'] for d in descriptors) >> 20} MiB compressed", flush=True)

    publish("large", [busybox(), layer(4700, 45_500, "data")])
    publish("small", [busybox()] + [layer(1800, 5_600, f"data{number}") for number in range(10)])


class Drydock:
    name = "drydock"
    command = [drydock, "docker"]

    def pull(self, image):
        return timed(self.command + ["pull", "-q", f"{registry}/{image}"])

    def remove(self, image):
        must(self.command + ["rmi", "-f", f"{registry}/{image}"])

    def create(self, image, script):
        return must(self.command + ["run", "-d", "--network", "none", f"{registry}/{image}", "sh", "-c", script]).strip()

    def wait(self, container):
        must(self.command + ["wait", container])

    def commit(self, container):
        taken = timed(self.command + ["commit", container, "committed"])
        must(self.command + ["rmi", "committed"])
        return taken

    def diff(self, container):
        return timed(self.command + ["diff", container])

    def push(self, image):
        with EmptyRegistry() as address:
            target = f"{address}/{self.name}-{time.monotonic_ns()}/{image}"
            must(self.command + ["tag", f"{registry}/{image}", target])
            taken = timed(self.command + ["push", "-q", target])
            must(self.command + ["rmi", target])
        return taken

    def drop(self, container):
        must(self.command + ["rm", "-f", container])


class Docker(Drydock):
    name = "dockerd"

    def __init__(self, client):
        self.command = client


class Podman(Drydock):
    name = "podman"
    command = podman

    def pull(self, image):
        return timed(podman + ["pull", "-q", "--tls-verify=false", f"{registry}/{image}"])

    def create(self, image, script):
        return must(podman + ["run", "-d"] + podman_run + [f"{registry}/{image}", "sh", "-c", script]).strip()

    def commit(self, container):
        taken = timed(podman + ["commit", "-q", container, "committed"])
        must(podman + ["rmi", "committed"])
        return taken

    def push(self, image):
        with EmptyRegistry() as address:
            target = f"{address}/{self.name}-{time.monotonic_ns()}/{image}"
            return timed(podman + ["push", "-q", "--tls-verify=false", f"{registry}/{image}", target])


def large_layer():
    """The peak of resident memory, in KiB, of importing a layer of 4 GiB."""
    tar = subprocess.Popen(
        ["sh", "-c", "truncate -s 4G big && tar -cf - big; rm big"], cwd=work, stdout=subprocess.PIPE)
    child = subprocess.Popen(
        [drydock, "docker", "import", "-", "big"], env=environment, stdin=tar.stdout, stdout=subprocess.DEVNULL)
    peak = 0
    # The kernel's own account of a child begins with the memory of this script, from which it was started.
    while child.poll() is None:
        try:
            for line in open(f"/proc/{child.pid}/status"):
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]))
        except OSError:
            break
        time.sleep(0.02)
    tar.wait()
    if child.wait() != 0:
        sys.exit(f"the import of a layer of 4 GiB failed with {child.returncode}")
    must([drydock, "docker", "rmi", "big"])
    return peak


def many_images(count, path):
    """An archive as `docker save` writes it: so many images, each with two names, a layer of its own and one of all."""
    import io
    import tarfile

    def layer(name, content):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        return buffer.getvalue()

    with tarfile.open(path, "w") as archive:
        def put(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
            return "sha256:" + hashlib.sha256(data).hexdigest()

        base = put("base.tar", layer("base", b"base"))
        images = []
        for number in range(count):
            own = put(f"{number}.tar", layer(f"own{number}", str(number).encode()))
            put(f"{number}.json", json.dumps({
                "architecture": platform_name(), "os": "linux", "created": f"2024-01-01T00:{number // 60:02}:{number % 60:02}Z",
                "config": {"Cmd": ["true"], "Labels": {"number": str(number), "kind": ("even", "odd")[number % 2]}},
                "rootfs": {"type": "layers", "diff_ids": [base, own]},
                "history": [{"created_by": "base"}, {"created_by": "own"}]}).encode())
            images.append({
                "Config": f"{number}.json", "RepoTags": [f"many/image{number}:latest", f"many/image{number}:v1"],
                "Layers": ["base.tar", f"{number}.tar"]})
        put("manifest.json", json.dumps(images).encode())


def platform_name():
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def scale():
    """How long lists take with 2,000 images and 1,000 containers, in ms, and the processor's time for them."""
    home = dict(environment, DRYDOCK_HOME=work + "/many")
    many_images(2000, work + "/many.tar")
    run([drydock, "docker", "load", "-q", "-i", work + "/many.tar"], home)
    for number in range(1000):
        run([drydock, "docker", "create", "--name", f"box{number}", f"many/image{number}"], home)
    lists = {
        "images": ["images"], "images --filter label": ["images", "--filter", "label=kind=odd"],
        "images --filter reference": ["images", "--filter", "reference=many/image1*:v1"],
        "images --filter since": ["images", "--filter", "since=many/image1000"], "ps -a": ["ps", "-a"],
        "ps -a --filter ancestor": ["ps", "-a", "--filter", "ancestor=many/image7"], "system df": ["system", "df"],
    }
    results = {}
    for what, command in lists.items():
        taken = []
        for _ in range(7):
            before, start = os.times(), time.monotonic()
            result = run([drydock, "docker"] + command, home)
            elapsed, after = time.monotonic() - start, os.times()
            if result.returncode != 0 or not result.stdout:
                sys.exit(f"{what} failed: {result.stderr.decode()}")
            used = after.children_user + after.children_system - before.children_user - before.children_system
            taken.append((elapsed * 1000, used * 1000))
        results[what] = tuple(statistics.median(values) for values in zip(*taken))
    return results


def main():
    print("preparing …", flush=True)
    start_registry(registry, work + "/registry")
    peers = [Drydock(), Podman()]
    client = start_dockerd()
    if client:
        peers.append(Docker(client))
    make_images()
    times = {}

    def measure(what, peer, taken):
        times.setdefault(what, {}).setdefault(peer.name, []).append(taken)

    for _ in range(rounds):
        for image in ("large", "small"):
            for peer in peers:
                measure(f"pull {image}", peer, peer.pull(image))
                peer.remove(image)
    for image in ("large", "small"):
        for peer in peers:
            peer.pull(image)
    # A container that has changed every file of the large image.
    containers = {}
    for peer in peers:
        containers[peer.name] = peer.create("large", "find /data -type f | xargs touch -c; mkdir /new; cp -r /data /new")
        peer.wait(containers[peer.name])
    lists = {
        "ps -a": ["ps", "-a"], "images": ["images"], "history": ["history", f"{registry}/large"],
        "inspect": ["inspect", f"{registry}/large"],
    }
    for _ in range(rounds):
        for _ in range(5):
            for peer in peers:
                for what, command in lists.items():
                    measure(what, peer, timed(peer.command + command))
        for peer in peers:
            measure("diff of 9,400 files", peer, peer.diff(containers[peer.name]))
            measure("commit of 426 MB", peer, peer.commit(containers[peer.name]))
            measure("push large", peer, peer.push("large"))
    for peer in peers:
        peer.drop(containers[peer.name])
    memory = large_layer()
    lists_of_many = scale()

    targets = {
        "pull large": 0.4, "pull small": 0.4, "diff of 9,400 files": 0.2, "commit of 426 MB": 0.4, "push large": 0.2,
        "ps -a": 0.5, "images": 0.5, "history": 0.5, "inspect": 0.5,
    }
    # What a target is measured against, where that is not the faster of the two.
    against = {"push large": "podman", "ps -a": "dockerd", "images": "dockerd", "history": "dockerd", "inspect": "dockerd"}
    missed = 0
    print(f"\n{'what':24}{'who':10}{'median ms':>10}{'min':>8}   ratio, target  (load {os.getloadavg()[0]:.1f})")
    for what, results in times.items():
        own = statistics.median(results["drydock"])
        peer = against.get(what)
        if peer not in results:
            peer = min((who for who in results if who != "drydock"), key=lambda who: statistics.median(results[who]))
        fastest = statistics.median(results[peer])
        for who, taken in results.items():
            note = ""
            if who == "drydock":
                note = f"{own / fastest:.2f} × {peer}"
                if what in targets:
                    good = own / fastest <= targets[what]
                    missed += not good
                    note += f" (target ≤ {targets[what]}: {'met' if good else 'MISSED'})"
            print(f"{what:24}{who:10}{statistics.median(taken):10.1f}{min(taken):8.1f}   {note}")
    good = memory < 64 << 10
    missed += not good
    print(f"{'layer of 4 GiB':24}{'drydock':10}{memory:10} KiB resident (target < 65536: {'met' if good else 'MISSED'})")
    print("\nwith 2,000 images and 1,000 containers")
    for what, (elapsed, used) in lists_of_many.items():
        missed += elapsed > 50
        print(f"{what:32}{elapsed:8.1f} ms, {used:.0f} ms of a processor (target ≤ 50: {'MISSED' if elapsed > 50 else 'met'})")
    return 1 if missed else 0


try:
    status = main()
finally:
    for server in servers:
        server.send_signal(signal.SIGTERM)
    for server in servers:
        server.wait(timeout=60)
    run(podman + ["system", "reset", "-f"])
sys.exit(status)
