/// Builds the tree of a template.
struct TemplateParser {
    private var pieces: [TemplateLexer.Piece]
    private var index = 0
    private static let functions = TemplateFunctions.names
    /// The variables that are known where the parser is.
    private var known: Set<String> = [""]
    private var loops = 0
    private var definitions: [String: [TemplateNode]] = [:]

    /// Reads a whole template.
    /// - Returns: its nodes, and those of the templates that it defines by name.
    static func parse(
        _ text: String
    ) throws(TemplateError) -> (nodes: [TemplateNode], definitions: [String: [TemplateNode]]) {
        var lexer = TemplateLexer(text)
        var parser = TemplateParser(pieces: try lexer.pieces())
        let (nodes, ending) = try parser.list(inside: nil)
        if let ending { throw TemplateError(message: ":\(ending.place.line): unexpected {{\(ending.word)}}") }
        return (nodes, parser.definitions)
    }

    private init(pieces: [TemplateLexer.Piece]) { self.pieces = pieces }

    /// What ended a list: `end` or `else`, with what follows the word.
    private struct Ending {
        var word: String
        var rest: ArraySlice<(token: TemplateLexer.Token, place: TemplatePlace)>
        var place: TemplatePlace
    }

    private mutating func list(
        inside construct: String?
    ) throws(TemplateError) -> (nodes: [TemplateNode], ending: Ending?) {
        var nodes: [TemplateNode] = []
        let outside = known
        defer { known = outside }
        while index < pieces.count {
            let piece = pieces[index]
            index += 1
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let tokens, let place):
                var cursor = TokenCursor(tokens: tokens[...], place: place, known: known)
                cursor.skipSpace()
                guard case .word(let word) = cursor.peek, Self.keywords.contains(word) else {
                    nodes.append(.output(try cursor.whole(of: "command")))
                    known = cursor.known
                    continue
                }
                cursor.advance()
                switch word {
                case "end":
                    cursor.skipSpace()
                    if let next = cursor.peek { throw cursor.failure("unexpected \(next.shown) in end") }
                    return (nodes, Ending(word: word, rest: cursor.tokens, place: place))
                case "else": return (nodes, Ending(word: word, rest: cursor.tokens, place: place))
                case "break", "continue":
                    guard loops > 0 else { throw cursor.failure("{{\(word)}} outside {{range}}") }
                    nodes.append(word == "break" ? .exitLoop : .nextTurn)
                case "define", "block", "template":
                    if let node = try named(word, &cursor) { nodes.append(node) }
                default: nodes.append(try construction(word, &cursor))
                }
            }
        }
        if construct != nil { throw TemplateError(message: ":1: unexpected EOF") }
        return (nodes, nil)
    }

    private static let keywords: Set<String> = [
        "end", "else", "if", "with", "range", "break", "continue", "define", "block", "template",
    ]

    /// `define`, `block` and `template`, each with a name.
    private mutating func named(
        _ word: String, _ cursor: inout TokenCursor
    ) throws(TemplateError) -> TemplateNode? {
        cursor.skipSpace()
        guard case .string(let name) = cursor.peek else {
            throw cursor.failure(
                cursor.peek.map { "unexpected \($0.shown) in \(word) clause" } ?? "missing name for \(word)")
        }
        cursor.advance()
        cursor.skipSpace()
        var pipeline: TemplatePipeline?
        if word != "define", cursor.peek != nil { pipeline = try cursor.whole(of: word) }
        if word != "template" {
            known = [""]
            let (nodes, ending) = try list(inside: word)
            guard ending?.word == "end" else {
                throw TemplateError(message: ":\(cursor.place.line): unexpected {{else}} in define clause")
            }
            definitions[name] = nodes
        }
        return word == "define" ? nil : .call(name, pipeline, cursor.place)
    }

    private mutating func construction(
        _ word: String, _ cursor: inout TokenCursor
    ) throws(TemplateError) -> TemplateNode {
        let place = cursor.place
        let outside = known
        defer { known = outside }
        let pipeline = try cursor.whole(of: word)
        known = cursor.known
        if pipeline.commands.isEmpty { throw TemplateError(message: ":\(place.line): missing value for \(word)") }
        if word == "range" { loops += 1 }
        let (then, ending) = try list(inside: word)
        if word == "range" { loops -= 1 }
        var otherwise: [TemplateNode] = []
        if let ending, ending.word == "else" {
            var rest = TokenCursor(tokens: ending.rest, place: ending.place, known: known)
            rest.skipSpace()
            if case .word(let next) = rest.peek, next == word, word != "range" {
                rest.advance()
                otherwise = [try construction(next, &rest)]
            } else {
                let (nodes, last) = try list(inside: word)
                guard last?.word == "end" else {
                    throw TemplateError(message: ":\(ending.place.line): expected end; found {{else}}")
                }
                otherwise = nodes
            }
        }
        switch word {
        case "if": return .branch(pipeline, then: then, otherwise: otherwise)
        case "with": return .with(pipeline, then: then, otherwise: otherwise)
        default: return .range(pipeline, body: then, otherwise: otherwise)
        }
    }

    /// Reads the tokens of one action.
    private struct TokenCursor {
        var tokens: ArraySlice<(token: TemplateLexer.Token, place: TemplatePlace)>
        let place: TemplatePlace
        var known: Set<String>

        var peek: TemplateLexer.Token? { tokens.first?.token }

        mutating func advance() { tokens.removeFirst() }

        mutating func skipSpace() { while peek == .space { advance() } }

        func failure(_ text: String) -> TemplateError { TemplateError(message: ":\(place.line): \(text)") }

        /// The pipeline that fills the rest of the action.
        mutating func whole(of word: String) throws(TemplateError) -> TemplatePipeline {
            let pipeline = try self.pipeline(of: word)
            if peek != nil { throw failure("unexpected right paren") }
            if pipeline.commands.isEmpty { throw failure("missing value for \(word)") }
            return pipeline
        }

        mutating func pipeline(of word: String) throws(TemplateError) -> TemplatePipeline {
            var pipeline = TemplatePipeline(place: tokens.first?.place ?? place)
            skipSpace()
            try variables(&pipeline)
            while true {
                if peek == nil || peek == .close { return pipeline }
                if peek == .pipe { throw failure("unexpected \"|\" in \(word)") }
                let command = try self.command()
                if !pipeline.commands.isEmpty, let first = command.words.first { try checkStage(first) }
                pipeline.commands.append(command)
                guard peek == .pipe else { return pipeline }
                advance()
                skipSpace()
            }
        }

        /// A stage behind a `|` gets a value: a constant cannot take one.
        private func checkStage(_ first: TemplateOperand) throws(TemplateError) {
            switch first {
            case .literal, .dot: throw failure("non executable command in pipeline stage 2")
            default: return
            }
        }

        private mutating func variables(_ pipeline: inout TemplatePipeline) throws(TemplateError) {
            var ahead = self
            var names: [String] = []
            while case .variable(let name) = ahead.peek {
                names.append(name)
                ahead.advance()
                ahead.skipSpace()
                guard ahead.peek == .comma else { break }
                ahead.advance()
                ahead.skipSpace()
            }
            guard !names.isEmpty, ahead.peek == .declare || ahead.peek == .assign else { return }
            pipeline.variables = names
            pipeline.declares = ahead.peek == .declare
            if let unknown = names.first(where: { !known.contains($0) }), !pipeline.declares {
                throw failure("undefined variable \"$\(unknown)\"")
            }
            ahead.known.formUnion(names)
            ahead.advance()
            ahead.skipSpace()
            self = ahead
        }

        private mutating func command() throws(TemplateError) -> TemplateCommand {
            var words: [TemplateOperand] = []
            skipSpace()
            while let token = peek, token != .pipe, token != .close {
                words.append(try operand())
                guard peek == .space || peek == nil || peek == .pipe || peek == .close else {
                    throw failure("unexpected \(peek?.shown ?? "end") in operand")
                }
                skipSpace()
            }
            return TemplateCommand(words: words)
        }

        private mutating func operand() throws(TemplateError) -> TemplateOperand {
            guard let (token, start) = tokens.popFirst() else { throw failure("missing operand") }
            var operand: TemplateOperand
            switch token {
            case .dot: operand = .dot
            case .field(let name): operand = .fields(.dot, [name], start)
            case .variable(let name):
                guard known.contains(name) else { throw failure("undefined variable \"$\(name)\"") }
                operand = .variable(name, start)
            case .string(let text): operand = .literal(.string(text), Units.quoted(text), start)
            case .number(let text): operand = .literal(try number(text), text, start)
            case .word("true"): operand = .literal(.bool(true), "true", start)
            case .word("false"): operand = .literal(.bool(false), "false", start)
            case .word("nil"): operand = .literal(.null, "nil", start)
            case .word(let name):
                guard TemplateParser.functions.contains(name) else {
                    throw failure("function \"\(name)\" not defined")
                }
                return .function(name, start)
            case .open:
                let inner = try pipeline(of: "parenthesized pipeline")
                guard peek == .close else { throw failure("unclosed left paren") }
                advance()
                operand = .group(inner)
            default: throw failure("unexpected \(token.shown) in operand")
            }
            if case .field = peek {
                switch operand {
                case .dot, .literal:
                    throw failure("unexpected . after term \(Units.quoted(TemplateRun.source(operand)))")
                default: break
                }
            }
            // Go names the place of the first field behind the start of a chain.
            let chain = tokens.first?.place ?? start
            while case .field(let name) = peek {
                if case .fields(let base, let names, _) = operand {
                    operand = .fields(base, names + [name], chain)
                } else {
                    operand = .fields(operand, [name], chain)
                }
                advance()
            }
            return operand
        }

        private func number(_ text: String) throws(TemplateError) -> TemplateLiteral {
            let plain = text.filter { $0 != "_" }
            if let value = Int64(plain) { return .int(value) }
            if plain.hasPrefix("0x"), let value = Int64(plain.dropFirst(2), radix: 16) { return .int(value) }
            if let value = Double(plain) { return .double(value) }
            throw failure("bad number syntax: \"\(text)\"")
        }
    }
}
