import Diagnostics
import SystemPackage
import Testing

@testable import Hub

/// What the tests of the package client need: busybox, and namespaces to run it in.
private let canEnterNamespaces: Bool =
    HostCommand.find("busybox") != nil
    && (try? HostCommand("unshare", "-r", "-n", "-m", "-p", "-f", "true").run().status) == 0

/// Runs the shell `apk` in the tree of an `alpine` image, with a package server on a loopback of its own.
private final class ApkBench {
    let scratch: FilePath
    let packages: FilePath
    private let root: FilePath
    private(set) var written: [WrittenPackage] = []

    /// Makes the tree and a repository with the base packages and some more.
    init(_ more: [ApkPackage], node: Bool = false) throws {
        scratch = FilePath("/tmp/drydock-apk-\(UInt64.random(in: 0 ... .max))")
        root = scratch.appending("root")
        packages = scratch.appending("www/alpine")
        try HostFiles.makeDirectories(scratch.appending("debian"))
        let source = DebianSource(scratch: scratch.appending("debian"))
        let key = try SigningKey()
        let base = try BasePackages(source: source, key: key)
        var recipes = PackageRecipes(source: source)
        for package in base.packages + [base.cowsay()] + more { recipes.add(package) }
        if node { try recipes.addNode() }
        written = try PackageRepository(directory: packages).publish(recipes.packages, key: key) { _ in }
        let installed = written.filter { BasePackages.names.contains($0.package.name) }
        var entries = base.packages.flatMap(\.files) + AlpineTree.release(AlpineRelease.all[0], packages: installed)
        entries.append(try AlpineTree.scripts(installed))
        try HostFiles.makeDirectories(root)
        for entry in TreeEntry.complete(entries) {
            let path = FilePath(root.string + "/" + entry.path)
            switch entry.kind {
            case .directory: try HostFiles.makeDirectories(path)
            case .bytes(let bytes): try HostFiles.write(path, bytes, mode: entry.mode)
            case .file(let file): try HostFiles.write(path, try HostFiles.read(file), mode: entry.mode)
            case .symbolicLink(let target): try link(target, path)
            }
        }
        try HostFiles.write(FilePath(root.string + "/etc/hosts"), "127.0.0.1 localhost hub.drydock\n")
    }

    deinit { HostFiles.remove(scratch) }

    private func link(_ target: String, _ path: FilePath) throws {
        try HostCommand("ln", "-s", target, path.string).check()
    }

    /// Runs commands in the tree, as root of a user namespace.
    func run(_ script: String, server: Bool = true) throws -> HostCommand.Outcome {
        let file = scratch.appending("script")
        try HostFiles.write(
            file,
            """
            ip link set lo up 2>/dev/null || busybox ip link set lo up
            mount --rbind /dev \(root)/dev
            mount --rbind /proc \(root)/proc 2>/dev/null || mount -t proc proc \(root)/proc
            if [ \(server) = true ]; then
                busybox httpd -f -p 127.0.0.1:5480 -h \(scratch)/www &
                at=http://127.0.0.1:5480/alpine/v3.5/main/\(CourseArchitecture.alpine)/APKINDEX.tar.gz
                while kill -0 $! && ! busybox wget -q -O /dev/null $at 2>/dev/null; do :; done
            fi
            exec chroot \(root) /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /bin/sh -c '
            \(script)
            '
            """)
        return try HostCommand("unshare", "-r", "-n", "-m", "-p", "-f", "--mount-proc", "sh", file.string).run()
    }

    func place(_ name: String) -> FilePath {
        FilePath("\(packages)/v3.5/main/\(CourseArchitecture.alpine)/\(name)")
    }

    /// Changes a byte of a file, counted from its end.
    func damage(_ name: String, fromEnd: Int) throws {
        var bytes = try HostFiles.read(place(name))
        bytes[bytes.count - fromEnd] ^= 0x20
        try HostFiles.write(place(name), bytes)
    }

