/// A language that the tutor and its content speak.
public enum Language: String, Sendable, Hashable, CaseIterable, Codable {
    /// English.
    case en
    /// French.
    case fr
}

/// A text that a learner reads, in every language.
public struct LocalizedText: Sendable, Hashable {
    /// The texts by language; complete in content that has passed the lint.
    public var texts: [Language: String]

    /// Makes a text from its versions.
    public init(_ texts: [Language: String]) { self.texts = texts }

    /// Makes a text from its English and French versions.
    public init(en: String, fr: String) { texts = [.en: en, .fr: fr] }

    /// The text in a language; where it is missing, in English, else in any language, else empty.
    public subscript(_ language: Language) -> String {
        texts[language] ?? texts[.en] ?? texts.values.first ?? ""
    }

    /// The same text with every version changed.
    public func map(_ change: (String) -> String) -> LocalizedText { LocalizedText(texts.mapValues(change)) }
}

/// A place in a file of the content.
public struct SourcePlace: Sendable, Hashable, CustomStringConvertible {
    /// The file, as it was given to the loader.
    public var file: String
    /// The line, from 1; 0 for the file as a whole.
    public var line: Int

    /// Makes a place.
    public init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    /// `file:line`, as compilers write it.
    public var description: String { line > 0 ? "\(file):\(line)" : file }
}
