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
    /// How messages about a template begin: what Docker's older lists say; see `imageWords`.
    var words = (parsing: "failed to parse template", filling: "failed to execute template")
    /// The methods of a row, by name, given the row.
    var methods: @Sendable (JSONValue) -> [String: TemplateMethod] = { _ in [:] }
    /// The methods of the heading.
    var headingMethods: [String: TemplateMethod] = [:]

    /// What Docker's lists of images, of histories and of what takes room say.
    static let imageWords = (parsing: "template parsing error", filling: "template parsing error")

    /// Rows whose values are worked out when they are asked for: a list of thousands needs a few of them.
    struct Rows {
        /// The number of rows.
        var count: Int
        /// The text of one field of a row; nil for a value that is no text.
        var cell: (_ row: Int, _ field: String) -> String?
        /// A row with everything in it.
        var document: (_ row: Int) -> JSONValue

        /// Rows that are worked out already.
        init(_ rows: [JSONValue]) {
            count = rows.count
            cell = { rows[$0][$1]?.string }
            document = { rows[$0] }
        }

        /// Rows of objects; every field is text.
        init<Object>(_ objects: [Object], columns: [Column], cell: @escaping (Object, String) -> String) {
            count = objects.count
            self.cell = { cell(objects[$0], $1) }
            document = { row in .object(columns.map { ($0.field, .string(cell(objects[row], $0.field))) }) }
        }
    }

    /// The text of the list; see below.
    func render(_ rows: [JSONValue], format: String?, quiet: Bool) throws(Failure) -> String {
        String(decoding: try bytes(of: Rows(rows), format: format, quiet: quiet), as: UTF8.self)
    }

    /// The text of the list.
    ///
    /// - Parameters:
    ///   - format: what `--format` says; nil or `table` for the usual table.
    ///   - quiet: `-q`.
    /// - Throws: a message for the one who wrote the template.
    func bytes(of rows: Rows, format: String?, quiet: Bool) throws(Failure) -> [UInt8] {
        let format = format.flatMap { $0.isEmpty ? nil : $0 } ?? "table"
        let isTable = format.hasPrefix("table")
        if quiet, format == "table" { return quietLines(rows) }
        if format == "json" {
            var text: [UInt8] = []
            for row in 0..<rows.count {
                text += TemplateRun.escapedForHTML(rows.document(row).sortedByKey.compact).utf8
                text.append(0x0a)
            }
            return text
        }
        var source = isTable ? trimmed(format.dropFirst("table".count)) : format
        if isTable, source.isEmpty { source = table.map { "{{.\($0)}}" }.joined(separator: "\\t") }
        source = TemplateFunctions.splitting(source, "\\t").joined(separator: "\t")
        source = TemplateFunctions.splitting(source, "\\n").joined(separator: "\n")
        if isTable, let fields = plainFields(source), let text = plainTable(rows, fields) { return text }
        let template: Template
        do throws(TemplateError) { template = try Template(source) } catch {
            throw .message("\(words.parsing): template: \(error.message)")
        }
        do throws(TemplateError) {
            var text = ""
            if isTable { text += try template.fill(heading, heading: true) + "\n" }
            for row in 0..<rows.count { text += try template.fill(subject(rows.document(row))) + "\n" }
            return Array((isTable ? TabWriter.align(text) : text).utf8)
        } catch {
            throw .message("\(words.filling): template: \(error.message)")
        }
    }

    private func quietLines(_ rows: Rows) -> [UInt8] {
        var text: [UInt8] = []
        for row in 0..<rows.count {
            text += (rows.cell(row, quiet) ?? "").utf8
            text.append(0x0a)
        }
        return text
    }

    /// The fields of a template that is nothing but columns, `{{.ID}}\t{{.Tag}}`; nil for any other.
    private func plainFields(_ source: String) -> [String]? {
        var fields: [String] = []
        for part in source.split(separator: "\t", omittingEmptySubsequences: false) {
            guard part.hasPrefix("{{."), part.hasSuffix("}}") else { return nil }
            let field = String(part.dropFirst(3).dropLast(2))
            guard columns.contains(where: { $0.field == field }), headingMethods[field] == nil else { return nil }
            fields.append(field)
        }
        return fields
    }

    /// Such a table, without going through the template; nil where a value is none that it can show.
    private func plainTable(_ rows: Rows, _ fields: [String]) -> [UInt8]? {
        var cells = fields.map { field in columns.first { $0.field == field }?.heading ?? "" }
        cells.reserveCapacity((rows.count + 1) * fields.count)
        for row in 0..<rows.count {
            for field in fields {
                guard let cell = rows.cell(row, field), !cell.utf8.contains(where: { $0 == 0x09 || $0 == 0x0a }) else {
                    return nil
                }
                cells.append(cell)
            }
        }
        return TabWriter.table(cells, columns: fields.count)
    }

    private func subject(_ row: JSONValue) -> TemplateSubject {
        TemplateSubject(document: row.sortedByKey, methods: methods(row), typeName: typeName)
    }

    private var heading: TemplateSubject {
        TemplateSubject(
            document: .object(columns.map { ($0.field, .string($0.heading)) }), methods: headingMethods,
            typeName: typeName)
    }
}

extension JSONValue {
    /// The same object as Go's encoder writes it.
    var sortedByKey: JSONValue { .object((pairs ?? []).sorted { $0.key < $1.key }) }
}
