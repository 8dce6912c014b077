import Diagnostics

/// A list of objects: what each kind of `ls` shows, and how `--format` and `-q` change it.
struct Listing: Sendable {
    /// A column that a row can have.
    struct Column: Sendable {
        /// The name in templates: `Names`.
        let field: String
        /// The heading: `NAMES`.
        let heading: String
    }

    /// Every field that a template can name.
    let columns: [Column]
    /// The fields of the table that is shown where no format is given.
    var table: [String]
    /// The field that `-q` shows.
    let quiet: String
    /// Go's type of a row, for messages.
    let typeName: String
    /// The methods of a row, by name, given the row.
    var methods: @Sendable (JSONValue) -> [String: TemplateMethod] = { _ in [:] }
    /// The methods of the heading.
    var headingMethods: [String: TemplateMethod] = [:]

    /// The text of the list.
    ///
    /// - Parameters:
    ///   - format: what `--format` says; nil or `table` for the usual table.
    ///   - quiet: `-q`.
    /// - Throws: a message for the one who wrote the template.
    func render(_ rows: [JSONValue], format: String?, quiet: Bool) throws(Failure) -> String {
        let format = format.flatMap { $0.isEmpty ? nil : $0 } ?? "table"
        if format == "json" {
            return rows.map { TemplateRun.escapedForHTML(sorted($0).compact) + "\n" }.joined()
        }
        let isTable = format.hasPrefix("table")
        if quiet, format == "table" {
            return rows.map { ($0[self.quiet]?.string ?? "") + "\n" }.joined()
        }
        var source = isTable ? trimmed(format.dropFirst("table".count)) : format
        if isTable, source.isEmpty { source = table.map { "{{.\($0)}}" }.joined(separator: "\\t") }
        source = TemplateFunctions.splitting(source, "\\t").joined(separator: "\t")
        source = TemplateFunctions.splitting(source, "\\n").joined(separator: "\n")
        let template: Template
        do throws(TemplateError) { template = try Template(source) } catch {
            throw .message("failed to parse template: template: \(error.message)")
        }
        do throws(TemplateError) {
            var text = ""
            if isTable { text += try template.fill(heading, heading: true) + "\n" }
            for row in rows { text += try template.fill(subject(row)) + "\n" }
            return isTable ? TabWriter.align(text) : text
        } catch {
            throw .message("failed to execute template: template: \(error.message)")
        }
    }

    private func subject(_ row: JSONValue) -> TemplateSubject {
        TemplateSubject(document: sorted(row), methods: methods(row), typeName: typeName)
    }

    private var heading: TemplateSubject {
        TemplateSubject(
            document: .object(columns.map { ($0.field, .string($0.heading)) }), methods: headingMethods,
            typeName: typeName)
    }

    private func sorted(_ row: JSONValue) -> JSONValue {
        .object((row.pairs ?? []).sorted { $0.key < $1.key })
    }
}
