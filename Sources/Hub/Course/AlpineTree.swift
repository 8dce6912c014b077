import Diagnostics
import SystemPackage

/// A release that an `alpine` course image stands for.
struct AlpineRelease: Sendable {
    /// The tags of the image.
    var tags: [String]
    /// `/etc/alpine-release`
    var version: String
    /// The directory of its packages in the repository: `v3.5`.
    var branch: String

    /// The releases of the course.
    static let all = [
        AlpineRelease(tags: ["3.5"], version: "3.5.3", branch: "v3.5"),
        AlpineRelease(tags: ["3.7"], version: "3.7.3", branch: "v3.7"),
        AlpineRelease(tags: ["latest"], version: "3.20.3", branch: "latest-stable"),
    ]
}

/// The files of an `alpine` course image.
enum AlpineTree {
    /// What the package `alpine-baselayout` brings along.
    static let layout: [TreeEntry] =
        [
            "bin", "dev", "etc", "etc/apk", "etc/apk/keys", "etc/profile.d", "home", "lib", "media", "mnt", "opt",
            "proc",
            "run", "sbin", "srv", "sys", "usr", "usr/bin", "usr/lib", "usr/local", "usr/local/bin", "usr/sbin",
            "usr/share",
            "var", "var/cache", "var/cache/apk", "var/lib", "var/log", "var/spool", "lib/apk", "lib/apk/db",
        ].map { TreeEntry($0, .directory) } + [
            TreeEntry("root", .directory, mode: 0o700),
            TreeEntry("tmp", .directory, mode: 0o1777),
            TreeEntry("var/tmp", .directory, mode: 0o1777),
            TreeEntry("var/run", .symbolicLink("../run")),
            TreeEntry("etc/passwd", text: accounts.map(\.passwd).joined()),
            TreeEntry("etc/group", text: accounts.map(\.group).joined() + moreGroups),
            TreeEntry("etc/shadow", text: accounts.map(\.shadow).joined(), mode: 0o640),
            TreeEntry("etc/shells", text: "/bin/sh\n/bin/ash\n"),
            TreeEntry("etc/hostname", text: "localhost\n"),
            TreeEntry("etc/hosts", text: "127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost\n"),
            TreeEntry("etc/nsswitch.conf", text: "hosts: files dns\n"),
            TreeEntry("etc/motd", text: "Welcome to a course image of Drydock.\n"),
            TreeEntry("etc/profile", text: profile),
        ]

    /// What an image has that belongs to no package: what release it stands for, and what apk is set to.
    static func release(_ release: AlpineRelease, packages: [WrittenPackage]) -> [TreeEntry] {
        let name = release.version.split(separator: ".").prefix(2).joined(separator: ".")
        return [
            TreeEntry("etc/alpine-release", text: release.version + "\n"),
            TreeEntry(
                "etc/issue", text: "Welcome to Alpine Linux \(name) (course image)\nKernel \\r on an \\m (\\l)\n\n"),
            TreeEntry(
                "etc/os-release",
                text: """
                    NAME="Alpine Linux"
                    ID=alpine
                    VERSION_ID=\(release.version)
                    PRETTY_NAME="Alpine Linux v\(name)"
                    VARIANT="Drydock course image"
                    VARIANT_ID=drydock

                    """),
            TreeEntry("etc/apk/arch", text: CourseArchitecture.alpine + "\n"),
            TreeEntry("etc/apk/repositories", text: "http://hub.drydock:5480/alpine/\(release.branch)/main\n"),
            TreeEntry("etc/apk/world", text: BasePackages.names.map { $0 + "\n" }.joined()),
            TreeEntry("lib/apk/db/installed", text: packages.map(\.installedRecord).joined()),
            TreeEntry("lib/apk/db/lock", text: ""),
            TreeEntry(
                "lib/apk/db/triggers",
                text: packages.filter { !$0.package.triggers.isEmpty }.map {
                    "\($0.checksum) \($0.package.triggers.joined(separator: " "))\n"
                }.joined()),
        ]
    }

    /// `/lib/apk/db/scripts.tar`: the scripts of the packages, by `NAME-VERSION.X1<checksum>.<when>`.
    static func scripts(_ packages: [WrittenPackage]) throws(DrydockError) -> TreeEntry {
        var bytes: [UInt8] = []
        let tar = TarSegment(time: packages.map(\.package.built).max() ?? 0) { bytes += $0 }
        for written in packages {
            for (when, script) in written.package.scripts.sorted(by: { $0.key < $1.key }) {
                try tar.entry("\(written.package.id).X1\(written.checksumHex).\(when)", Array(script.utf8), mode: 0o755)
            }
        }
        try tar.end()
        return TreeEntry("lib/apk/db/scripts.tar", .bytes(bytes))
    }

    // MARK: -

    private struct Account {
        var name: String
        var id: Int
        var home = "/dev/null"
        var shell = "/sbin/nologin"
        var passwd: String { "\(name):x:\(id):\(id):\(name):\(home):\(shell)\n" }
        var group: String { "\(name):x:\(id):\(name == "root" ? "root" : "")\n" }
        var shadow: String { "\(name):!::0:::::\n" }
    }

    private static let accounts = [
        Account(name: "root", id: 0, home: "/root", shell: "/bin/ash"), Account(name: "bin", id: 1, home: "/bin"),
        Account(name: "daemon", id: 2, home: "/sbin"), Account(name: "adm", id: 3, home: "/var/log"),
        Account(name: "mail", id: 8, home: "/var/spool/mail"), Account(name: "guest", id: 405),
        Account(name: "nobody", id: 65534, home: "/"),
    ]

    private static let moreGroups = "tty:x:5:\ndisk:x:6:root\nwheel:x:10:root\naudio:x:29:\nutmp:x:406:\nusers:x:100:\n"

    private static let profile = """
        export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        export PAGER=less
        export PS1='\\h:\\w\\$ '
        umask 022

        for script in /etc/profile.d/*.sh; do
            [ -r "$script" ] && . "$script"
        done

        """
}
