import Diagnostics
import SystemPackage

/// The processor of this machine, in the words of the package formats.
enum CourseArchitecture {
    #if arch(arm64)
        /// Alpine's name.
        static let alpine = "aarch64"
        /// The directory of shared libraries in the distribution.
        static let triplet = "aarch64-linux-gnu"
        /// Where programs expect the dynamic loader.
        static let loader = "lib/ld-linux-aarch64.so.1"
    #else
        /// Alpine's name.
        static let alpine = "x86_64"
        /// The directory of shared libraries in the distribution.
        static let triplet = "x86_64-linux-gnu"
        /// Where programs expect the dynamic loader.
        static let loader = "lib64/ld-linux-x86-64.so.2"
    #endif
}

/// Makes Alpine-format packages from packages of the distribution: a program with what belongs to it, and each shared
/// library that it needs, down to the dynamic loader, in a package of its own.
struct PackageRecipes {
    private let source: DebianSource
    private(set) var packages: [ApkPackage] = []
    private var providers: [String: String] = [:]

    init(source: DebianSource) { self.source = source }

    /// Adds a package that is complete as it is.
    mutating func add(_ package: ApkPackage) { packages.append(package) }

    /// Node.js: the program, and in the distribution's own build also the JavaScript parts that it keeps outside.
    mutating func addNode() throws(DrydockError) {
        let node = try source.package("nodejs")
        var files = select(node, ["/usr/bin/node", "/usr/bin/nodejs"])
        // Debian's build keeps the engine in a library, and parts of Node's own library in packages named node-….
        let engine = try node.depends.first { $0.hasPrefix("libnode") }.map { (name) throws(DrydockError) in
            try source.package(name)
        }
        let parts = Set((node.depends + (engine?.depends ?? [])).filter { $0.hasPrefix("node-") })
        for name in engine == nil ? [] : parts.sorted() {
            let part = try source.package(name)
            files += part.files.filter {
                $0.hasPrefix("/usr/share/nodejs/") && !$0.hasSuffix(".d.ts") && !$0.hasSuffix(".map")
            }
            .compactMap { entry(part, $0, to: String($0.dropFirst())) }
        }
        try addProgram(
            "nodejs", from: node, files, summary: "JavaScript runtime built on V8 engine - LTS version",
            url: "https://nodejs.org/", license: "MIT")
    }

    /// bash, with the terminal descriptions that its line editor reads.
    mutating func addBash() throws(DrydockError) {
        let terminals = try source.package("ncurses-base")
        add(
            ApkPackage(
                name: "ncurses-terminfo-base", version: ApkPackage.version(debian: terminals.version),
                summary: "Descriptions of common terminals", url: "https://invisible-island.net/ncurses/",
                license: "MIT",
                origin: "ncurses",
                files: terminals.files.compactMap { file in
                    guard let range = file.firstRange(of: "/terminfo/") else { return nil }
                    return entry(terminals, file, to: "usr/share/terminfo/" + file[range.upperBound...])
                }, built: terminals.built(terminals.files)))
        let bash = try source.package("bash")
        let script = "#!/bin/sh\ngrep -qx /bin/bash /etc/shells 2>/dev/null || echo /bin/bash >> /etc/shells\n"
        let remove = "#!/bin/sh\nsed -i '/^\\/bin\\/bash$/d' /etc/shells\n"
        try addProgram(
            "bash", from: bash, select(bash, ["/bin/bash", "/usr/bin/bash"], to: "bin/bash"),
            summary: "The GNU Bourne Again shell", url: "https://www.gnu.org/software/bash/",
            license: "GPL-3.0-or-later",
            depends: ["ncurses-terminfo-base"], scripts: ["post-install": script, "pre-deinstall": remove])
    }

    /// The certificates that HTTPS clients trust, as one file.
    mutating func addCertificates() throws(DrydockError) {
        let package = try source.package("ca-certificates")
        let certificates = package.files.filter { $0.hasSuffix(".crt") && $0.contains("/mozilla/") }.sorted()
        var bundle: [UInt8] = []
        for file in certificates { bundle += try HostFiles.read(package.location(file)) }
        add(
            ApkPackage(
                name: "ca-certificates", version: Self.dateVersion(package.version),
                summary: "Common CA certificates PEM files", url: "https://salsa.debian.org/debian/ca-certificates",
                license: "MPL-2.0 GPL-2.0-or-later", origin: "ca-certificates",
                files: [
                    TreeEntry("etc/ssl/certs/ca-certificates.crt", .bytes(bundle)),
                    TreeEntry("etc/ssl/cert.pem", .symbolicLink("certs/ca-certificates.crt")),
                ], built: package.built(certificates)))
    }

    /// A program that is a single file.
    mutating func addSimple(
        _ name: String, summary: String, url: String, license: String, depends: [String] = []
    ) throws(DrydockError) {
        let package = try source.package(name)
        try addProgram(
            name, from: package, select(package, ["/usr/bin/\(name)"]), summary: summary, url: url, license: license,
            depends: depends)
    }

