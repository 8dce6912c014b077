import Diagnostics
import Engine

/// `docker events`.
enum EventCommands {
    static func events(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        var request = EventsRequest()
        request.since = try moment("since", invocation, context)
        request.until = try moment("until", invocation, context)
        request.filters = invocation.filters
        let template = try template(invocation.string("format"))
        let engine = try context.open()
        let (final, output) = (request, context.output)
        let failure: Failure? = try await blocking { () throws(DrydockError) in
            var failure: Failure?
            try engine.events(final) { event in
                do throws(Failure) {
                    output.line(try line(event, template))
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
            return failure
        }
        if let failure { throw failure }
        return 0
    }

    private enum Form: Sendable {
        case text
        case json
        case template(Template)
    }

    private static func template(_ format: String?) throws(Failure) -> Form {
        switch format {
        case nil, "": return .text
        case "json", "{{json .}}", "{{ json . }}": return .json
        case .some(let format):
            do throws(TemplateError) {
                let template = try Template(format)
                // A field that no event has is told at once, not when one comes.
                _ = try template.fill(TemplateSubject(document: subject(of: [:]), typeName: "*events.Message"))
                return .template(template)
            } catch {
                throw .message("Error parsing format: template: \(error.message)", status: 64)
            }
        }
    }

    /// An event as templates see it: the fields have other names than in JSON.
    private static func subject(of event: JSONValue) -> JSONValue {
        let fields = [
            ("Status", "status"), ("From", "from"), ("Type", "Type"), ("Action", "Action"), ("Scope", "scope"),
            ("Time", "time"), ("TimeNano", "timeNano"), ("ID", "id"),
        ]
        let actor = event["Actor"] ?? ["ID": "", "Attributes": [:]]
        return fields.reduce(event) { $0.setting($1.0, event[$1.1] ?? .string("")) }.setting("Actor", actor)
    }

    private static func line(_ event: JSONValue, _ form: Form) throws(Failure) -> String {
        switch form {
        case .json: return event.compact
        case .template(let template): return try InspectCommands.fill(template, subject(of: event))
        case .text:
            let attributes = (event.at("Actor.Attributes")?.pairs ?? []).map { "\($0.key)=\($0.value.string ?? "")" }
            let text = [
                LocalTime.nanoseconds(event["timeNano"]?.int ?? 0), event["Type"]?.string ?? "",
                event["Action"]?.string ?? "", event.at("Actor.ID")?.string ?? "",
            ].joined(separator: " ")
            return attributes.isEmpty ? text : "\(text) (\(attributes.joined(separator: ", ")))"
        }
    }

    private static func moment(
        _ flag: String, _ invocation: Invocation, _ context: CommandContext
    ) throws(Failure) -> Int64? {
        guard let text = invocation.string(flag), !text.isEmpty else { return nil }
        guard let moment = HumanUnits.nanoseconds(ofMoment: text, now: context.now()) else {
            throw .daemon(
                DrydockError(.invalidArgument, "failed to parse value as time or duration: \"\(text)\""))
        }
        return moment
    }
}
