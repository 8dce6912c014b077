/// A language that explanations are written in.
public enum ExplainLanguage: String, Sendable, CaseIterable {
    /// English.
    case en
    /// French.
    case fr

    /// The one of two texts that is in this language.
    func pick(_ english: String, _ french: String) -> String { self == .en ? english : french }
}