    // MARK: -

    /// `20230311+deb12u1`: a date is a version too.
    private static func dateVersion(_ debian: String) -> String {
        let version = ApkPackage.version(debian: debian)
        return version == "0-r0" ? "20230311-r0" : version
    }

    private func entry(_ package: DebianPackage, _ file: String, to path: String) -> TreeEntry? {
        let location = package.location(file)
        switch HostFiles.kind(location) {
        case .file:
            return TreeEntry(path, .file(location), mode: HostFiles.isExecutable(location) ? 0o755 : 0o644)
        case .symbolicLink: return (try? HostFiles.readLink(location)).map { TreeEntry(path, .symbolicLink($0)) }
        default: return nil
        }
    }

    /// Those of some paths that the package has, at the same place or at the one given.
    private func select(_ package: DebianPackage, _ files: [String], to path: String? = nil) -> [TreeEntry] {
        files.filter { package.files.contains($0) }.compactMap {
            entry(package, $0, to: path ?? String($0.dropFirst()))
        }
    }

    private mutating func addProgram(
        _ name: String, from debian: DebianPackage, _ files: [TreeEntry], summary: String, url: String, license: String,
        depends: [String] = [], scripts: [String: String] = [:]
    ) throws(DrydockError) {
        guard !files.isEmpty else {
            throw DrydockError(.unavailable, "the package \(debian.name) does not have the files of \(name)")
        }
        let libraries = try self.libraries(of: files)
        packages.append(
            ApkPackage(
                name: name, version: ApkPackage.version(debian: debian.version), summary: summary, url: url,
                license: license, origin: debian.name, depends: depends + libraries.needed.map { "so:\($0)" },
                provides: files.filter { $0.path.contains("bin/") }.compactMap {
                    FilePath($0.path).lastComponent.map { "cmd:\($0.string)" }
                }, scripts: scripts, files: files, built: built(files)))
        for library in libraries.needed { try provide(library, neededBy: debian) }
    }

    private func built(_ files: [TreeEntry]) -> Int64 {
        files.compactMap { entry in
            if case .file(let path) = entry.kind { return HostFiles.modified(path) }
            return nil
        }.max() ?? 0
    }

    /// What some files need that is not among them, and the names that the libraries among them have; sorted.
    private func libraries(of files: [TreeEntry]) throws(DrydockError) -> (needed: [String], names: [String]) {
        var needed: Set<String> = []
        var names: Set<String> = []
        for entry in files {
            guard case .file(let path) = entry.kind, let library = try SharedLibraries(file: path) else { continue }
            needed.formUnion(library.needed)
            if let name = library.name { names.insert(name) }
        }
        return (needed.subtracting(names).sorted(), names.sorted())
    }

    /// Libraries that everything needs; packages name them in too many ways to follow.
    private static let wellKnown = [
        "libgcc_s.so.1": "libgcc-s1", "libstdc++.so.6": "libstdc++6", "libc.so.6": "libc6", "libm.so.6": "libc6",
        "libdl.so.2": "libc6", "libpthread.so.0": "libc6", "librt.so.1": "libc6", "libresolv.so.2": "libc6",
        "libutil.so.1": "libc6", "ld-linux-x86-64.so.2": "libc6", "ld-linux-aarch64.so.1": "libc6",
    ]

    private mutating func provide(_ library: String, neededBy debian: DebianPackage) throws(DrydockError) {
        if providers[library] != nil { return }
        var candidates = [Self.wellKnown[library]].compactMap { $0 }
        if candidates.isEmpty {
            candidates = debian.depends.filter { $0.hasPrefix("lib") || $0.hasPrefix("zlib") }
            for directory in ["/usr/lib/", "/lib/"] {
                let path = directory + CourseArchitecture.triplet + "/" + library
                if let owner = try source.owner(of: path) { candidates.append(owner) }
            }
        }
        for name in candidates {
            let package = try source.package(name)
            if package.files.contains(where: { $0.hasSuffix("/\(CourseArchitecture.triplet)/\(library)") }) {
                return try addLibraries(of: package)
            }
        }
        throw DrydockError(
            .unavailable, "no package of the distribution provides \(library), which \(debian.name) needs",
            remedy: "apt-get install \(debian.name)")
    }

    /// `libz.so`, `libz.so.1.2`, but not `libz.so.1-gdb.py`.
    private static func isLibrary(_ name: Substring) -> Bool {
        guard let range = name.firstRange(of: ".so") else { return false }
        return name[range.upperBound...].allSatisfy { $0 == "." || $0.isNumber }
    }

