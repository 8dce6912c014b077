/// Makes the names of containers that were given none: an adjective and somebody who moved ships, seas or computing
/// forward, joined as Docker joins them.
enum ContainerNames {
    private static let adjectives = [
        "able", "agile", "amber", "ample", "brave", "bright", "brisk", "calm", "candid", "careful", "cheerful",
        "clever",
        "cosy", "curious", "daring", "deft", "eager", "earnest", "easy", "fair", "festive", "focused", "frank",
        "gentle",
        "glad", "happy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively", "lucid", "mellow", "merry",
        "modest", "neat", "nimble", "noble", "patient", "peaceful", "placid", "plucky", "polite", "proud", "quiet",
        "quick", "ready", "serene", "sharp", "steady", "sunny", "sure", "tidy", "trusty", "upbeat", "vivid", "warm",
        "wise", "witty", "zealous",
    ]

    private static let people = [
        "anderson", "archimedes", "babbage", "bartik", "beaufort", "booth", "bouchard", "cerf", "chichester", "codd",
        "cook", "cooper", "dias", "dijkstra", "drake", "earhart", "engelbart", "eratosthenes", "faraday", "floyd",
        "galileo", "goldberg", "hamilton", "harrison", "hopper", "hypatia", "johnson", "kay", "keldysh", "kilby",
        "knuth", "lamarr", "lamport", "leavitt", "liskov", "lovelace", "magellan", "maury", "mayer", "mclean",
        "mercator", "morse", "nansen", "neumann", "noether", "noyce", "pasteur", "perlman", "plimsoll", "ptolemy",
        "ritchie", "sammet", "shannon", "slocum", "stallman", "tasman", "tesla", "thompson", "torvalds", "turing",
        "vespucci", "wescoff", "wiles", "wing",
    ]

    /// A name; the later `attempt`s add a digit, so that a name is found however many are taken.
    static func random(attempt: Int) -> String {
        let name = (adjectives.randomElement() ?? "calm") + "_" + (people.randomElement() ?? "hopper")
        return attempt == 0 ? name : name + String(Int.random(in: 0...9))
    }

    /// Whether a user may give this name: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
    static func isValid(_ name: String) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
        guard let first = name.utf8.first, name.utf8.count > 1 else { return false }
        return isAlphanumeric(first)
            && name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
    }
}
