public import Diagnostics
public import Engine
import OCI

/// Draws what is really there, from the documents that `docker inspect` prints.
public struct LivePictures: Sendable {
    private let engine: any EngineOperations
    private let language: ExplainLanguage

    /// Makes pictures of what an engine has.
    public init(engine: any EngineOperations, language: ExplainLanguage) {
        self.engine = engine
        self.language = language
    }

    /// The layers of an image, or of a container with its own layer on top, with sizes and with who shares them.
    /// - Throws: code `.notFound` where there is neither.
    public func layers(of name: String) throws(DrydockError) -> Document {
        if let container = try optional({ () throws(DrydockError) in try engine.inspectContainer(name, size: true) }) {
            return try layers(ofContainer: container, named: name)
        }
        let image = try engine.inspectImage(name)
        let title = language.pick("The layers of the image \(name)", "Les couches de l’image \(name)")
        return Document([.stack(title: title, try tiers(of: image, named: name))])
    }

    /// Every layer that has a version of a path, the one that is seen first, and who shares that layer.
    /// - Throws: code `.notFound` where there is neither an image nor a container of this name.
    public func versions(of path: String, in name: String) throws(DrydockError) -> Document {
        let versions = try engine.layers(holding: path, of: name)
        guard !versions.isEmpty else {
            return paragraph(
                language.pick("No layer of \(name) has \(path).", "Aucune couche de \(name) ne contient \(path)."))
        }
        let container = try optional({ () throws(DrydockError) in try engine.inspectContainer(name, size: false) })
        let image = try engine.inspectImage(container?["Image"]?.string ?? name)
        let tiers = try tiers(of: image, named: container.flatMap { $0.at("Config.Image")?.string } ?? name)
        let own = language.pick("own layer", "propre couche")
        let rows = versions.enumerated().map { place, version in
            let row = tiers.count - 1 - version.index
            let tier = version.layer != nil && tiers.indices.contains(row) ? tiers[row] : nil
            let what = version.isDeletion ? language.pick("deleted", "supprimé") : Units.bytes(version.size)
            let seen =
                switch (place, version.isDeletion) {
                case (0, false): language.pick("this one is seen", "c’est elle qu’on voit")
                case (0, true): language.pick("so there is none to see", "on n’en voit donc aucune")
                default: language.pick("hidden by the layer above", "masquée par la couche du dessus")
                }
            return [tier?.title ?? own, what, seen, tier?.remark ?? ""]
        }
        return Document([
            .heading(level: 3, [.text("\(name):\(path)")]),
            .table(
                headings: [language.pick("layer", "couche"), language.pick("size", "taille"), "", ""], rows: rows),
        ])
    }

    /// What a container changed compared with its image.
    /// - Throws: code `.notFound` where there is no such container.
    public func changes(of container: String, limit: Int = 15) throws(DrydockError) -> Document {
        let changes = try engine.diff(container)
        guard !changes.isEmpty else {
            return paragraph(
                language.pick(
                    "\(container) has changed nothing: its own layer is empty.",
                    "\(container) n’a rien changé : sa propre couche est vide."))
        }
        // A directory is listed as changed because of what is in it; what was added or deleted says more.
        let telling = changes.filter { $0.kind != .changed }
        let shown = (telling.isEmpty ? changes : telling).prefix(limit)
        var rows = shown.map { [$0.kind.rawValue, meaning(of: $0.kind), $0.path] }
        if changes.count > shown.count {
            rows.append([
                "", "",
                language.pick(
                    "and \(changes.count - shown.count) more (docker container diff \(container))",
                    "et \(changes.count - shown.count) autres (docker container diff \(container))"),
            ])
        }
        return Document([
            .heading(level: 3, [.text(language.pick("What \(container) changed", "Ce que \(container) a changé"))]),
            .table(headings: ["", "", language.pick("path", "chemin")], rows: rows),
        ])
    }

    /// All names of an image: a tag is only a name.
    /// - Throws: code `.notFound` where there is no such image.
    public func names(of image: String) throws(DrydockError) -> Document {
        let document = try engine.inspectImage(image)
        let id = document["Id"]?.string ?? ""
        let rows = try engine.images(all: false, matching: [:]).filter { $0.id.description == id }.map { summary in
            [
                summary.repository ?? "<none>", summary.tag ?? "<none>", Units.short(id),
                summary.digest.map { "sha256:" + Units.short($0.description) } ?? "",
            ]
        }
        return Document([
            .heading(level: 3, [.text(language.pick("One image, its names", "Une image, ses noms"))]),
            .table(
                headings: [
                    language.pick("repository", "dépôt"), language.pick("tag", "étiquette"), "image",
                    language.pick("digest in the registry", "empreinte dans le registre"),
                ], rows: rows),
        ])
    }

