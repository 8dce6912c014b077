import Diagnostics
import SystemPackage

/// One run of making things: what is fetched and read once serves packages and images.
final class Workshop {
    let source: DebianSource
    private let registry: HubRegistry
    private let scratch: FilePath
    private var made: (packages: BasePackages, written: [WrittenPackage])?

    init(registry: HubRegistry, scratch: FilePath, preferInstalled: Bool) {
        self.registry = registry
        self.scratch = scratch
        source = DebianSource(scratch: scratch, preferInstalled: preferInstalled)
    }

    private func key() throws(DrydockError) -> SigningKey {
        try SigningKey(file: registry.data.appending("keys/drydock.rsa"))
    }

    /// Makes all packages and publishes them.
    func makePackages(
        _ span: Span, _ report: inout PracticeHubContent.Report, _ progress: @escaping (String) -> Void
    ) throws(DrydockError) {
        let key = try key()
        let base = try BasePackages(source: source, key: key)
        progress("Collecting Node.js and its libraries")
        var recipes = PackageRecipes(source: source)
        for package in base.packages { recipes.add(package) }
        recipes.add(base.cowsay())
        try recipes.addNode()
        // What the course can do without is left out where it cannot be had.
        let extras: [(String, (inout PackageRecipes) throws(DrydockError) -> Void)] = [
            ("ca-certificates", { (book) throws(DrydockError) in try book.addCertificates() }),
            (
                "curl",
                { (book) throws(DrydockError) in
                    try book.addSimple(
                        "curl", summary: "URL retrival utility and library", url: "https://curl.se/", license: "curl",
                        depends: ["ca-certificates"])
                }
            ),
            ("bash", { (book) throws(DrydockError) in try book.addBash() }),
            (
                "jq",
                { (book) throws(DrydockError) in
                    try book.addSimple(
                        "jq", summary: "A lightweight and flexible command-line JSON processor",
                        url: "https://jqlang.github.io/jq/", license: "MIT")
                }
            ),
            (
                "tree",
                { (book) throws(DrydockError) in
                    try book.addSimple(
                        "tree", summary: "A recursive directory indented listing program",
                        url: "http://mama.indstate.edu/users/ice/tree/", license: "GPL-2.0-or-later")
                }
            ),
        ]
        for (name, add) in extras {
            var attempt = recipes
            do {
                try add(&attempt)
                recipes = attempt
            } catch { report.skipped.append("package \(name): \(error)") }
        }
        let repository = PackageRepository(directory: registry.packages)
        repository.sweep()
        let publishing = span.begin("course.packages", TraceFact("packages", .count(Int64(recipes.packages.count))))
        var made: [String] = []
        var open: Span?
        let written: [WrittenPackage]
        do {
            written = try repository.publish(recipes.packages, key: key) { package in
                open?.end()
                open = publishing.begin("course.package", TraceFact("package", .text(package.id)))
                progress("Packing \(package.id)")
                made.append("package \(package.name)")
            }
        } catch {
            (open ?? publishing).fail(error)
            throw error
        }
        open?.end()
        publishing.end()
        report.made += made
        self.made = (base, written.filter { BasePackages.names.contains($0.package.name) })
    }

    /// Makes the images of some repositories and puts them into the hub.
    func makeImages(
        _ repositories: [String], _ span: Span, _ report: inout PracticeHubContent.Report,
        _ progress: @escaping (String) -> Void
    ) throws(DrydockError) {
        let builder = CourseImageBuilder(scratch: scratch)
        func take(_ name: String, _ make: () throws(DrydockError) -> CourseImage) throws(DrydockError) {
            progress("Making the image \(name)")
            let making = span.begin("course.image", TraceFact("image", .text(name)))
            do { try registry.importImage(try make()) } catch {
                making.fail(error)
                throw error
            }
            making.end()
            report.made.append(name)
        }
        for repository in repositories {
            switch repository {
            case "library/alpine":
                let base = try base()
                for release in AlpineRelease.all {
                    try take("alpine:\(release.tags[0])") { () throws(DrydockError) in
                        try builder.alpine(release, base: base.packages, written: base.written)
                    }
                }
            case "library/busybox":
                let base = try base().packages
                try take("busybox:latest") { () throws(DrydockError) in try builder.busybox(base) }
            case "library/hello-world":
                try take("hello-world:latest") { () throws(DrydockError) in try builder.hello() }
            default: break
            }
        }
    }

    /// The base packages, written in this run: the database of an image names their checksums, which are the same
    /// each time.
    private func base() throws(DrydockError) -> (packages: BasePackages, written: [WrittenPackage]) {
        if let made { return made }
        let packages = try BasePackages(source: source, key: try key())
        let writer = ApkWriter(key: try key(), architecture: CourseArchitecture.alpine, scratch: scratch)
        var written: [WrittenPackage] = []
        for package in packages.packages { written.append(try writer.write(package, to: scratch)) }
        made = (packages, written)
        return (packages, written)
    }
}