    func text(_ path: String) throws -> String { try HostFiles.text(FilePath(root.string + path)) }
}

@Suite(
    "The package client of the course images",
    .enabled(if: canEnterNamespaces, "needs busybox-static and unprivileged user namespaces (unshare -r -n -m -p)"))
struct ApkClientTests {
    private static let library = ApkPackage(
        name: "libx", version: "2.0-r0", summary: "A library", provides: ["so:libx.so.2=2.0"],
        files: [TreeEntry("usr/lib/libx.so.2", text: "library\n", mode: 0o755)], built: 1_500_000_000)
    private static let tool = ApkPackage(
        name: "tool", version: "1.2-r3", summary: "A tool", depends: ["so:libx.so.2"], provides: ["cmd:tool"],
        scripts: ["post-install": "#!/bin/sh\necho configured > /etc/tool.conf\n"],
        files: [
            TreeEntry("usr/bin/tool", text: "#!/bin/sh\necho it works\n", mode: 0o755),
            TreeEntry("usr/bin/tool2", .symbolicLink("tool")), TreeEntry("usr/share/tool/data", text: "data\n"),
        ], built: 1_500_000_000)

    @Test("add installs what is needed in order, says so as apk does, and keeps the database as the writer would")
    func add() throws {
        let bench = try ApkBench([Self.library, Self.tool])
        let busybox = try #require(bench.written.first { $0.package.name == "busybox" }).package.version
        let outcome = try bench.run("apk add --update tool && tool && tool2 && cat /etc/tool.conf")
        #expect(outcome.errors == "")
        #expect(
            outcome.text == """
                fetch http://hub.drydock:5480/alpine/v3.5/main/\(CourseArchitecture.alpine)/APKINDEX.tar.gz
                (1/2) Installing libx (2.0-r0)
                (2/2) Installing tool (1.2-r3)
                Executing tool-1.2-r3.post-install
                Executing busybox-\(busybox).trigger
                OK: 1 MiB in 6 packages
                it works
                it works
                configured

                """)
        let world = try bench.text("/etc/apk/world")
        #expect(world == "alpine-baselayout\nalpine-keys\napk-tools\nbusybox\ntool\n")
        let database = try bench.text("/lib/apk/db/installed")
        for package in bench.written where ["libx", "tool"].contains(package.package.name) {
            for line in package.installedRecord.split(separator: "\n") where !["F:usr", "F:usr/share"].contains(line) {
                #expect(database.contains("\(line)\n"), "\(line) is missing in the database")
            }
        }
        #expect(!database.contains("@:"))
    }

    @Test("del removes a package with what only it needed, and nothing else")
    func del() throws {
        let bench = try ApkBench([Self.library, Self.tool])
        let before = try bench.text("/lib/apk/db/installed")
        let outcome = try bench.run(
            "apk add -q -U tool cowsay; apk del tool; ls /usr/bin/tool /usr/lib/libx.so.2 /usr/share/tool; cowsay hi; apk del -q cowsay"
        )
        #expect(outcome.text.contains("(1/2) Purging tool (1.2-r3)\n(2/2) Purging libx (2.0-r0)\n"))
        #expect(outcome.errors.contains("/usr/bin/tool: No such file"))
        #expect(outcome.errors.contains("/usr/share/tool: No such file"))
        #expect(outcome.text.contains("< hi >"))
        #expect(try bench.text("/lib/apk/db/installed") == before)
    }

    @Test("a package that nobody has is named with who wants it, and nothing is changed")
    func missing() throws {
        let bench = try ApkBench([])
        let outcome = try bench.run("apk add -U foo")
        #expect(outcome.status == 1)
        #expect(
            outcome.errors
                == "ERROR: unsatisfiable constraints:\n  foo (missing):\n    required by: world[foo]\n")
        #expect(try !bench.text("/etc/apk/world").contains("foo"))
    }

    @Test("without an index, add says that it is not there")
    func noIndex() throws {
        let outcome = try ApkBench([]).run("apk add cowsay")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("WARNING: Ignoring APKINDEX."))
        #expect(outcome.errors.contains(".tar.gz: No such file or directory\n"))
        #expect(outcome.errors.contains("cowsay (missing):"))
    }

    @Test("a server that does not answer is a network error")
    func network() throws {
        let outcome = try ApkBench([]).run("apk update", server: false)
        #expect(outcome.status == 1)
        #expect(
            outcome.errors
                == "WARNING: Ignoring http://hub.drydock:5480/alpine/v3.5/main: network error (check Internet connection and firewall)\n"
        )
    }

    @Test("an index that was changed on the way is not trusted")
    func forgedIndex() throws {
        let bench = try ApkBench([Self.library])
        try bench.damage("APKINDEX.tar.gz", fromEnd: 40)
        let outcome = try bench.run("apk add -U libx")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("Ignoring http://hub.drydock:5480/alpine/v3.5/main: UNTRUSTED signature"))
    }

    @Test("an index that another key signed is not trusted")
    func otherKey() throws {
        let bench = try ApkBench([Self.library])
        let writer = ApkWriter(key: try SigningKey(), architecture: CourseArchitecture.alpine, scratch: bench.scratch)
        try writer.writeIndex(of: bench.written, description: "forged", to: bench.place("APKINDEX.tar.gz"))
        #expect(try bench.run("apk update").errors.contains("UNTRUSTED signature"))
    }

    @Test("a package whose files were changed on the way is not installed")
    func forgedPackage() throws {
        let bench = try ApkBench([Self.library])
        try bench.damage("libx-2.0-r0.apk", fromEnd: 30)
        let outcome = try bench.run("apk add -U libx; echo $?; ls /usr/lib/libx.so.2; cat /etc/apk/world")
        #expect(outcome.errors.contains("ERROR: libx-2.0-r0: BAD archive"))
        #expect(outcome.text.contains("1 errors; 1 MiB in 4 packages\n1\n"))
        #expect(outcome.errors.contains("libx.so.2: No such file"))
        #expect(!outcome.text.contains("\nlibx\n"))
    }

    @Test("openssl finds the signatures of the index and of a package to be those of the published key")
    func openssl() throws {
        let bench = try ApkBench([Self.library])
        let key = try #require(HostFiles.list(bench.packages).first { $0.hasSuffix(".rsa.pub") })
        for name in ["APKINDEX.tar.gz", "libx-2.0-r0.apk"] {
            // The second stream begins at the second header that gzip wrote; a third one ends it.
            let bytes = try HostFiles.read(bench.place(name))
            let magic: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]
            let starts = bytes.indices.filter { bytes[$0...].starts(with: magic) } + [bytes.count]
            let signed = bench.scratch.appending("signed")
            let signature = bench.scratch.appending("signature.tar.gz")
            try HostFiles.write(signed, Array(bytes[starts[1]..<starts[2]]))
            try HostFiles.write(signature, Array(bytes[..<starts[1]]))
            let raw = bench.scratch.appending("signature")
            try HostCommand("tar", "-xzOf", signature.string, output: raw).check()
            try HostCommand(
                "openssl", "dgst", "-sha1", "-verify", "\(bench.packages)/\(key)", "-signature", raw.string,
                signed.string
            ).check()
        }
    }

    @Test(
        "the distribution's Node.js runs after apk add --update nodejs",
        .enabled(if: HostCommand.find("node") != nil, "needs Node.js on this machine, so that nothing is fetched"))
    func node() throws {
        let bench = try ApkBench([], node: true)
        let outcome = try bench.run(
            "apk add --update nodejs >/dev/null && node -e \"console.log(6*7)\" && apk info -W /usr/bin/node")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.text.hasPrefix("42\n/usr/bin/node is owned by nodejs-"))
    }
}
