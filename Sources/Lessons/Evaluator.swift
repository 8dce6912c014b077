import Diagnostics
import Engine
import OCI

/// Answers one fact after the other from an observation.
struct Evaluator: Sendable {
    typealias Finding = FactAccount.Finding

    /// What an answer came to.
    struct Answer {
        var verdict: FactAccount.Verdict
        var findings: [Finding]

        init(_ verdict: FactAccount.Verdict, _ findings: [Finding]) {
            self.verdict = verdict
            self.findings = findings
        }

        /// All findings as they should be.
        init(_ findings: [Finding]) { self.init(findings.allSatisfy(\.holds) ? .holds : .fails, findings) }
    }

    var observation: any Observation
    /// The last command, for mistakes.
    var command: CommandRecord?
    /// Removed containers count when they were made at or after this time (`2026-01-31T12:00:00`, UTC).
    var since = ""

    /// Answers a fact about the present, or with `past`, also about containers that are gone by now.
    func answer(_ subject: Fact.Subject, past: Bool = false) async -> Answer {
        do {
            switch subject {
            case .container(let name, let conditions): return try container(name, conditions, past: past)
            case .image(let name, let conditions): return try image(name, conditions)
            case .changed(let name, let path, let kind): return try changed(name, path, kind)
            case .file(let name, let path, let layer): return try file(name, path, layer)
            case .registry(let repository, let tag, let sameAs):
                return try await registry(repository, tag, sameAs: sameAs)
            case .login(let user, let registry): return try login(user, registry)
            case .no(let inner): return await absence(of: inner)
            case .command(let pattern, let exit, let error): return lastCommand(pattern, exit, error)
            }
        } catch {
            let reason = error.reason.map { " (\($0))" } ?? ""
            return Answer(
                .unknown,
                [
                    Finding(
                        looked: Wording.statement(subject), expected: Wording.text("an answer", "une réponse"),
                        found: Wording.same(error.message + reason), holds: false)
                ])
        }
    }

    private func absence(of inner: Fact.Subject) async -> Answer {
        let answer = await answer(inner)
        guard answer.verdict != .unknown else { return answer }
        let holds = answer.verdict == .fails
        let finding = Finding(
            looked: Wording.statement(inner), expected: Wording.text("not so", "non"),
            found: holds ? Wording.text("not so", "non") : Wording.text("so it is", "oui"), holds: holds)
        return Answer(holds ? .holds : .fails, [finding])
    }

    // MARK: Objects

    private func container(_ name: String, _ conditions: [Condition], past: Bool) throws(DrydockError) -> Answer {
        var candidates: [JSONValue] = []
        if name == "*" {
            candidates = try observation.containers()
        } else if let document = try observation.container(name) {
            candidates = [document]
        }
        if past {
            candidates += try observation.removedContainers().filter { document in
                (name == "*" || document["Name"]?.string == "/" + name)
                    && (document["Created"]?.string ?? "").prefix(19) >= since.prefix(19)
            }
        }
        return try best(of: candidates, conditions, called: Wording.container(name)) { document in
            guard name == "*", let own = document["Name"]?.string else { return Wording.container(name) }
            return Wording.container(String(own.drop { $0 == "/" }))
        }
    }

    private func image(_ name: String, _ conditions: [Condition]) throws(DrydockError) -> Answer {
        var candidates: [JSONValue] = []
        if name == "*" {
            candidates = try observation.images()
        } else if let document = try observation.image(name) {
            candidates = [document]
        }
        return try best(of: candidates, conditions, called: Wording.image(name)) { document in
            guard name == "*" else { return Wording.image(name) }
            return Wording.image(
                document.at("RepoTags.0")?.string ?? document["Id"]?.string.map(Wording.shorten) ?? name)
        }
    }

