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

/// Whether text fits a pattern with `*`, `?` and `[…]`, where `*` stops at a slash (Go's `path.Match`).
func glob(_ pattern: String, matches text: String) -> Bool {
    func match(_ pattern: Substring, _ text: Substring) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        switch first {
        case "*":
            let rest = pattern.dropFirst()
            var remaining = text
            while true {
                if match(rest, remaining) { return true }
                guard let next = remaining.first, next != "/" else { return false }
                remaining = remaining.dropFirst()
            }
        case "?":
            guard let next = text.first, next != "/" else { return false }
            return match(pattern.dropFirst(), text.dropFirst())
        case "[":
            guard let close = pattern.firstIndex(of: "]"), let next = text.first else { return false }
            var set = pattern[pattern.index(after: pattern.startIndex)..<close]
            let negated = set.first == "^"
            if negated { set = set.dropFirst() }
            var found = false
            let members = Array(set)
            var index = 0
            while index < members.count {
                if index + 2 < members.count, members[index + 1] == "-" {
                    found = found || (members[index]...members[index + 2]).contains(next)
                    index += 3
                } else {
                    found = found || members[index] == next
                    index += 1
                }
            }
            guard found != negated else { return false }
            return match(pattern[pattern.index(after: close)...], text.dropFirst())
        default:
            guard text.first == first else { return false }
            return match(pattern.dropFirst(), text.dropFirst())
        }
    }
    return match(pattern[...], text[...])
}

/// The filters of `docker image ls`.
struct ImageFilter {
    private let dangling: Bool?
    private let labelled: [String]
    private let before: Timestamp?
    private let since: Timestamp?
    private let references: [String]

    init(_ filters: Filters, engine: Engine) throws(DrydockError) {
        for name in filters.keys where !["dangling", "label", "before", "since", "reference"].contains(name) {
            throw .invalidFilter(name)
        }
        switch filters["dangling"]?.first {
        case nil: dangling = nil
        case "true", "1": dangling = true
        case "false", "0": dangling = false
        default: throw DrydockError(.invalidArgument, "invalid filter 'dangling=[\(filters["dangling"]?.first ?? "")]'")
        }
        labelled = filters["label"] ?? []
        references = filters["reference"] ?? []
        before = try Self.created(filters["before"]?.first, engine)
        since = try Self.created(filters["since"]?.first, engine)
    }

    private static func created(_ name: String?, _ engine: Engine) throws(DrydockError) -> Timestamp? {
        guard let name else { return nil }
        return try engine.store.image(name).created.flatMap { Timestamp($0) } ?? Timestamp(seconds: 0)
    }

    func accepts(_ record: ImageRecord) -> Bool {
        if let dangling, dangling != record.isDangling { return false }
        let created = record.created.flatMap { Timestamp($0) } ?? Timestamp(seconds: 0)
        if let before, created >= before { return false }
        if let since, created <= since { return false }
        return labels(record.labels, satisfy: labelled)
    }

    /// A line for each tag; for an image without any, a line for each repository that it has a digest of.
    func lines(of record: ImageRecord) -> [ImageSummary] {
        func line(_ reference: Reference?, tag: String?) -> ImageSummary {
            ImageSummary(
                id: record.id, repository: reference?.familiarName, tag: tag,
                digest: record.digests.first { $0.name == reference?.name }?.digest,
                created: record.created.flatMap { Timestamp($0) }?.seconds ?? 0, size: record.size,
                labels: record.labels)
        }
        let tags = record.tags.filter(matchesReference)
        if !tags.isEmpty { return tags.map { line($0, tag: $0.tag) } }
        guard record.tags.isEmpty, references.isEmpty else { return [] }
        return record.digests.isEmpty ? [line(nil, tag: nil)] : record.digests.map { line($0, tag: nil) }
    }

    private func matchesReference(_ reference: Reference) -> Bool {
        references.isEmpty
            || references.contains { pattern in
                glob(pattern, matches: reference.familiarName) || glob(pattern, matches: reference.familiar)
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
        guard let text = filters["until"]?.first else {
            until = nil
            return
        }
        if let seconds = Self.duration(text) {
            until = Timestamp.now.seconds - seconds
        } else if let time = Timestamp(text) {
            until = time.seconds
        } else if let seconds = Int64(text) {
            until = seconds
        } else {
            throw DrydockError(.invalidArgument, "failed to parse \"\(text)\" as a time or a duration")
        }
    }

    func accepts(created: Int64, labels all: [String: String]) -> Bool {
        if let until, created >= until { return false }
        return labels(all, satisfy: labelled) && !unlabelled.contains { labels(all, satisfy: [$0]) }
    }

    /// Seconds of a Go duration: `90s`, `24h`, `1h30m`.
    private static func duration(_ text: String) -> Int64? {
        var total = 0.0
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            guard let number = Double(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            switch unit {
            case "h": total += number * 3600
            case "m": total += number * 60
            case "s": total += number
            case "ms": total += number / 1000
            default: return nil
            }
        }
        return Int64(total)
    }
}