    private mutating func addLibraries(of debian: DebianPackage) throws(DrydockError) {
        let directory = "/\(CourseArchitecture.triplet)/"
        var files = debian.files.compactMap { file -> TreeEntry? in
            guard let range = file.firstRange(of: directory) else { return nil }
            let name = file[range.upperBound...]
            guard !name.contains("/"), Self.isLibrary(name),
                !LibraryNames.left.contains(where: name.hasPrefix)
            else { return nil }
            return entry(debian, file, to: "usr/lib" + directory + name)
        }
        if debian.name == "libc6" {
            let loader = FilePath(CourseArchitecture.loader).lastComponent?.string ?? ""
            files.append(TreeEntry(CourseArchitecture.loader, .symbolicLink("/usr/lib\(directory)\(loader)")))
        }
        var made: [(needed: [String], names: [String])] = []
        for part in LibraryNames.parts(of: debian.name) {
            let own = files.filter { part.takes($0.path) }
            let libraries = try self.libraries(of: own)
            let version = ApkPackage.version(debian: debian.version)
            for name in libraries.names { providers[name] = part.name }
            packages.append(
                ApkPackage(
                    name: part.name, version: version, summary: part.summary, url: part.url, license: part.license,
                    origin: debian.name, depends: libraries.needed.map { "so:\($0)" },
                    provides: libraries.names.map { "so:\($0)=\(version.prefix { $0 != "-" })" }, files: own,
                    built: built(own)))
            made.append(libraries)
        }
        for library in made.flatMap(\.needed) { try provide(library, neededBy: debian) }
    }
}

/// What the library packages of the distribution are called in Alpine's world.
enum LibraryNames {
    /// A package that takes some of the files.
    struct Part {
        var name: String
        var summary: String
        var url: String
        var license: String
        var only = ""

        func takes(_ path: String) -> Bool { only.isEmpty || path.contains(only) }
    }

    /// Beginnings of the names of libraries that nothing in the course needs.
    static let left = [
        "libicutest", "libicutu", "libicuio", "libthread_db", "libBrokenLocale", "libSegFault", "libmemusage",
        "libpcprofile",
        "libnss_hesiod", "libc_malloc_debug",
    ]

    static func parts(of debian: String) -> [Part] {
        switch debian {
        case "libc6":
            [
                Part(
                    name: "glibc", summary: "GNU C library and dynamic loader",
                    url: "https://www.gnu.org/software/libc/", license: "LGPL-2.1-or-later")
            ]
        case "libgcc-s1":
            [
                Part(
                    name: "libgcc", summary: "GNU C compiler runtime libraries", url: "https://gcc.gnu.org",
                    license: "GPL-3.0-or-later WITH GCC-exception-3.1")
            ]
        case "libstdc++6":
            [
                Part(
                    name: "libstdc++", summary: "GNU C++ standard runtime library", url: "https://gcc.gnu.org",
                    license: "GPL-3.0-or-later WITH GCC-exception-3.1")
            ]
        case "libssl3", "libssl3t64":
            [
                Part(
                    name: "libcrypto3", summary: "Crypto library from openssl", url: "https://www.openssl.org/",
                    license: "Apache-2.0", only: "libcrypto"),
                Part(
                    name: "libssl3", summary: "SSL shared libraries", url: "https://www.openssl.org/",
                    license: "Apache-2.0", only: "libssl"),
            ]
        case "zlib1g":
            [
                Part(
                    name: "zlib", summary: "A compression/decompression Library", url: "https://zlib.net/",
                    license: "Zlib")
            ]
        case "libuv1", "libuv1t64":
            [Part(name: "libuv", summary: "Cross-platform asychronous I/O", url: "https://libuv.org/", license: "MIT")]
        case "libcares2", "libc-ares2":
            [Part(name: "c-ares", summary: "Asynchronous DNS library", url: "https://c-ares.org/", license: "MIT")]
        case "libnghttp2-14":
            [Part(name: "nghttp2-libs", summary: "HTTP/2 library", url: "https://nghttp2.org/", license: "MIT")]
        case "libbrotli1":
            [
                Part(
                    name: "brotli-libs", summary: "Compression library", url: "https://github.com/google/brotli",
                    license: "MIT")
            ]
        case "libcurl4", "libcurl4t64":
            [
                Part(
                    name: "libcurl", summary: "The multiprotocol file transfer library", url: "https://curl.se/",
                    license: "curl")
            ]
        case "libtinfo6":
            [
                Part(
                    name: "ncurses-libs", summary: "Terminal library", url: "https://invisible-island.net/ncurses/",
                    license: "MIT")
            ]
        case _ where debian.hasPrefix("libicu"):
            [
                Part(
                    name: "icu-libs", summary: "International Components for Unicode library",
                    url: "https://icu.unicode.org/", license: "Unicode-3.0")
            ]
        default:
            [
                Part(
                    name: plainName(debian), summary: "Shared library from the package \(debian)",
                    url: "https://packages.debian.org/\(debian)", license: "see the package \(debian)")
            ]
        }
    }

    /// `libidn2-0`: `libidn2`; the number of the interface is not part of Alpine's names.
    private static func plainName(_ debian: String) -> String {
        guard let dash = debian.lastIndex(of: "-"),
            debian[debian.index(after: dash)...].allSatisfy({ $0.isNumber || $0 == "." })
        else { return debian }
        return String(debian[..<dash])
    }
}
