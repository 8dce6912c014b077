import Diagnostics
import Engine

/// How facts and values are put into words.
enum Wording {
    static func text(_ en: String, _ fr: String) -> LocalizedText { LocalizedText(en: en, fr: fr) }

    static func same(_ text: String) -> LocalizedText { LocalizedText(en: text, fr: text) }

    static let exists = text("is there", "existe")
    static let nothing = text("there is none", "il n’y en a pas")
    static let missing = text("nothing", "rien")

    static func container(_ name: String) -> LocalizedText {
        name == "*" ? text("any container", "un conteneur") : text("container \(name)", "conteneur \(name)")
    }

    static func image(_ name: String) -> LocalizedText {
        name == "*" ? text("any image", "une image") : text("image \(name)", "image \(name)")
    }

    /// A value as a learner knows it: long digests as `docker` shortens them.
    static func show(_ value: JSONValue?) -> String {
        guard let value else { return "–" }
        if let text = value.string { return "“\(shorten(text))”" }
        if let items = value.array {
            return "[" + items.map { $0.string.map(shorten) ?? show($0) }.joined(separator: ", ") + "]"
        }
        return cut(value.compact)
    }

    static func shorten(_ text: String) -> String {
        if text.hasPrefix("sha256:"), text.count > 19 { return String(text.dropFirst(7).prefix(12)) }
        return cut(text)
    }

    static func cut(_ text: String) -> String { text.count > 70 ? text.prefix(69) + "…" : text }

    static func expectation(_ matcher: Matcher) -> LocalizedText {
        switch matcher {
        case .equals(let value): return same(show(value))
        case .oneOf(let matchers): return join(matchers.map(expectation), text(" or ", " ou "))
        case .range(let min, let max):
            switch (min, max) {
            case (let min?, let max?):
                return text("from \(plain(min)) to \(plain(max))", "de \(plain(min)) à \(plain(max))")
            case (let min?, nil): return text("at least \(plain(min))", "au moins \(plain(min))")
            case (nil, let max?): return text("at most \(plain(max))", "au plus \(plain(max))")
            case (nil, nil): return text("any number", "un nombre")
            }
        case .matches(let pattern): return text("something like /\(pattern)/", "de la forme /\(pattern)/")
        case .count(let inner):
            let number = expectation(inner)
            return text("\(number[.en]) of them", "\(number[.fr]) élément(s)")
        case .image(let name): return text("the ID of image \(name)", "l’ID de l’image \(name)")
        case .container(let name): return text("the ID of container \(name)", "l’ID du conteneur \(name)")
        case .not(let inner):
            let other = expectation(inner)
            return text("anything but \(other[.en])", "autre chose que \(other[.fr])")
        case .any(let inner):
            let item = expectation(inner)
            return text("an item that is \(item[.en])", "un élément qui soit \(item[.fr])")
        }
    }

    static func plain(_ number: Double) -> String {
        Int64(exactly: number).map(String.init) ?? String(number)
    }

    static func join(_ texts: [LocalizedText], _ separator: LocalizedText) -> LocalizedText {
        LocalizedText(
            Dictionary(
                uniqueKeysWithValues: Language.allCases.map { language in
                    (language, texts.map { $0[language] }.joined(separator: separator[language]))
                }))
    }

