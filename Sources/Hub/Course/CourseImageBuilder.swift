import Diagnostics
import Layers
import OCI
import SystemPackage

/// Makes the course images from trees: the same packages of the distribution always give the same digests.
struct CourseImageBuilder {
    /// Where layers are written; the caller removes it.
    let scratch: FilePath

    private static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The images that are made ahead.
    static let ahead = ["library/alpine", "library/busybox", "library/hello-world"]

    /// `alpine`: the base packages with their database.
    func alpine(
        _ release: AlpineRelease, base: BasePackages, written: [WrittenPackage]
    ) throws(DrydockError) -> CourseImage {
        var entries = base.packages.flatMap(\.files) + AlpineTree.release(release, packages: written)
        entries.append(try AlpineTree.scripts(written))
        let name = "alpine:\(release.tags[0])"
        let layer = try layer(name, entries, built: base.built)
        return image(
            "library/alpine", tags: release.tags, layers: [layer], command: ["/bin/sh"], built: base.built,
            standsFor: name, from: "busybox-static \(base.busyboxVersion)", added: "the root file system of \(name)",
            summary: "A minimal system with a package manager (course image: busybox and a readable apk)")
    }

    /// `busybox`: one program under many names.
    func busybox(_ base: BasePackages) throws(DrydockError) -> CourseImage {
        let names = base.applets.compactMap { FilePath($0).lastComponent?.string }
        var entries = Set(names).sorted().map { TreeEntry("bin/\($0)", .symbolicLink("busybox")) }
        entries.append(TreeEntry("bin/busybox", .file(base.busybox), mode: 0o755))
        let kept = [
            "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "usr/sbin", "var", "var/spool", "var/spool/mail",
            "var/www",
        ]
        entries += kept.map { TreeEntry($0, .directory, mode: $0 == "tmp" ? 0o1777 : $0 == "root" ? 0o700 : 0o755) }
        entries.append(TreeEntry("usr/bin/env", .symbolicLink("../../bin/env")))
        let files = ["etc/passwd", "etc/group", "etc/shadow", "etc/nsswitch.conf"]
        entries += AlpineTree.layout.filter { files.contains($0.path) }.map { entry in
            guard entry.path == "etc/passwd", case .bytes(let bytes) = entry.kind else { return entry }
            let text = String(decoding: bytes, as: UTF8.self)
            return TreeEntry("etc/passwd", text: text.split(separator: "/bin/ash").joined(separator: "/bin/sh"))
        }
        let version = ApkPackage.version(debian: base.busyboxVersion).prefix { $0 != "-" }
        let short = version.split(separator: ".").prefix(2).joined(separator: ".")
        return image(
            "library/busybox", tags: ["latest", String(version), short],
            layers: [try layer("busybox", entries, built: base.built)], command: ["sh"], built: base.built,
            standsFor: "busybox:latest", from: "busybox-static \(base.busyboxVersion)", added: "busybox",
            summary: "Many Unix commands in one small program (course image)")
    }

    /// `hello-world`: a static program that greets.
    func hello() throws(DrydockError) -> CourseImage {
        let entries = [TreeEntry("hello", .bytes(HelloProgram.elf), mode: 0o755)]
        return image(
            "library/hello-world", tags: ["latest", "linux"],
            layers: [try layer("hello-world", entries, built: Self.helloWritten)], command: ["/hello"],
            built: Self.helloWritten, environment: [Self.path], standsFor: "hello-world:latest",
            from: "a program of Drydock's own", added: "hello", summary: "Says hello (course image)")
    }

    /// When the hello program was last changed: 2026-11-21.
    private static let helloWritten: Int64 = 1_795_219_200

    /// Writes the layer of some entries.
    func layer(_ name: String, _ entries: [TreeEntry], built: Int64) throws(DrydockError) -> CourseImage.Layer {
        let file = scratch.appending(String(name.map { $0 == ":" || $0 == "/" ? "-" : $0 }) + ".tar.gz")
        let output = try OutputFile(file)
        let written = try LayerWriter.write(
            entries: TreeEntry.complete(entries).map { $0.layerEntry(built: built) },
            to: { (bytes) throws(DrydockError) in try output.write(bytes) })
        try output.finish()
        return CourseImage.Layer(file: file, descriptor: written.descriptor, diffID: written.diffID)
    }

    /// Puts a configuration around layers.
    ///
    /// - Parameters:
    ///   - built: when the content was built: what `docker image ls` shows as the image's age.
    ///   - standsFor: the image whose place it takes.
    ///   - from: what it was made of.
    ///   - added: what the history says of each layer.
    func image(
        _ repository: String, tags: [String], layers: [CourseImage.Layer], command: [String], built: Int64,
        environment: [String] = [Self.path], standsFor: String, from: String, added: String..., summary: String
    ) -> CourseImage {
        let created = Self.rfc3339(built)
        var config = ContainerConfig()
        config.env = environment
        config.cmd = command
        config.labels = [
            CourseImage.label: "made by Drydock on this machine, stands for \(standsFor)",
            "dev.drydock.made-from": from,
        ]
        let words = command.map { "\"\($0)\"" }.joined(separator: ", ")
        let history =
            added.map {
                ImageConfig.History(created: created, createdBy: "drydock: ADD \($0) in /", comment: "course image")
            }
            + [ImageConfig.History(created: created, createdBy: "drydock: CMD [\(words)]", emptyLayer: true)]
        return CourseImage(
            repository: repository, tags: tags,
            config: ImageConfig(
                created: created, platform: .current, config: config, diffIDs: layers.map(\.diffID), history: history),
            layers: layers, summary: summary)
    }

    /// A time in UTC, `2022-12-13T09:00:00Z` (RFC 3339), with the civil calendar counted from March.
    static func rfc3339(_ seconds: Int64) -> String {
        let days = seconds / 86400
        let rest = seconds % 86400
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        func two(_ number: Int64) -> String { (number < 10 ? "0" : "") + String(number) }
        return "\(year)-\(two(month < 10 ? month + 3 : month - 9))-\(two(day))"
            + "T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }
}

extension TreeEntry {
    /// The same for a layer.
    func layerEntry(built: Int64) -> LayerEntry {
        let kind: LayerEntry.Kind =
            switch self.kind {
            case .directory: .directory
            case .bytes(let bytes): .file(.bytes(bytes))
            case .file(let path): .file(.file(path))
            case .symbolicLink(let target): .symbolicLink(target)
            }
        return LayerEntry(FilePath(path), kind, mode: mode, mtime: Timestamp(seconds: built))
    }
}
