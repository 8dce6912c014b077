import Diagnostics
import SystemPackage

/// What an author has confirmed as saying the same: the fingerprints of a text's versions, by key and language. When one
/// version has changed since and another has not, the other is out of date.
struct TranslationRecord {
    /// The file beside the content.
    static let fileName = "translations.json"

    /// Fingerprints by key and language.
    var marks: [String: [Language: String]]

    /// The record of texts as they are now.
    init(of texts: [String: LocalizedText]) {
        marks = texts.mapValues { $0.texts.mapValues(Self.fingerprint) }
    }

    /// Reads a record.
    init(parsing text: String) throws(DrydockError) {
        marks = [:]
        for (key, value) in try JSONValue(parsing: text).pairs ?? [] {
            for (code, mark) in value.pairs ?? [] {
                guard let language = Language(rawValue: code), let mark = mark.string else { continue }
                marks[key, default: [:]][language] = mark
            }
        }
    }

    /// The record as it is kept.
    var text: String {
        let object = JSONValue.object(
            marks.sorted { $0.key < $1.key }.map { key, versions in
                (
                    key: key,
                    value: .object(
                        versions.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                            (key: $0.key.rawValue, value: .string($0.value))
                        })
                )
            })
        return object.pretty(indent: 2) + "\n"
    }

    /// The texts of which some versions have changed since the record and others have not: those others.
    func outdated(_ texts: [String: LocalizedText]) -> [(key: String, changed: [Language], outdated: [Language])] {
        let now = TranslationRecord(of: texts).marks
        return now.sorted { $0.key < $1.key }.compactMap { key, versions in
            guard let recorded = marks[key] else { return nil }
            let changed = Language.allCases.filter { versions[$0] != recorded[$0] }
            guard !changed.isEmpty, changed.count < Language.allCases.count else { return nil }
            return (key, changed, Language.allCases.filter { !changed.contains($0) })
        }
    }

    /// FNV-1a, 64 bits: enough to notice an edit.
    static func fingerprint(_ text: String) -> String {
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Exercise {
    /// Every text for the learner, by a key that says where it is.
    var localizedTexts: [String: LocalizedText] {
        var texts = ["title": title, "introduction": introduction]
        for variable in variables { texts["vars.\(variable.name)"] = variable.shown }
        for step in steps {
            texts["\(step.id).goal"] = step.goal
            for (index, hint) in step.hints.enumerated() { texts["\(step.id).hints.\(index)"] = hint }
            for mistake in step.mistakes { texts["\(step.id).mistakes.\(mistake.id)"] = mistake.say }
            texts["\(step.id).explain"] = step.explain?.say
            for (index, fact) in step.check.facts.enumerated() {
                texts["\(step.id).check.\(index).now"] = fact.now
                texts["\(step.id).check.\(index).missing"] = fact.missing
            }
        }
        return texts
    }
}

extension Lesson {
    /// Every passage, with its title and summary, by its ID.
    var localizedTexts: [String: LocalizedText] {
        var texts: [String: LocalizedText] = [:]
        for (language, text) in self.texts {
            texts["title", default: LocalizedText([:])].texts[language] = text.title
            texts["summary", default: LocalizedText([:])].texts[language] = text.summary
            for passage in text.passages {
                texts[passage.id, default: LocalizedText([:])].texts[language] = passage.heading + "\n" + passage.body
            }
        }
        return texts
    }
}
