import Foundation
import Glibc
import Testing

/// Layers there and back through other programs.
@Suite("Layers that other programs read and write", .enabled(if: getuid() == 0, "needs root: owners and devices"))
struct LayerToolsTests {
    @Test("are what umoci unpacks, and what umoci adds is what we run")
    func umoci() throws {
        let drydock = try Drydock(.root)
        let place = drydock.home
        func must(_ command: String...) -> Outcome {
            let outcome = Bench.run(command)
            #expect(outcome.status == 0, "\(command): \(outcome.all)")
            return outcome
        }
        #expect(drydock.docker("pull", "-q", "busybox").status == 0)
        let script = """
            rm /etc/passwd; mkdir /dir; echo text > /dir/file; ln /dir/file /dir/link; chown 70000:7 /dir/file
            chmod 4750 /dir/file; ln -s ../out /dir/symbolic; mknod /dir/pipe p; rm -r /etc/network 2>/dev/null
            touch -d '2001-02-03 04:05:06' /dir/file
            """
        let run = drydock.docker("run", "--name", "one", "--network", "none", "busybox", "sh", "-c", script)
        #expect(run.status == 0, "\(run.all)")
        #expect(drydock.docker("commit", "one", "made").status == 0)
        #expect(drydock.docker("save", "-o", place + "/made.tar", "made").status == 0)
        _ = must("skopeo", "copy", "-q", "docker-archive:\(place)/made.tar", "oci:\(place)/layout:made")
        _ = must("umoci", "unpack", "--image", "\(place)/layout:made", "\(place)/bundle")
        let root = place + "/bundle/rootfs"
        #expect(!FileManager.default.fileExists(atPath: root + "/etc/passwd"))
        #expect(
            must("stat", "-c", "%a %u %g %h %Y %s", root + "/dir/file").output == "4750 70000 7 2 981173106 5\n")
        #expect(must("readlink", root + "/dir/symbolic").output == "../out\n")
        #expect(must("stat", "-c", "%F", root + "/dir/pipe").output == "fifo\n")

        // umoci leaves out the filling of the last block.
        try "inserted".write(toFile: place + "/source", atomically: true, encoding: .utf8)
        _ = must("umoci", "insert", "--image", "\(place)/layout:made", place + "/source", "/inserted")
        _ = must("skopeo", "copy", "-q", "oci:\(place)/layout:made", "docker-archive:\(place)/back.tar:back:latest")
        let loaded = drydock.docker("load", "-q", "-i", place + "/back.tar")
        #expect(loaded.status == 0, "\(loaded.all)")
        let seen = drydock.docker(
            "run", "--rm", "--network", "none", "back", "sh", "-c", "cat /inserted; stat -c '%a %u:%g' /dir/link")
        #expect(seen.output == "inserted4750 70000:7\n", "\(seen.all)")
    }
}
