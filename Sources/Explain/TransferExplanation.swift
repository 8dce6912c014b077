import Diagnostics
import Engine

/// The conversation of a pull or a push with its registry: what was asked, what was skipped and why, and what ran side
/// by side.
struct TransferExplanation {
    private let spans: [SpanRecord]
    private let language: ExplainLanguage

    /// Nil where the trace has no pull and no push.
    init?(_ events: [TraceEvent], language: ExplainLanguage) {
        spans = SpanRecord.flat(events)
        self.language = language
        let transfers: Set = [TransferEvents.pull, TransferEvents.push]
        guard spans.contains(where: { transfers.contains($0.name) }) else { return nil }
    }

    var blocks: [Block] {
        [conversation, tokens, layers, together].compactMap { $0 }
    }

    // MARK: Requests

    private var conversation: Block? {
        let asked = spans.filter { $0.name == "registry.request" || $0.name == "registry.token" }
        guard let first = asked.first else { return nil }
        let rows = asked.map { span in
            [
                "+" + Units.duration(span.begin - min(span.begin, first.begin)), line(span),
                answer(span), span.duration.map(Units.duration) ?? "",
            ]
        }
        return .table(
            headings: [
                language.pick("when", "quand"), language.pick("asked", "demandé"),
                language.pick("answer", "réponse"), language.pick("took", "durée"),
            ], rows: rows)
    }

    private func line(_ span: SpanRecord) -> String {
        if span.name == "registry.token" {
            let scope = span.text("scope") ?? ""
            return language.pick("a token for ", "un jeton pour ") + (scope.isEmpty ? "–" : scope)
        }
        return "\(span.text("method") ?? "GET") \(Units.shortened(span.text("url") ?? ""))"
    }

    private func answer(_ span: SpanRecord) -> String {
        if span.state == .failed { return span.text("error") ?? "–" }
        guard span.name == "registry.request" else { return language.pick("kept secret", "gardé secret") }
        guard let status = span.count("status") else { return "–" }
        switch status {
        case 401: return language.pick("401: prove who you are", "401 : prouvez qui vous êtes")
        case 206: return language.pick("206: from there on", "206 : à partir de là")
        case 301...308: return language.pick("\(status): elsewhere", "\(status) : ailleurs")
        default: return String(status)
        }
    }

    private var tokens: Block? {
        let tokens = spans.filter { $0.name == "registry.token" }
        guard let first = tokens.first else { return nil }
        let user = first.text("user") ?? "anonymous"
        let service = first.text("service") ?? ""
        return .paragraph([
            .text(
                language.pick(
                    "The token service \(service) gave \(tokens.count) token(s) to \(user); the layers shared them.",
                    "Le service de jetons \(service) a donné \(tokens.count) jeton(s) à \(user) ; les couches les ont "
                        + "partagés."))
        ])
    }

    // MARK: Layers

    private var layers: Block? {
        let all = spans.filter { $0.name == TransferEvents.pullLayer || $0.name == TransferEvents.pushLayer }
        let items = all.compactMap { span in
            remark(span).map { Document([.paragraph([.code(span.text("id") ?? ""), .text(" " + $0)])]) }
        }
        return items.isEmpty ? nil : .list(items, start: nil)
    }

    private func remark(_ span: SpanRecord) -> String? {
        let size = span.bytes("size").map(Units.bytes) ?? ""
        let phase = span.text(TransferEvents.phase).flatMap(TransferEvents.Phase.init)
        switch phase {
        case .exists:
            return language.pick(
                "was skipped: it is unpacked here already, under its chain ID",
                "a été passée : elle est déjà dépliée ici, sous son identifiant de chaîne")
        case .remoteExists:
            return language.pick(
                "was skipped: the registry has its digest already", "a été passée : le registre a déjà son empreinte")
        case .mounted:
            let from = span.text("from") ?? ""
            return language.pick(
                "was not sent: the registry took it over from its repository \(from)",
                "n'a pas été envoyée : le registre l'a reprise de son dépôt \(from)")
        case .skippedForeign:
            return language.pick(
                "was not sent: it may not be given away, so it stays where its manifest says",
                "n'a pas été envoyée : elle ne peut être redistribuée et reste là où son manifeste le dit")
        case .complete:
            if let left = span.bytes(TransferEvents.continued) {
                return language.pick(
                    "went on behind the \(Units.bytes(left)) of \(size) that an interrupted pull had left",
                    "a repris après les \(Units.bytes(left)) sur \(size) laissés par un pull interrompu")
            }
            return language.pick(
                "came (\(size)), was hashed and unpacked on the way",
                "est arrivée (\(size)), vérifiée et dépliée au fil de l'eau")
        case .pushed: return language.pick("was sent (\(size))", "a été envoyée (\(size))")
        default:
            guard span.state == .failed else { return nil }
            return language.pick("failed: ", "a échoué : ") + (span.text("error") ?? "")
        }
    }

    /// The most layers that were on their way at one moment.
    private var together: Block? {
        let moving = spans.filter {
            ($0.name == TransferEvents.pullLayer || $0.name == TransferEvents.pushLayer) && $0.duration != nil
                && $0.text(TransferEvents.phase) != TransferEvents.Phase.exists.rawValue
        }
        let requests = spans.filter { request in
            request.name == "registry.request" && moving.contains { $0.number == request.parent }
        }
        let ends = requests.map { request in
            let layer = moving.first { $0.number == request.parent }
            return (begin: request.begin, end: (layer?.begin ?? 0) + (layer?.duration ?? 0))
        }
        let most = ends.map { moment in ends.filter { $0.begin <= moment.begin && $0.end > moment.begin }.count }.max()
        guard let most, most > 1 else { return nil }
        return .paragraph([
            .text(
                language.pick(
                    "Up to \(most) layers were on their way side by side.",
                    "Jusqu'à \(most) couches étaient en route en même temps."))
        ])
    }
}
