import Diagnostics
import ImageStore
import Linux
import OCI

extension DrydockError {
    static func invalidFilter(_ name: String) -> DrydockError {
        DrydockError(.invalidArgument, "invalid filter '\(name)'")
    }
}

/// `label=key` or `label=key=value`
func labels(_ labels: [String: String], satisfy wanted: [String]) -> Bool {
    wanted.allSatisfy { text in
        guard let equals = text.firstIndex(of: "=") else { return labels[text] != nil }
        return labels[String(text[..<equals])] == String(text[text.index(after: equals)...])
    }
}

/// The filters of `docker image ls`.
struct ImageFilter {
    private let dangling: Bool?
    private let labelled: [String]
    private let unlabelled: [String]
    private let before: Timestamp?
    private let since: Timestamp?
    private let until: Int64?
    private let references: [PathPattern]
    private let looksAtTime: Bool

    private static let known: Set<String> = [
        "dangling", "label", "label!", "before", "since", "reference", "until",
    ]

    init(_ filters: Filters, engine: Engine) throws(DrydockError) {
        for name in filters.keys where !Self.known.contains(name) { throw .invalidFilter(name) }
        dangling = try Self.dangling(filters)
        labelled = filters["label"] ?? []
        unlabelled = filters["label!"] ?? []
        var references: [PathPattern] = []
        for pattern in filters["reference"] ?? [] { references.append(try PathPattern(pattern)) }
        self.references = references
        var before: Timestamp?
        for name in filters["before"] ?? [] {
            let time = try Self.created(name, engine)
            before = before.map { max($0, time) } ?? time
        }
        var since: Timestamp?
        for name in filters["since"] ?? [] {
            let time = try Self.created(name, engine)
            since = since.map { max($0, time) } ?? time
        }
        until = try PruneFilter.until(filters)
        (self.before, self.since) = (before, since)
        looksAtTime = before != nil || since != nil || until != nil
    }

    /// - Throws: Docker's words where the values are no truth values, or contradict each other.
    static func dangling(_ filters: Filters) throws(DrydockError) -> Bool? { try truth(filters, "dangling") }

    /// The value of a filter that is true or false.
    /// - Throws: Docker's words where the values are no truth values, or contradict each other.
    static func truth(_ filters: Filters, _ name: String) throws(DrydockError) -> Bool? {
        guard let values = filters[name], !values.isEmpty else { return nil }
        let truths = values.map { ["true", "1", "t", "T", "TRUE", "True"].contains($0) }
        let falsehoods = values.map { ["false", "0", "f", "F", "FALSE", "False"].contains($0) }
        let isTrue = truths.contains(true)
        guard isTrue != falsehoods.contains(true), zip(truths, falsehoods).allSatisfy({ $0 || $1 }) else {
            throw DrydockError(.invalidArgument, "invalid filter '\(name)=[\(values.joined(separator: " "))]'")
        }
        return isTrue
    }

    private static func created(_ name: String, _ engine: Engine) throws(DrydockError) -> Timestamp {
        try engine.store.image(name).created.flatMap { Timestamp($0) } ?? Timestamp(seconds: 0)
    }

    func accepts(_ record: ImageRecord) -> Bool {
        if let dangling, dangling != record.isDangling { return false }
        if looksAtTime {
            let created = record.created.flatMap { Timestamp($0) } ?? Timestamp(seconds: 0)
            if let before, created >= before { return false }
            if let since, created <= since { return false }
            if let until, created.seconds >= until { return false }
        }
        guard !labelled.isEmpty || !unlabelled.isEmpty else { return true }
        let own = record.labels
        return labels(own, satisfy: labelled) && !unlabelled.contains { labels(own, satisfy: [$0]) }
    }

    /// A line for each tag, and one for each repository that it has only digests of.
    func lines(of record: ImageRecord) -> [ImageSummary] {
        var plain = ImageSummary(
            id: record.id, repository: nil, tag: nil, digest: nil,
            created: record.created.flatMap { Timestamp($0) }?.seconds ?? 0, size: record.size)
        let tags = references.isEmpty ? record.tags : record.tags.filter(matchesReference)
        let digests = references.isEmpty ? record.digests : record.digests.filter(matchesReference)
        if tags.isEmpty, digests.isEmpty {
            // An image without any name is none that a pattern could mean.
            return references.isEmpty && record.tags.isEmpty && record.digests.isEmpty ? [plain] : []
        }
        var lines: [ImageSummary] = []
        func add(_ reference: Reference, _ tag: String?) {
            plain.repository = reference.familiarName
            plain.tag = tag
            plain.digests =
                digests.isEmpty
                ? []
                : digests.filter { $0.repository == reference.repository && $0.registry == reference.registry }
                    .compactMap(\.digest)
            lines.append(plain)
        }
        for tag in tags { add(tag, tag.tag) }
        for digest in digests {
            let isShown = lines.contains { $0.repository == digest.familiarName }
            if !isShown { add(digest, nil) }
        }
        return lines
    }

    /// Go's `reference.FamiliarMatch`: the pattern fits the whole familiar name, or the name without tag or digest.
    private func matchesReference(_ reference: Reference) -> Bool {
        references.contains { pattern in
            pattern.matches(reference.familiar) || pattern.matches(reference.familiarName)
        }
    }
}

/// The filters of the prune commands: `until` (a duration or a time) and `label`, `label!`.
struct PruneFilter {
    private let until: Int64?
    private let labelled: [String]
    private let unlabelled: [String]

    init(_ filters: Filters) throws(DrydockError) {
        for name in filters.keys where !["until", "label", "label!", "dangling"].contains(name) {
            throw .invalidFilter(name)
        }
        labelled = filters["label"] ?? []
        unlabelled = filters["label!"] ?? []
        until = try Self.until(filters)
    }

    /// The moment that `until` names: seconds since 1970.
    static func until(_ filters: Filters) throws(DrydockError) -> Int64? {
        guard let values = filters["until"], let text = values.first else { return nil }
        guard values.count == 1 else {
            throw DrydockError(.invalidArgument, "more than one until filter specified")
        }
        guard let moment = HumanUnits.moment(text, now: Double(Timestamp.now.seconds)) else {
            throw DrydockError(.invalidArgument, "failed to parse value as time or duration: \"\(text)\"")
        }
        return Int64(moment)
    }

    func accepts(created: Int64, labels all: [String: String]) -> Bool {
        if let until, created >= until { return false }
        return labels(all, satisfy: labelled) && !unlabelled.contains { labels(all, satisfy: [$0]) }
    }
}
