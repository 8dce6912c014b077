import Diagnostics
import Glibc
import SystemPackage

/// The hub's package repository on disk: `v3.5/main/x86_64/…`, one set of packages with an index for each branch.
struct PackageRepository {
    let directory: FilePath

    /// The branches: the releases of the `alpine` images.
    static let branches = AlpineRelease.all.map(\.branch)

    private func place(_ branch: String) -> FilePath {
        directory.appending(
            [
                FilePath.Component(branch), FilePath.Component("main"), FilePath.Component(CourseArchitecture.alpine),
            ].compactMap { $0 })
    }

    /// Writes all packages and puts them into every branch: first the packages, then the indexes that name them. Nothing
    /// that an old index names is removed before the new one is there.
    ///
    /// - Parameter each: is told before each package.
    func publish(
        _ packages: [ApkPackage], key: SigningKey, each: (ApkPackage) throws(DrydockError) -> Void
    ) throws(DrydockError) -> [WrittenPackage] {
        try HostFiles.makeDirectories(directory)
        let scratch = directory.appending(".building-\(getpid())")
        HostFiles.remove(scratch)
        try HostFiles.makeDirectories(scratch)
        defer { HostFiles.remove(scratch) }
        let writer = ApkWriter(key: key, architecture: CourseArchitecture.alpine, scratch: scratch)
        var written: [WrittenPackage] = []
        for package in packages {
            try each(package)
            written.append(try writer.write(package, to: scratch))
        }
        for branch in Self.branches {
            let place = place(branch)
            try HostFiles.makeDirectories(place)
            for package in written {
                let name = package.package.id + ".apk"
                try HostFiles.link(scratch.appending(name), to: place.appending(name))
            }
            let description = "\(branch)-drydock"
            try writer.writeIndex(of: written, description: description, to: place.appending("APKINDEX.tar.gz"))
            let wanted = Set(written.map { $0.package.id + ".apk" } + ["APKINDEX.tar.gz"])
            for name in HostFiles.list(place) where !wanted.contains(name) { HostFiles.remove(place.appending(name)) }
        }
        try HostFiles.write(directory.appending(key.name), key.publicPEM)
        return written
    }

    /// Removes what builders that were killed have left.
    func sweep() {
        for name in HostFiles.list(directory) where name.hasPrefix(".building-") {
            guard let builder = pid_t(name.dropFirst(".building-".count)), kill(builder, 0) != 0, errno == ESRCH else {
                continue
            }
            HostFiles.remove(directory.appending(name))
        }
    }
}
