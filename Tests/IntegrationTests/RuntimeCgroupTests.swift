import Foundation
import Glibc
import Testing

/// What a machine without the trees of version 1 does: a mount namespace shows the one of version 2 alone. Which controllers
/// it has is the machine's affair; what they cannot limit then is told as Docker tells it.
@Suite("Control groups of version 2 alone", .serialized, .enabled(if: getuid() == 0, "only root mounts a cgroup tree"))
struct RuntimeCgroupTests {
    private let place = "/sys/fs/cgroup"

    /// Runs a script in which `docker` and `drydock` are this home's.
    private func unified(_ it: Drydock, _ script: String) -> Outcome {
        func quoted(_ words: [String]) -> String { words.map { "'\($0)'" }.joined(separator: " ") }
        return Bench.run([
            "unshare", "-m", "bash", "-c",
            """
            mount -t cgroup2 none \(place) || exit 99
            docker() { \(quoted(it.command(["docker"]))) "$@"; }
            drydock() { \(quoted(it.command([]))) "$@"; }
            has() { grep -qw $1 \(place)/cgroup.controllers; }
            \(script)
            """,
        ])
    }

    @Test("A container has a cgroup of its own, which its devices, its pauses and its limits go by")
    func container() throws {
        let it = try Drydock.withAlpine(.root)
        let out = unified(
            it,
            """
            id=$(docker run -d --name it --network none -m 32m --pids-limit 20 --cpuset-cpus 0 --memory-swappiness 10 alpine:3.5 sleep 600 2>\(it.home)/warnings)
            c=\(place)/drydock/$id
            echo members $(wc -l < $c/cgroup.procs)
            for name in cpu cpuset hugetlb io memory pids; do
              has $name || continue
              for step in \(place) \(place)/drydock; do grep -qw $name $step/cgroup.subtree_control || echo "$name is not handed down at $step"; done
            done
            for limit in memory.max=33554432 pids.max=20 cpuset.cpus=0; do
              file=${limit%=*}
              if has ${file%%.*}; then [ "$(cat $c/$file)" = ${limit#*=} ] || echo "$file is $(cat $c/$file)"
              else grep -qi "does not support ${file%%.*}" \(it.home)/warnings || echo "no warning for $file"; fi
            done
            grep -q 'does not support memory swappiness' \(it.home)/warnings || echo "no warning for swappiness"
            docker pause it >/dev/null; echo frozen $(cat $c/cgroup.freeze) $(grep -c 'frozen 1' $c/cgroup.events)
            docker unpause it >/dev/null; echo thawed $(cat $c/cgroup.freeze)
            if has memory; then docker update -m 64m --memory-swap 128m it >/dev/null; cat $c/memory.max
            else docker update -m 64m it 2>&1 | grep -c 'memory cannot be limited'; docker inspect -f '{{.HostConfig.Memory}}' it; fi
            docker exec it sh -c 'cat /proc/self/cgroup | grep ^0; mkdir /sys/fs/cgroup/x 2>&1 | grep -c Read-only'
            docker rm -f it >/dev/null; ls -d $c 2>/dev/null
            docker run --rm --network none alpine:3.5 sh -c 'set -- $(grep -m1 " [0-9]" /proc/partitions); mknod /d b $1 $2; head -c1 /d' 2>&1
            docker run --rm --network none --device-cgroup-rule 'c 1:11 r' --cap-add SYSLOG alpine:3.5 sh -c 'mknod /m c 1 11; (: < /m) && echo read; (: > /m)' 2>&1
            """)
        let changed = out.output.contains("\n67108864\n") ? "67108864" : "1\n33554432"
        #expect(
            out.output == """
                members 1
                frozen 1 1
                thawed 0
                \(changed)
                0::/
                1
                head: /d: Operation not permitted
                read
                sh: can't create /m: Operation not permitted

                """, "\(out.all)")
    }

    @Test("A bundle's own values are written into the files of its cgroup")
    func values() throws {
        let it = try Drydock.withAlpine(.root)
        try #require(it.docker("create", "--name", "it", "--network", "none", "alpine:3.5", "true").status == 0)
        try #require(it.drydock(["bundle", "-o", it.home + "/bundle", "it"]).status == 0)
        let out = unified(
            it,
            """
            cd \(it.home)/bundle
            python3 - <<'END'
            import json
            config = json.load(open("config.json"))
            controllers = open("\(place)/cgroup.controllers").read().split()
            unified = {"cgroup.max.depth": "3"}
            if "hugetlb" in controllers: unified["hugetlb.2MB.max"] = "2097152"
            config["linux"]["resources"]["unified"] = unified
            config["linux"]["cgroupsPath"] = "/drydock-\(it.home.suffix(8))/one"
            script = "".join("; [ $(cat /sys/fs/cgroup/%s) = %s ] || echo wrong %s" % (f, v, f) for f, v in unified.items() if f[0] == "h")
            config["process"]["args"] = ["sh", "-c", "cat /sys/fs/cgroup/cgroup.max.depth" + script]
            json.dump(config, open("config.json", "w"))
            END
            drydock runtime --root \(it.home)/state run -b . one
            rmdir \(place)/drydock-\(it.home.suffix(8)) && echo removed
            """)
        #expect(out.output == "3\nremoved\n", "\(out.all)")
    }

    @Test("An ordinary user to whom systemd hands a part of the tree has cgroups there")
    func delegated() throws {
        let it = try Drydock.withAlpine(.user)
        let part = "\(place)/drydock-user-\(it.home.suffix(8))"
        let out = unified(
            it,
            """
            mkdir -p \(part)/app.slice/it.scope
            for d in \(part) \(part)/app.slice \(part)/app.slice/it.scope; do
              chown \(Bench.testUser) $d $d/cgroup.procs $d/cgroup.subtree_control $d/cgroup.threads
            done
            for name in $(cat \(place)/cgroup.controllers); do echo +$name > \(place)/cgroup.subtree_control; done 2>/dev/null
            for name in $(cat \(part)/cgroup.controllers); do echo +$name > \(part)/cgroup.subtree_control; done 2>/dev/null
            echo $$ > \(part)/app.slice/it.scope/cgroup.procs
            id=$(docker run -d --name it --network none alpine:3.5 sleep 600)
            c=\(part)/app.slice/drydock/$id
            echo members $(wc -l < $c/cgroup.procs)
            for name in cpu cpuset hugetlb io memory pids; do
              grep -qw $name \(part)/app.slice/cgroup.controllers || continue
              grep -qw $name \(part)/app.slice/drydock/cgroup.subtree_control || echo "$name is not handed down"
            done
            docker pause it >/dev/null; echo frozen $(cat $c/cgroup.freeze); docker unpause it >/dev/null
            if grep -qw memory $c/cgroup.controllers; then docker update -m 64m --memory-swap 128m it >/dev/null; [ $(cat $c/memory.max) = 67108864 ] || echo "no limit"; fi
            docker exec it sh -c 'grep ^0 /proc/self/cgroup'
            docker rm -f it >/dev/null; ls -d $c 2>/dev/null
            echo $$ > \(place)/cgroup.procs
            for i in $(seq 100); do rmdir \(part)/app.slice/* \(part)/app.slice \(part) 2>/dev/null; [ -e \(part) ] || break; sleep 0.1; done
            [ -e \(part) ] && echo left
            true
            """)
        #expect(out.output == "members 1\nfrozen 1\n0::/\n", "\(out.all)")
    }
}