    /// The candidate of which most conditions hold.
    private func best(
        of candidates: [JSONValue], _ conditions: [Condition], called name: LocalizedText,
        naming: (JSONValue) -> LocalizedText
    ) throws(DrydockError) -> Answer {
        guard !candidates.isEmpty else {
            return Answer([Finding(looked: name, expected: Wording.exists, found: Wording.nothing, holds: false)])
        }
        var best: (score: Int, findings: [Finding])?
        for document in candidates {
            let title = naming(document)
            var findings = [Finding(looked: title, expected: Wording.exists, found: Wording.exists, holds: true)]
            for condition in conditions {
                let value = document.at(condition.path)
                let holds = try matches(value, condition.matcher)
                findings.append(
                    Finding(
                        looked: title.map { "\($0) · \(condition.path)" },
                        expected: try expectation(condition.matcher), found: Wording.same(Wording.show(value)),
                        holds: holds))
            }
            let score = findings.count { $0.holds }
            if score == findings.count { return Answer(findings) }
            if score > best?.score ?? -1 { best = (score, findings) }
        }
        return Answer(best?.findings ?? [])
    }

    private func changed(_ name: String, _ path: String, _ kind: FileChange.Kind?) throws(DrydockError) -> Answer {
        var names = [name]
        if name == "*" { names = try observation.containers().compactMap { $0["Id"]?.string } }
        var seen: FileChange?
        var exists = false
        for name in names {
            guard let changes = try observation.changes(of: name) else { continue }
            exists = true
            guard let change = changes.first(where: { $0.path == path }) else { continue }
            seen = change
            if kind == nil || change.kind == kind { break }
        }
        let title = Wording.container(name)
        guard exists else {
            return Answer([Finding(looked: title, expected: Wording.exists, found: Wording.nothing, holds: false)])
        }
        let found = seen.map { "\($0.kind.rawValue) \(path)" }
        return Answer([
            Finding(
                looked: Wording.text("changes of \(title[.en])", "changements, \(title[.fr])"),
                expected: Wording.same("\(kind?.rawValue ?? "A/C/D") \(path)"),
                found: found.map(Wording.same) ?? Wording.text("\(path) is unchanged", "\(path) est inchangé"),
                holds: seen != nil && (kind == nil || seen?.kind == kind))
        ])
    }

    private func file(_ name: String, _ path: String, _ layer: Fact.Layer?) throws(DrydockError) -> Answer {
        let title = Wording.image(name)
        guard let versions = try observation.versions(of: path, in: name),
            let document = try observation.image(name)
        else {
            return Answer([Finding(looked: title, expected: Wording.exists, found: Wording.nothing, holds: false)])
        }
        let looked = title.map { "\($0) · \(path)" }
        guard let version = versions.first, !version.isDeletion else {
            return Answer([Finding(looked: looked, expected: Wording.exists, found: Wording.nothing, holds: false)])
        }
        let count = document.at("RootFS.Layers")?.array?.count ?? 0
        let wanted: Int
        switch layer {
        case nil:
            return Answer([Finding(looked: looked, expected: Wording.exists, found: Wording.exists, holds: true)])
        case .top?: wanted = count - 1
        case .base?: wanted = 0
        case .index(let index)?: wanted = index
        }
        let inLayer = versions.first { $0.index == wanted && !$0.isDeletion } != nil
        let place = { (index: Int) in
            Wording.text("in layer \(index) of \(count)", "dans la couche \(index) sur \(count)")
        }
        return Answer([
            Finding(
                looked: looked, expected: place(wanted + 1),
                found: place((inLayer ? wanted : version.index) + 1), holds: inLayer)
        ])
    }

    // MARK: Registries, logins and commands

    private func registry(
        _ repository: String, _ tag: String, sameAs: String?
    ) async throws(DrydockError) -> Answer {
        let name = "\(repository):\(tag)"
        let looked = Wording.text("registry · \(name)", "registre · \(name)")
        let manifest = try await observation.registry(Reference(parsing: name))
        guard let manifest else {
            return Answer([Finding(looked: looked, expected: Wording.exists, found: Wording.nothing, holds: false)])
        }
        var findings = [Finding(looked: looked, expected: Wording.exists, found: Wording.exists, holds: true)]
        if let sameAs {
            let id = try observation.image(sameAs)?["Id"]?.string
            let short = id.map(Wording.shorten) ?? "–"
            findings.append(
                Finding(
                    looked: looked.map { $0 + " · ID" },
                    expected: Wording.text("that of image \(sameAs), \(short)", "celui de l’image \(sameAs), \(short)"),
                    found: Wording.same(Wording.shorten(manifest.image.description)),
                    holds: id == manifest.image.description))
        }
        return Answer(findings)
    }

