import Diagnostics
import Glibc
import OCI
import SystemPackage

/// Makes `debian` with mmdebstrap on its first pull, and `ubuntu:18.04`, which is played by the same.
struct DebianImages {
    let builder: CourseImageBuilder

    /// The tags of `debian`: one image.
    static let debianTags = ["latest", "bookworm", "bookworm-slim", "12", "12-slim", "stable"]
    /// The tags of `ubuntu`: one image.
    static let ubuntuTags = ["18.04", "bionic"]

    private static let packages = "mmdebstrap (minbase)"

    /// `debian:bookworm` and `ubuntu:18.04`: one root file system, and a layer more in the second that says so.
    func both(_ span: Span) throws(DrydockError) -> [CourseImage] {
        let (layer, built) = try base(span)
        let debian = builder.image(
            "library/debian", tags: Self.debianTags, layers: [layer], command: ["bash"], built: built,
            standsFor: "debian:bookworm", from: Self.packages, added: "the root file system of Debian 12 (bookworm)",
            summary: "Debian 12, minimal (course image, made by mmdebstrap)")
        let release = """
            PRETTY_NAME="Debian GNU/Linux 12 (bookworm), standing for Ubuntu 18.04 in a Drydock course"
            NAME="Debian GNU/Linux"
            VERSION_ID="12"
            VERSION="12 (bookworm), standing for Ubuntu 18.04"
            VERSION_CODENAME=bookworm
            ID=debian
            VARIANT="Drydock course image for ubuntu:18.04"
            VARIANT_ID=drydock

            """
        let note = try builder.layer("ubuntu", [TreeEntry("usr/lib/os-release", text: release)], built: built)
        let ubuntu = builder.image(
            "library/ubuntu", tags: Self.ubuntuTags, layers: [layer, note], command: ["/bin/bash"], built: built,
            standsFor: "ubuntu:18.04", from: Self.packages, added: "the root file system of Debian 12 (bookworm)",
            "an os-release that says what this is",
            summary: "Stands for Ubuntu 18.04: Debian 12, minimal (course image)")
        return [debian, ubuntu]
    }

    private func base(_ span: Span) throws(DrydockError) -> (layer: CourseImage.Layer, built: Int64) {
        guard HostCommand.find("mmdebstrap") != nil else {
            throw DrydockError(
                .unsupported, "cannot make the course image of debian: mmdebstrap is not installed",
                reason: "the real image could not be reached either", remedy: "apt-get install mmdebstrap")
        }
        let tar = builder.scratch.appending("debian.tar")
        let packed = builder.scratch.appending("debian.tar.gz")
        let built = Self.releaseDate()
        let making = span.begin("course.mmdebstrap")
        var command = HostCommand(
            "mmdebstrap", "--variant=minbase", "--mode=auto", "--quiet", "--aptopt=Acquire::Languages \"none\"",
            "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            "--customize-hook=rm -rf \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/apt/*.bin \"$1\"/var/log/*.log \"$1\"/var/log/apt",
            "bookworm", tar.string)
        command.arguments += Self.sources()
        command.environment["SOURCE_DATE_EPOCH"] = String(built)
        // The other ids of an ordinary user may not enter his home, so there mmdebstrap works in /tmp.
        if geteuid() == 0 { command.environment["TMPDIR"] = builder.scratch.string }
        do {
            try command.check(
                remedy:
                    "The package mirror has to be reachable; as an ordinary user mmdebstrap also needs newuidmap (apt-get install uidmap)."
            )
        } catch {
            making.fail(error)
            throw error
        }
        making.end()
        var plain = Digester()
        try HostFiles.stream(tar) { (chunk) throws(DrydockError) in plain.update(chunk) }
        try HostCommand("gzip", "-n", "-6", input: tar, output: packed).check()
        HostFiles.remove(tar)
        var compressed = Digester()
        try HostFiles.stream(packed) { (chunk) throws(DrydockError) in compressed.update(chunk) }
        let descriptor = Descriptor(mediaType: .ociLayerGzip, digest: compressed.digest(), size: compressed.count)
        return (CourseImage.Layer(file: packed, descriptor: descriptor, diffID: plain.digest()), built)
    }

    /// The host's own package sources where it is the same release (they may name a nearer mirror); else mmdebstrap's.
    private static func sources() -> [String] {
        guard let release = try? HostFiles.text("/etc/os-release"), release.contains("VERSION_CODENAME=bookworm"),
            release.contains("ID=debian")
        else { return [] }
        return ["/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"].filter { path in
            guard let text = try? HostFiles.text(FilePath(path)) else { return false }
            return text.split(separator: "\n").contains { $0.hasPrefix("deb ") || $0.hasPrefix("Types:") }
        }
    }

    /// When the host's list of the release was made: the age of the image, the same until the lists are refreshed.
    private static func releaseDate() -> Int64 {
        let lists: FilePath = "/var/lib/apt/lists"
        let releases = HostFiles.list(lists).filter { $0.hasSuffix("Release") && $0.contains("bookworm") }
        return releases.compactMap { HostFiles.modified(lists.appending($0)) }.max() ?? 1_686_355_200
    }
}
