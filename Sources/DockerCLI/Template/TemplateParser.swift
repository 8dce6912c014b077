/// Builds the tree of a template.
struct TemplateParser {
    private var pieces: [TemplateLexer.Piece]
    private var index = 0
    private static let functions = TemplateFunctions.names

    /// Reads a whole template.
    static func parse(_ text: String) throws(TemplateError) -> [TemplateNode] {
        var lexer = TemplateLexer(text)
        var parser = TemplateParser(pieces: try lexer.pieces())
        let (nodes, ending) = try parser.list(inside: nil)
        if let ending { throw TemplateError(message: ":\(ending.place.line): unexpected {{\(ending.word)}}") }
        return nodes
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
        while index < pieces.count {
            let piece = pieces[index]
            index += 1
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let tokens, let place):
                var cursor = TokenCursor(tokens: tokens[...], place: place)
                cursor.skipSpace()
                guard case .word(let word) = cursor.peek else {
                    nodes.append(.output(try cursor.whole()))
                    continue
                }
                switch word {
                case "end", "else":
                    cursor.advance()
                    return (nodes, Ending(word: word, rest: cursor.tokens, place: place))
                case "if", "with", "range":
                    cursor.advance()
                    nodes.append(try construction(word, &cursor))
                case "break": nodes.append(.exitLoop)
                case "continue": nodes.append(.nextTurn)
                default: nodes.append(.output(try cursor.whole()))
                }
            }
        }
        if construct != nil { throw TemplateError(message: ":1: unexpected EOF") }
        return (nodes, nil)
    }

    private mutating func construction(
        _ word: String, _ cursor: inout TokenCursor
    ) throws(TemplateError) -> TemplateNode {
        let place = cursor.place
        let pipeline = try cursor.whole()
        if pipeline.commands.isEmpty { throw TemplateError(message: ":\(place.line): missing value for \(word)") }
        let (then, ending) = try list(inside: word)
        var otherwise: [TemplateNode] = []
        if let ending, ending.word == "else" {
            var rest = TokenCursor(tokens: ending.rest, place: ending.place)
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

        var peek: TemplateLexer.Token? { tokens.first?.token }

        mutating func advance() { tokens.removeFirst() }

        mutating func skipSpace() { while peek == .space { advance() } }

        func failure(_ text: String) -> TemplateError { TemplateError(message: ":\(place.line): \(text)") }

        /// The pipeline that fills the rest of the action.
        mutating func whole() throws(TemplateError) -> TemplatePipeline {
            let pipeline = try self.pipeline()
            if peek != nil { throw failure("unexpected right paren") }
            return pipeline
        }

        mutating func pipeline() throws(TemplateError) -> TemplatePipeline {
            var pipeline = TemplatePipeline(place: tokens.first?.place ?? place)
            skipSpace()
            try variables(&pipeline)
            while true {
                let command = try self.command()
                guard !command.words.isEmpty else {
                    if pipeline.commands.isEmpty, peek == nil || peek == .close { return pipeline }
                    throw failure("missing value for command")
                }
                pipeline.commands.append(command)
                guard peek == .pipe else { return pipeline }
                advance()
                skipSpace()
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
                    throw failure("unexpected \(peek.map { "\($0)" } ?? "end") in operand")
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
            case .variable(let name): operand = .variable(name)
            case .string(let text): return .literal(.string(text))
            case .number(let text): return .literal(try number(text))
            case .word("true"): return .literal(.bool(true))
            case .word("false"): return .literal(.bool(false))
            case .word("nil"): return .literal(.null)
            case .word(let name):
                guard TemplateParser.functions.contains(name) else {
                    throw failure("function \"\(name)\" not defined")
                }
                return .function(name, start)
            case .open:
                let inner = try pipeline()
                guard peek == .close else { throw failure("unclosed left paren") }
                advance()
                operand = .group(inner)
            default: throw failure("unexpected token in operand")
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
