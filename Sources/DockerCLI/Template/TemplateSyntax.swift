/// A piece of a template (the syntax of Go's `text/template`).
indirect enum TemplateNode: Sendable {
    /// Text as it is.
    case text(String)
    /// `{{pipeline}}`, with the place for messages.
    case output(TemplatePipeline)
    /// `{{if}} … {{else}} … {{end}}`
    case branch(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    /// `{{with}} … {{else}} … {{end}}`
    case with(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    /// `{{range}} … {{else}} … {{end}}`
    case range(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    /// `{{break}}`
    case exitLoop
    /// `{{continue}}`
    case nextTurn
    /// `{{template "name" pipeline}}`
    case call(String, TemplatePipeline?, TemplatePlace)
}

/// Commands joined by `|`, with the variables that take the result.
struct TemplatePipeline: Sendable {
    /// `$x` or `$i, $x`, without dollar signs.
    var variables: [String] = []
    /// Whether the variables are new (`:=`) or exist (`=`).
    var declares = false
    /// The commands, in order.
    var commands: [TemplateCommand] = []
    /// The line and the column, for messages.
    var place = TemplatePlace(line: 1, column: 0)
}

/// One command of a pipeline: its words, the first of which may be a function.
struct TemplateCommand: Sendable {
    /// The words.
    var words: [TemplateOperand]
}

/// One word of a command.
indirect enum TemplateOperand: Sendable {
    /// `.`
    case dot
    /// `.A.B`, `$x.A`, `(pipeline).A`: a start and the fields from there.
    case fields(TemplateOperand, [String], TemplatePlace)
    /// `$`, `$x`
    case variable(String, TemplatePlace)
    /// A function's name.
    case function(String, TemplatePlace)
    /// A literal, with the text that stands for it.
    case literal(TemplateLiteral, String, TemplatePlace)
    /// `(pipeline)`
    case group(TemplatePipeline)
}

/// A literal value.
enum TemplateLiteral: Sendable {
    case string(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
    case null
}

/// A place in a template.
struct TemplatePlace: Sendable {
    /// The line, from 1.
    var line: Int
    /// The column in bytes, from 0.
    var column: Int
}

/// What is wrong with a template, or with what it asks for; in Go's words.
struct TemplateError: Error, Sendable, Equatable {
    /// The message, without the word `template` in front.
    var message: String
}
