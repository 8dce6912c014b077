import Foundation
import Glibc
import Testing

/// A layer follows from the two trees that it is the difference of, and from nothing else.
@Suite("The layer of a change", .serialized)
struct SameLayerTests {
    /// Writes an image's tree as a tar archive, and prints a script that changes it by chance. Times are set, so that the
    /// changed tree is the same wherever the script runs.
    private static let generator = #"""
        import io, random, sys, tarfile
        seed, path = int(sys.argv[1]), sys.argv[2]
        chance = random.Random(seed)
        archive = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)
        folders, files = ["t"], []
        def put(name, data=None, **more):
            info = tarfile.TarInfo(name)
            info.mtime, info.mode = 1600000000, 0o755 if data is None else 0o644
            info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            for key, value in more.items():
                setattr(info, key, value)
            info.size = len(data or b"")
            archive.addfile(info, io.BytesIO(data or b""))
        archive.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "ls", "rm", "touch"):
            put("bin/" + name, type=tarfile.SYMTYPE, linkname="busybox")
        put("t")
        for number in range(14):
            name = chance.choice(folders) + "/d%d" % (number % 5)
            if name not in folders:
                folders.append(name)
                put(name, mode=chance.choice([0o755, 0o700, 0o1777]), uid=chance.choice([0, 7]))
        for folder in folders:
            for number in range(4):
                files.append(folder + "/f%d" % number)
                put(files[-1], b"%04d" % chance.randrange(10000), uid=chance.choice([0, 5]))
        # Twins differ in nothing but their content.
        for name in ("t/one", "t/two"):
            put(name)
            put(name + "/same", name[-3:].encode())
        put("t/linked", b"linked")
        put("t/linked-too", type=tarfile.LNKTYPE, linkname="t/linked")
        archive.close()
        print("set -e; cd /; b() { busybox \"$@\"; }; at() { b touch -h -d '2021-02-03 04:05:06' \"$@\"; }; mkdir() { b mkdir \"$@\"; }")
        print("rm() { b rm -rf \"$@\"; }")
        touched = set()
        def parent(name):
            touched.add(name.rsplit("/", 1)[0])
            return name
        def write(name):
            print("echo %d > %s; at %s" % (chance.randrange(10000), parent(name), name))
        def again(name):
            print("rm %s; mkdir %s" % (parent(name), name))
            gone(name)
            touched.add(name)
            for number in range(chance.randrange(4)):
                write(name + "/f%d" % number)
            if chance.random() < 0.5:
                print("mkdir %s/d0" % name)
                touched.add(name + "/d0")
        def gone(name):
            for known in (folders, files):
                known[:] = [other for other in known if other != name and not other.startswith(name + "/")]
            touched.difference_update([other for other in touched if other == name or other.startswith(name + "/")])
        for step in range(24):
            file, folder = chance.choice(files), chance.choice(folders[1:] or ["t/one"])
            act = chance.randrange(13)
            if folder not in folders or file not in files:
                continue
            if act == 0: write(file)
            elif act == 1: print("b chmod 644 %s" % file)
            elif act == 2: print("b cp -p %s /keep; b cat /keep > %s; b touch -r /keep %s; rm /keep" % (file, file, file))
            elif act == 3: print("b touch -r %s /keep; printf 9999 > %s; b touch -r /keep %s; rm /keep" % (file, file, file))
            elif act == 4:
                print("rm " + parent(file)); gone(file)
            elif act == 5:
                print("rm " + parent(folder)); gone(folder)
            elif act == 6: again(folder)
            elif act == 7:
                print("rm %s; mkdir %s" % (parent(file), file)); gone(file)
                write(file + "/inside"); touched.add(file)
            elif act == 8:
                print("rm %s; echo now a file > %s; at %s" % (parent(folder), folder, folder)); gone(folder)
            elif act == 9:
                print("b cp -a %s /keep; rm %s; b cp -a /keep %s; rm /keep" % (folder, parent(folder), folder))
                touched.update(other for other in folders if other == folder or other.startswith(folder + "/"))
            elif act == 10: print("b ln %s %s" % (file, parent(file + "-link%d" % step)))
            elif act == 11: print("b chmod 0750 %s; b chown 3:4 %s" % (folder, file))
            elif act == 12: print("b mkfifo %s; at %s; b ln -s to %s" % (
                parent(folder + "/p%d" % step), folder + "/p%d" % step, folder + "/s%d; at %s/s%d" % (step, folder, step)))
        print("rm t/two; b mv t/one t/two; rm t/linked-too; mkdir t/new t/new/er; at t/new/er t/new t/two")
        for name in sorted(touched | {"t"}, key=lambda name: -name.count("/")):
            print("at " + name)
        print("b find t | b sort | b xargs busybox stat -c '%n %F %a %u %g %Y'; b find t -type f | b sort | b xargs busybox md5sum")
        """#

    @Test("is the same whichever driver kept it, as root and as a user, and gives the same tree", arguments: 1...4)
    func sameLayer(seed: Int) throws {
        var layers: [String: String] = [:]
        var trees: Set<String> = []
        for `case` in StorageDriverTests.cases {
            let drydock = try Drydock(`case`.actor, content: false)
            func docker(_ arguments: String...) -> Outcome { drydock.docker(arguments, driver: `case`.driver) }
            let archive = drydock.home + "/tree.tar"
            let made = Bench.run(
                Bench.prefix(`case`.actor) + ["python3", "-c", Self.generator, "\(seed)", archive])
            try #require(made.status == 0, "\(made.all)")
            let imported = docker("import", archive, "base")
            try #require(imported.status == 0, "\(imported.all)")
            let run = docker("run", "--name", "one", "--network", "none", "base", "sh", "-c", made.output)
            try #require(run.status == 0, "\(`case`): \(run.all)\n\(made.output)")
            #expect(docker("commit", "one", "made").status == 0)
            let listing = made.output.split(separator: "\n").last.map(String.init) ?? ""
            let prelude = made.output.split(separator: "\n").first.map(String.init) ?? ""
            let seen = docker("run", "--rm", "--network", "none", "made", "sh", "-c", prelude + "\n" + listing)
            #expect(seen.output == run.output, "\(`case`)")
            trees.insert(run.output)
            layers["\(`case`)"] = docker("inspect", "-f", "{{index .RootFS.Layers 1}}", "made").output
            #expect(drydock.drydock(["system", "check", "--contents", "--dry-run"]).status == 0)
        }
        try #require(trees.count == 1, "the script made different trees")
        #expect(Set(layers.values).count == 1, "\(layers)")
    }
}
