"""Measures the hub beside docker-registry: the same requests to both, round by round, medians and ratios.

    python3 Tests/Benchmarks/hub.py DRYDOCK WORK [ROUNDS]
"""

import base64
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

drydock, work = sys.argv[1], sys.argv[2]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 7
folder = tempfile.mkdtemp(prefix="hub-", dir=work)
login = {"Authorization": "Basic " + base64.b64encode(b"bench:secret").decode()}
MiB = 1 << 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident(pid, what="VmRSS"):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    return 0


class Server:
    def __init__(self, name, command, port, environment=None):
        self.name, self.port = name, port
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, **(environment or {})))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"{name} does not answer")

    def ask(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, body, dict(login, **headers))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status >= 400:
            sys.exit(f"{self.name}: {method} {path}: {answer.status} {data[:300]}")
        return answer, data

    def place(self):
        location = self.ask("POST", "/v2/bench/x/blobs/uploads/")[0].getheader("Location")
        return re.sub(r"^https?://[^/]*", "", location)

    def push(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        place = self.place()
        self.ask("PUT", place + ("&" if "?" in place else "?") + "digest=" + digest, data)
        return digest

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start():
    port = free_port()
    data = folder + "/hub"
    subprocess.run(
        [drydock, "hub", "user", "add", "bench", "--password-stdin", "--data", data], input=b"secret", check=True,
        stdout=subprocess.DEVNULL)
    hub = Server(
        "drydock hub",
        [drydock, "hub", "serve", "--listen", f"127.0.0.1:{port}", "--data", data, "--upstream", "none"], port)
    port = free_port()
    with open(folder + "/registry.yml", "w") as file:
        file.write(f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
""")
    return hub, Server("docker-registry", ["docker-registry", "serve", folder + "/registry.yml"], port)


def manifests(server, path):
    """GETs of a small manifest each second, on 16 connections."""
    out = subprocess.run(
        ["wrk", "-t", "1", "-c", "16", "-d", "2s", "-H", "Accept: application/vnd.oci.image.manifest.v1+json",
         f"http://127.0.0.1:{server.port}{path}"], stdout=subprocess.PIPE, check=True).stdout.decode()
    if "Non-2xx" in out:
        sys.exit(f"{server.name}: {out}")
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", out).group(1))


def blobs(server, path, size, connections=16):
    """MiB each second of one blob on several connections at once."""
    failed = []

    def fetch():
        buffer = bytearray(MiB)
        with socket.create_connection(("127.0.0.1", server.port), timeout=120) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            total = 0
            while True:
                count = s.recv_into(buffer)
                if count == 0:
                    break
                total += count
        if total < size:
            failed.append(total)

    threads = [threading.Thread(target=fetch) for _ in range(connections)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - start
    if failed:
        sys.exit(f"{server.name}: blobs ended early: {failed}")
    return connections * size / MiB / taken


def put(server, file, size, digest):
    """MiB each second of one monolithic PUT."""
    place = server.place()
    path = place + ("&" if "?" in place else "?") + "digest=" + digest
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=300) as s, open(file, "rb") as source:
        s.sendall(
            (f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {login['Authorization']}\r\n"
             f"Content-Type: application/octet-stream\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n").encode())
        s.sendfile(source)
        answer = s.recv(65536)
    taken = time.monotonic() - start
    if b" 201 " not in answer[:20]:
        sys.exit(f"{server.name}: PUT: {answer[:300]}")
    server.ask("DELETE", f"/v2/bench/x/blobs/{digest}")
    return size / MiB / taken


def crowd(server, path, secure):
    """MiB that a hub takes at most while 200 clients pull one blob and none of them reads on."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    readers = []

    def begin():
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=120)
        if secure:
            connection = context.wrap_socket(connection)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        if connection.recv(1000):
            readers.append(connection)

    threads = [threading.Thread(target=begin) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(readers) < 200:
        sys.exit(f"{server.name}: only {len(readers)} of 200 pulls began")
    time.sleep(3)
    for reader in readers:
        reader.close()
    return resident(server.process.pid, "VmHWM")


hub, registry = start()
failures = []
try:
    config = b"{}"
    layer = os.urandom(64 * MiB)
    for server in (hub, registry):
        server.push(config)
        blob = server.push(layer)
    descriptor = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2,
                  "digest": "sha256:" + hashlib.sha256(config).hexdigest()}
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": descriptor,
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "size": len(layer), "digest": blob}],
    }).encode()
    for server in (hub, registry):
        server.ask("PUT", "/v2/bench/x/manifests/1", manifest,
                   {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
    big = folder + "/big"
    checksum = hashlib.sha256()
    with open(big, "wb") as file:
        for _ in range(256):
            block = os.urandom(MiB)
            checksum.update(block)
            file.write(block)
    digest = "sha256:" + checksum.hexdigest()

    tasks = [
        ("small-manifest GET, 16 connections", "requests/s", 4.0, lambda s: manifests(s, "/v2/bench/x/manifests/1")),
        ("64 MiB blob GET, 16 connections", "MiB/s", 0.95, lambda s: blobs(s, f"/v2/bench/x/blobs/{blob}", 64 * MiB)),
        ("256 MiB monolithic PUT", "MiB/s", 1.0, lambda s: put(s, big, 256 * MiB, digest)),
    ]
    print(f"hub: {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for title, unit, target, work_on in tasks:
        results = {hub: [], registry: []}
        for number in range(rounds):
            for server in ([hub, registry] if number % 2 else [registry, hub]):
                results[server].append(work_on(server))
        mine, peer = statistics.median(results[hub]), statistics.median(results[registry])
        met = mine >= target * peer
        print(f"  {title}: {mine:.0f} {unit} = {mine / peer:.2f} x docker-registry ({peer:.0f}); "
              f"target {target}: {'met' if met else 'MISSED'}")
        if not met:
            failures.append(title)
    mine, peer = resident(hub.process.pid), resident(registry.process.pid)
    met = mine <= peer
    print(f"  resident after it: {mine:.0f} MiB (peak {resident(hub.process.pid, 'VmHWM'):.0f}), docker-registry "
          f"{peer:.0f} MiB (peak {resident(registry.process.pid, 'VmHWM'):.0f}): {'met' if met else 'MISSED'}")
    if not met:
        failures.append("resident memory")

    hub.stop()
    for secure in (False, True):
        port = free_port()
        hub = Server(
            "drydock hub",
            [drydock, "hub", "serve", "--listen", f"127.0.0.1:{port}", "--data", folder + "/hub", "--upstream", "none"]
            + ["--tls"] * secure, port)
        peak = crowd(hub, f"/v2/bench/x/blobs/{blob}", secure)
        hub.stop()
        met = peak < 96
        print(f"  200 pulls of 64 MiB at once by clients that do not read on, {'TLS' if secure else 'plain'}: peak "
              f"{peak:.0f} MiB; target < 96: {'met' if met else 'MISSED'}")
        if not met:
            failures.append("memory with 200 pulls" + ", TLS" * secure)
finally:
    hub.stop()
    registry.stop()
    subprocess.run(["rm", "-rf", folder])
print("the hub: " + ("all targets met" if not failures else "missed: " + ", ".join(failures)))
sys.exit(1 if failures else 0)
