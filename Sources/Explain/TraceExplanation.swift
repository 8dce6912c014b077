import Diagnostics
public import Engine

/// Tells from its trace what a docker command did.
public struct TraceExplanation: Sendable {
    private let trace: TraceFile
    private let language: ExplainLanguage

    /// Makes an explanation of a trace.
    public init(_ trace: TraceFile, language: ExplainLanguage) {
        self.trace = trace
        self.language = language
    }

    /// The tree of everything that was done, with times, sizes and digests.
    public var document: Document {
        var blocks: [Block] = [.heading(level: 2, [.code(commandLine)])]
        var spans = SpanRecord.tree(of: trace.events)
        // The span of the command itself says nothing that the heading does not say.
        if spans.count == 1, spans[0].name == "docker", !spans[0].children.isEmpty { spans = spans[0].children }
        if spans.isEmpty {
            blocks.append(
                .paragraph([
                    .text(
                        language.pick(
                            "This command only read what is there; it did nothing that leaves a trace.",
                            "Cette commande n’a fait que lire ce qui existe ; elle n’a rien fait qui laisse une trace.")
                    )
                ]))
        } else {
            blocks.append(.tree(spans.map(node)))
        }
        blocks += TransferExplanation(trace.events, language: language)?.blocks ?? []
        blocks.append(.paragraph([.text(summary)]))
        return Document(blocks)
    }

    /// The operations of the launch plan in the order in which they were carried out, with the time that each took; nil
    /// where the command started no container.
    public var plan: Document? {
        let operations = trace.events.filter {
            ($0.kind == .begin) && $0.name.hasPrefix(Self.planPrefix) && $0.name != Self.planPrefix
        }
        guard !operations.isEmpty else { return nil }
        let records = Dictionary(
            SpanRecord.flat(trace.events).map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        let rows = operations.enumerated().map { index, event in
            let record = records[event.span]
            let known = record?.facts ?? []
            let facts = known.filter { $0.name != Self.ahead }.map { Self.text($0.value) } + early(known)
            let step = String(event.name.dropFirst(Self.planPrefix.count))
            return [
                String(index + 1), facts.isEmpty ? step : facts.joined(separator: " "),
                record?.duration.map(Units.duration) ?? "",
            ]
        }
        return Document([
            .heading(level: 2, [.code(commandLine)]),
            .paragraph([
                .text(
                    language.pick(
                        "Before its program ran, the new process did this, in this order:",
                        "Avant d’exécuter son programme, le nouveau processus a fait ceci, dans cet ordre :"))
            ]),
            .table(
                headings: [
                    "#", language.pick("operation", "opération"), language.pick("time", "durée"),
                ], rows: rows),
        ])
    }

    private static let planPrefix = "launch."

    /// The fact of an operation that was done before the command came.
    private static let ahead = "ahead"

    private func early(_ facts: [TraceFact]) -> [String] {
        facts.contains { $0.name == Self.ahead } ? [language.pick("(done ahead)", "(fait d’avance)")] : []
    }

    private var commandLine: String { (["docker"] + trace.command).joined(separator: " ") }

    private var summary: String {
        let total = trace.events.map(\.time).max().map(Units.duration)
        let status = trace.status
        let end =
            status == 0
            ? language.pick("It ended well (exit status 0)", "Elle s’est bien terminée (code de retour 0)")
            : language.pick(
                "It ended with exit status \(status)", "Elle s’est terminée avec le code de retour \(status)")
        guard let total, !trace.events.isEmpty else { return end + "." }
        return end + language.pick(", \(total) after the first step.", ", \(total) après la première étape.")
    }

    private func node(_ span: SpanRecord) -> TreeNode {
        // An operation of a plan says in words what it does; that is its title.
        let operation = span.facts.first { $0.name == "operation" }.map { Self.text($0.value) }
        let facts = span.facts.filter { !["operation", "code", Self.ahead].contains($0.name) }
        return TreeNode(
            title: ([operation ?? SpanNames.title(span.name, language)] + early(span.facts)).joined(separator: " "),
            duration: span.duration.map(Units.duration) ?? "",
            facts: facts.map { ($0.name, Self.text($0.value)) }, state: span.state,
            children: span.children.map(node))
    }

    private static func text(_ value: TraceFact.Value) -> String {
        switch value {
        case .text(let text): Units.shortened(text)
        case .count(let count): String(count)
        case .bytes(let count): Units.bytes(count)
        case .nanoseconds(let time): Units.duration(time)
        case .digest(let digest): digest.hasPrefix("sha256:") ? "sha256:" + Units.short(digest) : digest
        }
    }
}

/// A span with everything that its events told.
struct SpanRecord: TraceFacts {
    let number: UInt64
    let parent: UInt64
    let name: String
    let begin: UInt64
    var duration: UInt64?
    var facts: [TraceFact]
    var state = TreeNode.State.open
    var children: [SpanRecord] = []

