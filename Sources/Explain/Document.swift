/// An explanation as data: what it says, not how it looks. The prompt draws it on a terminal; a page could too.
public struct Document: Sendable, Equatable {
    /// Its parts, in order.
    public var blocks: [Block]

    /// Makes a document.
    public init(_ blocks: [Block] = []) { self.blocks = blocks }

    /// The parts of two documents, one after the other.
    public static func + (left: Document, right: Document) -> Document { Document(left.blocks + right.blocks) }
}

/// A part of an explanation.
public enum Block: Sendable, Equatable {
    /// A heading; 1 is the highest level.
    case heading(level: Int, [Inline])
    /// Running text.
    case paragraph([Inline])
    /// Lines that are shown as they are.
    case code([String])
    /// Items; numbered from `start` where it is given.
    case list([Document], start: Int?)
    /// Something quoted, or an aside.
    case quote(Document)
    /// A line across.
    case rule
    /// Columns.
    case table(headings: [String], rows: [[String]])
    /// Work with its parts.
    case tree([TreeNode])
    /// Things that lie on each other, the top one first.
    case stack(title: String, [Tier])
}

/// A piece of running text.
public enum Inline: Sendable, Equatable {
    /// Plain text.
    case text(String)
    /// Important.
    case strong(String)
    /// Stressed.
    case emphasis(String)
    /// Something that is typed or printed.
    case code(String)
    /// A text that stands for an address.
    case link(String, address: String)
}

/// A node of a tree: what was done, with what is known of it.
public struct TreeNode: Sendable, Equatable {
    /// How it ended.
    public enum State: Sendable, Equatable {
        /// Well.
        case done
        /// With an error.
        case failed
        /// It did not end while the trace was kept.
        case open
    }

    /// What was done.
    public var title: String
    /// How long it took, ready to be read; empty where that is not known.
    public var duration: String
    /// What is known of it, by name, ready to be read.
    public var facts: [(name: String, value: String)]
    /// How it ended.
    public var state: State
    /// Its parts, in order.
    public var children: [TreeNode]

    /// Makes a node.
    public init(
        title: String, duration: String = "", facts: [(name: String, value: String)] = [], state: State = .done,
        children: [TreeNode] = []
    ) {
        self.title = title
        self.duration = duration
        self.facts = facts
        self.state = state
        self.children = children
    }

    /// Whether two nodes say the same.
    public static func == (left: TreeNode, right: TreeNode) -> Bool {
        left.title == right.title && left.duration == right.duration && left.state == right.state
            && left.children == right.children
            && left.facts.elementsEqual(right.facts) { $0.name == $1.name && $0.value == $1.value }
    }
}

/// One thing of a stack.
public struct Tier: Sendable, Equatable {
    /// What it is.
    public enum Kind: Sendable, Equatable {
        /// A container's own layer, which can be written to.
        case writable
        /// A layer of an image, which cannot.
        case readOnly
    }

    /// What it is.
    public var kind: Kind
    /// What it is called.
    public var title: String
    /// Its size, ready to be read.
    public var size: String
    /// Who else uses it, or another remark; may be empty.
    public var remark: String

    /// Makes a tier.
    public init(kind: Kind, title: String, size: String, remark: String = "") {
        self.kind = kind
        self.title = title
        self.size = size
        self.remark = remark
    }
}
