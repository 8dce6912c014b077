"""Pulls and pushes, interleaved with skopeo: medians, ratios and targets."""

import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import time

from hubs import stop_hub

drydock, work, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
home = os.path.join(work, "transfer-home")
environment = dict(os.environ, DRYDOCK_HOME=home, DRYDOCK_UPSTREAM="none", NO_COLOR="1")
layout, wide, data = (os.path.join(work, name) for name in ("layout", "wide", "registry"))


def run(command):
    """Milliseconds and peak memory (KiB) of a command that must end well."""
    start = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    taken = (time.monotonic() - start) * 1000
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {process.returncode}:\n{output.decode()}")
    return taken, usage.ru_maxrss


def make_layout(layout, layers):
    """An image of layers that do not compress, each of some megabytes, as an OCI layout."""
    os.makedirs(layout + "/blobs/sha256")

    def blob(content, kind):
        digest = hashlib.sha256(content).hexdigest()
        open(f"{layout}/blobs/sha256/{digest}", "wb").write(content)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(content)}

    blobs, diffs = [], []
    for layer, megabytes in enumerate(layers):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            for number in range(megabytes):
                item = tarfile.TarInfo(f"files-{layer}/{number}")
                item.size = 1 << 20
                archive.addfile(item, io.BytesIO(os.urandom(item.size)))
        plain = tar.getvalue()
        diffs.append("sha256:" + hashlib.sha256(plain).hexdigest())
        blobs.append(blob(gzip.compress(plain, 1, mtime=0), "layer.v1.tar+gzip"))
    config = blob(json.dumps({
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diffs},
    }).encode(), "config.v1+json")
    manifest = blob(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
        "layers": blobs,
    }).encode(), "manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, open(layout + "/index.json", "w"))
    json.dump({"imageLayoutVersion": "1.0.0"}, open(layout + "/oci-layout", "w"))


def start_registry():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = os.path.join(work, "registry.yml")
    open(config, "w").write(
        "version: 0.1\nlog: {accesslog: {disabled: true}, level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {data}}}}}\nhttp: {{addr: '127.0.0.1:{port}', secret: bench}}\n")
    registry = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return registry, f"127.0.0.1:{port}"
        time.sleep(0.02)
    sys.exit("docker-registry does not answer")


def fresh(path):
    if os.path.isdir(path):
        shutil.rmtree(path)


def main():
    print("preparing …", flush=True)
    # In processes of their own: what this one holds in memory would be counted for every command that it starts.
    for place, layers in ((layout, [60]), (wide, [30] * 6)):
        maker = os.fork()
        if maker == 0:
            try:
                make_layout(place, layers)
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(maker, 0)[1] != 0:
            sys.exit("cannot make an image")
    run([drydock, "hub", "prepare"])
    run([drydock, "docker", "pull", "-q", "alpine"])
    registry, server = start_registry()
    try:
        return measure(server)
    finally:
        registry.terminate()
        registry.wait()


def measure(server):
    skopeo = ["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"]
    name = server + "/bench/big:1"
    seed = skopeo + [f"oci:{layout}:1", f"docker://{name}"]
    results, memory = {}, {}

    def note(what, who, command, prepare=lambda: None):
        prepare()
        taken, peak = run(command)
        results.setdefault(what, {}).setdefault(who, []).append(taken)
        memory[what, who] = max(memory.get((what, who), 0), peak)

    for _ in range(rounds):
        # A registry that was emptied knows no blobs; nothing can be skipped or mounted.
        note("push 60 MB", "skopeo", seed, lambda: fresh(data))
        out = os.path.join(work, "out")
        note("fetch 60 MB", "skopeo", skopeo + [f"docker://{name}", f"oci:{out}:1"], lambda: fresh(out))
        note("fetch 60 MB", "drydock", [drydock, "system", "fetch", name, out], lambda: fresh(out))
        note("pull 60 MB, unpacked", "drydock", [drydock, "docker", "pull", "-q", name], lambda: fresh(home + "/store"))
        note("push 60 MB", "drydock", [drydock, "docker", "push", "-q", name], lambda: fresh(data))
        note("pull alpine, unpacked", "drydock", [drydock, "docker", "pull", "-q", "alpine"],
             lambda: fresh(home + "/store"))

    # Several large layers at once: what this is about is the memory.
    several = server + "/bench/wide:1"
    run(skopeo + [f"oci:{wide}:1", f"docker://{several}"])
    note("pull 6 × 30 MB", "drydock", [drydock, "docker", "pull", "-q", several], lambda: fresh(home + "/store"))
    note("push 6 × 30 MB", "drydock", [drydock, "docker", "push", "-q", several], lambda: fresh(data))

    targets = {"fetch 60 MB": 1.0, "push 60 MB": 1.0}
    limits = {"pull alpine, unpacked": 60}
    missed = 0
    print(f"\n{'what':24}{'who':10}{'median ms':>10}{'min':>8}{'peak MB':>9}   ratio, target")
    for what, peers in results.items():
        own = statistics.median(peers["drydock"])
        for who, times in peers.items():
            peak = memory[what, who] / 1024
            notes = []
            if who == "skopeo":
                good = own / statistics.median(times) <= targets[what]
                missed += not good
                notes.append(f"drydock is {own / statistics.median(times):.2f} × skopeo "
                             f"(target ≤ {targets[what]}: {'met' if good else 'MISSED'})")
            else:
                if what in limits:
                    good = own <= limits[what]
                    missed += not good
                    notes.append(f"target ≤ {limits[what]} ms: {'met' if good else 'MISSED'}")
                good = peak < 64
                missed += not good
                notes.append(f"memory < 64 MB: {'met' if good else 'MISSED'}")
            print(f"{what:24}{who:10}{statistics.median(times):10.1f}{min(times):8.1f}{peak:9.1f}   {', '.join(notes)}")
    return 1 if missed else 0


try:
    status = main()
finally:
    stop_hub(home)
sys.exit(status)