    /// The spans, in the order in which they began, without their parts.
    static func flat(_ events: [TraceEvent]) -> [SpanRecord] {
        var records: [SpanRecord] = []
        var places: [UInt64: Int] = [:]
        for event in events {
            if event.kind == .begin {
                places[event.span] = records.count
                records.append(
                    SpanRecord(
                        number: event.span, parent: event.parent, name: event.name, begin: event.time,
                        facts: event.facts))
            } else if let place = places[event.span], event.kind != .progress {
                for fact in event.facts where fact.name != "took" { records[place].set(fact) }
                if event.kind == .end || event.kind == .failed {
                    // What another process measured is told afterwards, with the time that it took.
                    if case .nanoseconds(let took)? = event.facts.first(where: { $0.name == "took" })?.value {
                        records[place].duration = took
                    } else {
                        records[place].duration = event.time - min(event.time, records[place].begin)
                    }
                    records[place].state = event.kind == .end ? .done : .failed
                }
            }
        }
        return records
    }

    /// The spans of the top level, each with its parts.
    static func tree(of events: [TraceEvent]) -> [SpanRecord] {
        let records = flat(events)
        let known = Set(records.map(\.number))
        var parts: [UInt64: [SpanRecord]] = [:]
        // A part begins after what it is a part of, so going backwards every span finds its parts complete.
        for var record in records.reversed() {
            record.children = parts.removeValue(forKey: record.number)?.reversed() ?? []
            parts[known.contains(record.parent) ? record.parent : 0, default: []].append(record)
        }
        return parts[0]?.reversed() ?? []
    }

    /// Keeps a fact; a later value takes the place of an earlier one of the same name.
    private mutating func set(_ fact: TraceFact) {
        if let index = facts.firstIndex(where: { $0.name == fact.name }) {
            facts[index] = fact
        } else {
            facts.append(fact)
        }
    }
}

/// What the spans are called in a sentence.
enum SpanNames {
    private static let titles: [String: (en: String, fr: String)] = [
        "pull": ("pull the image", "récupérer l’image"),
        "pull.layer": ("layer", "couche"),
        "push": ("push the image", "publier l’image"),
        "push.layer": ("layer", "couche"),
        "push.manifest": ("write the manifest", "écrire le manifeste"),
        "container.create": ("create the container", "créer le conteneur"),
        "container.start": ("start the container", "démarrer le conteneur"),
        "container.stop": ("stop the container", "arrêter le conteneur"),
        "exec": ("run a program in the container", "exécuter un programme dans le conteneur"),
        "commit": ("make an image of the container", "faire une image du conteneur"),
        "launch.monitor": ("start the container's monitor", "lancer le moniteur du conteneur"),
        "layer.commit": ("pack the changed files into a layer", "emballer les fichiers modifiés dans une couche"),
        "layer.compress": ("compress the layer", "compresser la couche"),
        "registry.resolve": ("ask the registry what the name means", "demander au registre ce que le nom désigne"),
        "registry.request": ("request", "requête"),
        "registry.token": ("ask for a token", "demander un jeton"),
        "registry.blob": ("fetch the image's configuration", "chercher la configuration de l'image"),
        "push.config": ("send the image's configuration", "envoyer la configuration de l'image"),
        "layer.unpack": ("unpack the layer", "déplier la couche"),
        "login": ("log in", "se connecter"),
    ]

    /// The words for a span, with its own name where there are none.
    static func title(_ name: String, _ language: ExplainLanguage) -> String {
        guard let title = titles[name] else { return name }
        return language.pick(title.en, title.fr)
    }
}
