import Diagnostics
import SystemPackage

/// The packages that an `alpine` course image consists of, before anything is added.
struct BasePackages {
    /// The packages, in the order of the database.
    var packages: [ApkPackage]
    /// The version of busybox, in the distribution's words.
    var busyboxVersion: String
    /// When busybox was built, in seconds since 1970: the age of everything that is made from it.
    var built: Int64
    /// The busybox program of the host.
    var busybox: FilePath
    /// The paths that its applets usually have: `bin/ls`.
    var applets: [String]

    /// The names of the packages: what `/etc/apk/world` of an image asks for.
    static let names = ["alpine-baselayout", "alpine-keys", "apk-tools", "busybox"]

    init(source: DebianSource, key: SigningKey) throws(DrydockError) {
        let debian = try source.package("busybox-static")
        guard let file = debian.files.first(where: { $0.hasSuffix("/bin/busybox") }) else {
            throw DrydockError(.unavailable, "busybox-static has no busybox", remedy: "apt-get install busybox-static")
        }
        let busybox = debian.location(file)
        let program = debian.built([file])
        let applets = try HostCommand(busybox.string, "--list-full").check().text.split(separator: "\n").map(
            String.init
        )
        .filter { !$0.hasSuffix("/busybox") }
        let links = applets.map { TreeEntry($0, .symbolicLink("/bin/busybox")) }
        let version = ApkPackage.version(debian: debian.version)
        func make(_ name: String, _ version: String, _ summary: String, _ files: [TreeEntry]) -> ApkPackage {
            ApkPackage(
                name: name, version: version, summary: summary, url: "https://busybox.net/", license: "GPL-2.0-only",
                origin: name, files: files, built: program)
        }
        var layout = make(
            "alpine-baselayout", "3.0.4-r0", "Directories and basic files (course image)", AlpineTree.layout)
        layout.url = ""
        layout.license = "MIT"
        var keys = make(
            "alpine-keys", "1.3-r0", "The key of the practice hub's packages",
            [TreeEntry("etc/apk/keys/\(key.name)", text: key.publicPEM)])
        keys.url = ""
        keys.license = "MIT"
        var tools = make(
            "apk-tools", "2.6.8-r0", "The package manager, as a shell script that can be read (course image)",
            [TreeEntry("sbin/apk", .bytes(PackageResources.apk_sh), mode: 0o755)])
        tools.url = ""
        tools.license = "Apache-2.0"
        tools.depends = ["busybox"]
        var main = make(
            "busybox", version, "Size optimized toolbox of many common UNIX utilities",
            [TreeEntry("bin/busybox", .file(busybox), mode: 0o755)] + links)
        main.origin = debian.name
        main.provides = ["/bin/sh"]
        main.triggers = ["/bin", "/usr/bin", "/sbin", "/usr/sbin"]
        main.scripts["trigger"] =
            "#!/bin/sh\n# Links for commands that no package provides.\nexec /bin/busybox --install -s\n"
        packages = [layout, keys, tools, main]
        busyboxVersion = debian.version
        built = program
        self.busybox = busybox
        self.applets = applets
    }

    /// A small program that is only a script.
    func cowsay() -> ApkPackage {
        ApkPackage(
            name: "cowsay", version: "1.0-r0", summary: "A talking cow, in shell", license: "Apache-2.0",
            origin: "cowsay", provides: ["cmd:cowsay"],
            files: [TreeEntry("usr/bin/cowsay", .bytes(PackageResources.cowsay_sh), mode: 0o755)], built: built)
    }
}