    /// What a fact says, as a sentence without a full stop.
    static func statement(_ subject: Fact.Subject) -> LocalizedText {
        switch subject {
        case .container(let name, let conditions): return object(container(name), conditions)
        case .image(let name, let conditions): return object(image(name), conditions)
        case .changed(let name, let path, let kind):
            let subject = container(name)
            switch kind {
            case .added?: return text("\(subject[.en]) has added \(path)", "\(subject[.fr]) : \(path) a été ajouté")
            case .deleted?:
                return text("\(subject[.en]) has deleted \(path)", "\(subject[.fr]) : \(path) a été supprimé")
            default: return text("\(subject[.en]) has changed \(path)", "\(subject[.fr]) : \(path) a été modifié")
            }
        case .file(let name, let path, let layer):
            let place = layer.map(self.layer) ?? text("", "")
            return text(
                "\(path) is in \(image(name)[.en])\(place[.en])", "\(path) est dans l’\(image(name)[.fr])\(place[.fr])")
        case .registry(let repository, let tag, let sameAs):
            let name = "\(repository):\(tag)"
            guard let sameAs else { return text("the registry has \(name)", "le registre a \(name)") }
            return text(
                "the registry has \(name), the same image as \(sameAs)",
                "le registre a \(name), la même image que \(sameAs)")
        case .login(let user, let registry):
            let place = registry ?? "docker.io"
            return text("you are logged in at \(place) as \(user)", "vous êtes connecté à \(place) en tant que \(user)")
        case .no(let inner):
            let other = statement(inner)
            return text("it is not so that \(other[.en])", "il n’est pas vrai que \(other[.fr])")
        case .command:
            return text("the last command was a certain one", "la dernière commande était une certaine commande")
        }
    }

    private static func layer(_ layer: Fact.Layer) -> LocalizedText {
        switch layer {
        case .top: text(", in its top layer", ", dans sa couche du haut")
        case .base: text(", in its base layer", ", dans sa couche de base")
        case .index(let index): text(", in its layer \(index)", ", dans sa couche \(index)")
        }
    }

    private static func object(_ subject: LocalizedText, _ conditions: [Condition]) -> LocalizedText {
        guard !conditions.isEmpty else {
            return text("\(subject[.en]) \(exists[.en])", "\(subject[.fr]) \(exists[.fr])")
        }
        let parts = conditions.map { condition in
            let value = expectation(condition.matcher)
            return text("\(condition.path) is \(value[.en])", "\(condition.path) vaut \(value[.fr])")
        }
        let all = join(parts, text(" and ", " et "))
        return text("\(subject[.en]): \(all[.en])", "\(subject[.fr]) : \(all[.fr])")
    }

    /// What the gone object of a fact is called.
    static func gone(_ subject: Fact.Subject, holds: Bool) -> LocalizedText {
        switch subject {
        case .container(let name, let conditions) where conditions.isEmpty:
            holds
                ? text("container \(name) is gone", "le conteneur \(name) n’existe plus")
                : text("container \(name) is still there", "le conteneur \(name) existe encore")
        case .image(let name, let conditions) where conditions.isEmpty:
            holds
                ? text("image \(name) is gone from here", "l’image \(name) n’est plus ici")
                : text("image \(name) is still here", "l’image \(name) est encore ici")
        default:
            holds
                ? text("no longer so: \(statement(subject)[.en])", "ce n’est plus vrai : \(statement(subject)[.fr])")
                : text("still so: \(statement(subject)[.en])", "encore vrai : \(statement(subject)[.fr])")
        }
    }

    /// What to say of a fact that has an account.
    static func message(_ fact: Fact, _ verdict: FactAccount.Verdict, _ findings: [FactAccount.Finding])
        -> LocalizedText
    {
        if verdict == .holds {
            if let now = fact.now { return now }
            if case .no(let inner) = fact.subject { return gone(inner, holds: true) }
            return statement(fact.subject)
        }
        if verdict == .fails, let missing = fact.missing { return missing }
        if case .no(let inner) = fact.subject, verdict == .fails, findings.first?.holds == false {
            return gone(inner, holds: false)
        }
        guard let wrong = findings.first(where: { !$0.holds }) else { return statement(fact.subject) }
        return text(
            "\(wrong.looked[.en]): expected \(wrong.expected[.en]), found \(wrong.found[.en])",
            "\(wrong.looked[.fr]) : attendu \(wrong.expected[.fr]), trouvé \(wrong.found[.fr])")
    }
}