    /// Where a container stands in its life.
    /// - Throws: code `.notFound` where there is no such container.
    public func life(of container: String) throws(DrydockError) -> Document {
        let document = try engine.inspectContainer(container, size: false)
        let status = document.at("State.Status")?.string ?? "?"
        let command = ([document["Path"]?.string ?? ""] + (document["Args"]?.array ?? []).compactMap(\.string))
            .joined(separator: " ")
        var rows = [
            [language.pick("image", "image"), document.at("Config.Image")?.string ?? ""],
            [language.pick("program", "programme"), command],
            [language.pick("state", "état"), status],
            [language.pick("created", "créé"), moment(document["Created"])],
            [language.pick("started", "démarré"), moment(document.at("State.StartedAt"))],
        ]
        if status != "running" {
            rows.append([language.pick("ended", "terminé"), moment(document.at("State.FinishedAt"))])
            if let code = document.at("State.ExitCode")?.int {
                rows.append([language.pick("exit code", "code de retour"), String(code)])
            }
        }
        return Document([
            .heading(level: 3, [.text(language.pick("The container \(container)", "Le conteneur \(container)"))]),
            .table(headings: ["", ""], rows: rows.filter { !$0[1].isEmpty }),
        ])
    }

    private func layers(ofContainer container: JSONValue, named name: String) throws(DrydockError) -> Document {
        let imageID = container["Image"]?.string ?? ""
        let imageName = container.at("Config.Image")?.string ?? imageID
        let size = container["SizeRw"]?.int.map(Units.bytes) ?? ""
        let own = Tier(
            kind: .writable, title: language.pick("own layer of \(name)", "couche propre de \(name)"), size: size,
            remark: language.pick("can be written to", "accessible en écriture"))
        let image = try optional { () throws(DrydockError) in try engine.inspectImage(imageID) }
        let below = try image.map { image throws(DrydockError) in try tiers(of: image, named: imageName) } ?? []
        let title = language.pick(
            "The container \(name) on its image \(imageName)",
            "Le conteneur \(name) sur son image \(imageName)")
        return Document([.stack(title: title, [own] + below)])
    }

    /// The layers of an image, top first.
    private func tiers(of image: JSONValue, named name: String) throws(DrydockError) -> [Tier] {
        let layers = diffIDs(image)
        let id = image["Id"]?.string ?? ""
        let lines = try engine.history(id.isEmpty ? name : id)
        let made = lines.count == layers.count ? lines : lines.filter { $0.size > 0 }
        var others: [(name: String, layers: [String])] = []
        for summary in try engine.images(all: false, matching: [:]) where summary.id.description != id {
            guard
                let document = try optional({ () throws(DrydockError) in
                    try engine.inspectImage(summary.id.description)
                })
            else { continue }
            let other = [summary.repository, summary.tag].compactMap { $0 }.joined(separator: ":")
            others.append((other.isEmpty ? Units.short(summary.id.description) : other, diffIDs(document)))
        }
        return layers.indices.reversed().map { index in
            let line = made.count == layers.count ? made[layers.count - 1 - index] : nil
            let sharing = others.filter { $0.layers.prefix(index + 1) == layers.prefix(index + 1) }.map(\.name)
            return Tier(
                kind: .readOnly, title: Units.short(layers[index]), size: line.map { Units.bytes($0.size) } ?? "",
                remark: remark(sharing))
        }
    }

    private func remark(_ sharing: [String]) -> String {
        guard !sharing.isEmpty else { return "" }
        let names = sharing.prefix(3).joined(separator: ", ") + (sharing.count > 3 ? ", …" : "")
        return language.pick("shared with \(names)", "partagée avec \(names)")
    }

    private func diffIDs(_ image: JSONValue) -> [String] {
        (image.at("RootFS.Layers")?.array ?? []).compactMap(\.string)
    }

    private func meaning(of kind: FileChange.Kind) -> String {
        switch kind {
        case .added: language.pick("added", "ajouté")
        case .changed: language.pick("changed", "modifié")
        case .deleted: language.pick("deleted", "supprimé")
        }
    }

    /// A time without its fraction; empty for Docker's time zero.
    private func moment(_ value: JSONValue?) -> String {
        guard let text = value?.string, !text.hasPrefix("0001") else { return "" }
        return text.prefix(19).replacing("T", with: " ") + " UTC"
    }

    private func paragraph(_ text: String) -> Document { Document([.paragraph([.text(text)])]) }

    /// Nil instead of the error that something does not exist.
    private func optional<Value>(_ work: () throws(DrydockError) -> Value) throws(DrydockError) -> Value? {
        do throws(DrydockError) {
            return try work()
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }
}
