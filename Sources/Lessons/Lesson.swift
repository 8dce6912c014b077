/// A lesson: what is explained, in every language.
public struct Lesson: Sendable, Equatable {
    /// The name of its folder.
    public var id: String
    /// Its text by language.
    public var texts: [Language: LessonText]

    /// The text in a language; where it is missing, in English, else in any.
    public func text(_ language: Language) -> LessonText? { texts[language] ?? texts[.en] ?? texts.values.first }

    /// A passage in a language, by its ID or its heading (letter case does not matter).
    public func passage(_ name: String, _ language: Language) -> Passage? { text(language)?.passage(name) }
}

/// A lesson in one language.
public struct LessonText: Sendable, Equatable {
    /// The title, from the front matter.
    public var title: String
    /// One sentence, from the front matter.
    public var summary: String
    /// The passages, in order.
    public var passages: [Passage]

    /// A passage by its ID or its heading (letter case does not matter).
    public func passage(_ name: String) -> Passage? {
        let wanted = name.lowercased()
        return passages.first { $0.id == wanted } ?? passages.first { $0.heading.lowercased() == wanted }
    }
}

/// What stands under one heading of a lesson.
public struct Passage: Sendable, Equatable {
    /// The name by which it is addressed, the same in every language: written as `## Heading {#id}`.
    public var id: String
    /// The heading.
    public var heading: String
    /// The Markdown below the heading.
    public var body: String
    /// The line of the heading.
    public var line: Int
}