    private func login(_ user: String, _ registry: String?) throws(DrydockError) -> Answer {
        let found = try observation.loggedIn(at: registry)
        let place = registry ?? "docker.io"
        return Answer([
            Finding(
                looked: Wording.text("login at \(place)", "connexion à \(place)"), expected: Wording.same(user),
                found: found.map(Wording.same) ?? Wording.text("nobody", "personne"), holds: found == user)
        ])
    }

    private func lastCommand(_ pattern: String?, _ exit: Matcher?, _ error: Matcher?) -> Answer {
        let looked = Wording.text("last command", "dernière commande")
        guard let command else {
            return Answer([Finding(looked: looked, expected: Wording.exists, found: Wording.nothing, holds: false)])
        }
        var findings: [Finding] = []
        if let pattern {
            findings.append(
                Finding(
                    looked: looked, expected: Wording.expectation(.matches(pattern)),
                    found: Wording.same(Wording.cut(command.line)), holds: Self.found(pattern, in: command.line)))
        }
        if let exit {
            let status = JSONValue.int(Int64(command.status))
            findings.append(
                Finding(
                    looked: Wording.text("its exit status", "son code de retour"),
                    expected: Wording.expectation(exit), found: Wording.same(String(command.status)),
                    holds: (try? matches(status, exit)) ?? false))
        }
        if let error {
            let kind = command.error.map(JSONValue.string)
            findings.append(
                Finding(
                    looked: Wording.text("its error", "son erreur"), expected: Wording.expectation(error),
                    found: command.error.map(Wording.same) ?? Wording.nothing,
                    holds: (try? matches(kind, error)) ?? false))
        }
        return Answer(findings)
    }

    // MARK: Values

    /// Whether a value is as a matcher says.
    func matches(_ value: JSONValue?, _ matcher: Matcher) throws(DrydockError) -> Bool {
        switch matcher {
        case .equals(let wanted): return (value ?? .null) == wanted
        case .oneOf(let matchers):
            for matcher in matchers where try matches(value, matcher) { return true }
            return false
        case .range(let min, let max):
            let number: Double
            switch value {
            case .int(let whole)?: number = Double(whole)
            case .double(let fraction)?: number = fraction
            default: return false
            }
            return number >= min ?? -.infinity && number <= max ?? .infinity
        case .matches(let pattern):
            switch value {
            case nil, .null?: return false
            case .string(let text)?: return Self.found(pattern, in: text)
            case .array(let items)?:
                return Self.found(pattern, in: items.map { $0.string ?? $0.compact }.joined(separator: " "))
            case let other?: return Self.found(pattern, in: other.compact)
            }
        case .count(let inner):
            let count = value?.array?.count ?? value?.pairs?.count ?? 0
            return try matches(.int(Int64(count)), inner)
        case .image(let name):
            guard let id = try observation.image(name)?["Id"]?.string else { return false }
            return value?.string == id
        case .container(let name):
            guard let id = try observation.container(name)?["Id"]?.string else { return false }
            return value?.string == id
        case .not(let inner): return try !matches(value, inner)
        case .any(let inner):
            for item in value?.array ?? [] where try matches(item, inner) { return true }
            return false
        }
    }

    /// What a matcher expects, with the ID that a reference stands for now.
    private func expectation(_ matcher: Matcher) throws(DrydockError) -> LocalizedText {
        let text = Wording.expectation(matcher)
        let id: String?
        switch matcher {
        case .image(let name): id = try observation.image(name)?["Id"]?.string
        case .container(let name): id = try observation.container(name)?["Id"]?.string.map { String($0.prefix(12)) }
        default: return text
        }
        return text.map { "\($0), \(id.map(Wording.shorten) ?? "–")" }
    }

    private static func found(_ pattern: String, in text: String) -> Bool {
        guard let regex = try? Regex(pattern) else { return false }
        return text.firstMatch(of: regex) != nil
    }
}
