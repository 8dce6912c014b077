import Diagnostics

/// Proves that exercises are sound: the start fails every check, every way to solve passes, every mistake is
/// recognised as itself, every change of a check is noticed, and the texts are complete.
public struct ExerciseTester: Sendable {
    /// How the tester plays.
    public struct Options: Sendable {
        /// How often each way to solve is played. The languages take turns, so two plays are one in each.
        public var repeats = 2
        /// The languages of the sessions. Each mistake is played once, and then told in each.
        public var languages: [Language] = [.en]
        /// Whether only the solutions are played, one after the other: no other ways, no mistakes.
        public var onlySolutions = false
        /// How many sessions are played at a time.
        public var width = 1

        /// Makes the options that are right where nothing else is said.
        public init() {}
    }

    let library: ContentLibrary
    let player: any TranscriptPlayer
    let options: Options

    /// Makes a tester.
    public init(library: ContentLibrary, player: any TranscriptPlayer, options: Options = Options()) {
        self.library = library
        self.player = player
        self.options = options
    }

    /// What is to be played.
    private struct Turn {
        var name: String
        var transcript: Transcript
        var language: Language
        /// The mistake that it has to lead to; nil where it has to solve the step.
        var mistake: Mistake?
        /// The number of the way to solve, where it is the first time.
        var isFirst = false
    }

    /// What a play came to.
    private struct Play {
        var start: Set<String> = []
        var wasOpen = false
        var solved: Set<String> = []
        var diagnosis: String?
        /// For each mutant: whether it held at the start, before the transcript, at the end.
        var mutants: [(early: Bool, atEnd: Bool)] = []
        /// Whether the learner was told what had to be told at the end.
        var wasTold = true
        var failure: String?
        var seconds = 0.0
    }

    /// Tests one exercise.
    /// - Parameter onRow: is told of each row as soon as it and those before it are known.
    public func test(_ exercise: Exercise, onRow: (TestReport.Row) -> Void = { _ in }) async -> TestReport {
        var report = TestReport()
        func add(_ step: String, _ name: String, _ failure: String?, _ seconds: Double) {
            let row = TestReport.Row(
                exercise: exercise.id, step: step, name: name, failure: failure, seconds: seconds)
            report.rows.append(row)
            onRow(row)
        }
        if options.onlySolutions {
            await inOrder(Array(0..<max(options.repeats, 1))) { round in
                await walk(through: exercise, in: language(of: round))
            } then: { round, walk in
                let name = "solutions, \(language(of: round).rawValue)"
                add("", name, walk.failure, walk.seconds)
            }
            return report
        }
        // Which steps each transcript of a step solves, to find ways to the start of a later one.
        var solves: [String: [(transcript: Transcript, steps: Set<String>)]] = [:]
        var startIsProven = false

        for (index, step) in exercise.steps.enumerated() {
            guard let prefix = Self.prefix(to: step, of: exercise, before: index, solves) else {
                add(step.id, "start", "no transcript of an earlier step leaves this one open", 0)
                continue
            }
            let mutations = Mutation.all(of: step)
            var noticed: [String?] = mutations.map { _ in nil }
            let turns = turns(of: step)
            await inOrder(turns) { turn in
                await play(exercise, step, prefix, turn, mutations)
            } then: { turn, play in
                if !startIsProven, play.failure == nil {
                    startIsProven = true
                    let early = play.start.sorted().joined(separator: ", ")
                    add("", "start", early.isEmpty ? nil : "already solved at the start: \(early)", 0)
                }
                let failure = Self.failure(of: play, turn, step)
                add(step.id, turn.name, failure, play.seconds)
                guard failure == nil else { return }
                for (number, mutant) in play.mutants.enumerated()
                where noticed[number] == nil && (mutant.early || mutant.atEnd != (turn.mistake == nil)) {
                    noticed[number] = turn.name
                }
                if turn.isFirst { solves[step.id, default: []].append((turn.transcript, play.solved)) }
            }
            for (number, mutation) in mutations.enumerated() {
                report.mutants.append(
                    TestReport.Mutant(
                        exercise: exercise.id, step: step.id, change: mutation.change, noticedBy: noticed[number]))
            }
        }
        return report
    }

    /// The languages take turns.
    private func language(of number: Int) -> Language {
        options.languages.isEmpty ? .en : options.languages[number % options.languages.count]
    }

    /// Everything that is played from the start of a step.
    private func turns(of step: Step) -> [Turn] {
        var turns: [Turn] = []
        for (number, transcript) in ([step.solution] + step.also).enumerated() {
            let name = number == 0 ? "solution" : "also \(number)"
            for round in 1...max(options.repeats, 1) {
                turns.append(
                    Turn(
                        name: options.repeats > 1 ? "\(name), play \(round)" : name, transcript: transcript,
                        language: self.language(of: number + round - 1), isFirst: round == 1))
            }
        }
        for (number, mistake) in step.mistakes.enumerated() {
            turns.append(
                Turn(
                    name: "mistake \(mistake.id)", transcript: mistake.attempt,
                    language: self.language(of: number), mistake: mistake))
        }
        return turns
    }

    private static func failure(of play: Play, _ turn: Turn, _ step: Step) -> String? {
        if let failure = play.failure { return failure }
        let isSolved = play.solved.contains(step.id)
        if let mistake = turn.mistake {
            if isSolved { return "the step is solved" }
            if play.diagnosis != mistake.id { return "recognised: \(play.diagnosis ?? "nothing")" }
            return play.wasTold ? nil : "the learner was not told"
        }
        if !play.wasOpen { return "the step was solved before its transcript" }
        if !isSolved { return "the step is not solved" + (play.diagnosis.map { "; recognised: \($0)" } ?? "") }
        return play.wasTold ? nil : "the learner was not told that the step is solved (\(turn.language.rawValue))"
    }

    /// Does work for every item, some at a time, and takes the results in the order of the items.
    private func inOrder<Item: Sendable, Result: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) async -> Result, then take: (Item, Result) -> Void
    ) async {
        await withTaskGroup(of: (Int, Result).self) { group in
            var results: [Int: Result] = [:]
            var started = 0
            var taken = 0
            func start() {
                guard started < items.count else { return }
                let number = started
                started += 1
                group.addTask { (number, await work(items[number])) }
            }
            for _ in 0..<max(options.width, 1) { start() }
            while let (number, result) = await group.next() {
                start()
                results[number] = result
                while let result = results.removeValue(forKey: taken) {
                    take(items[taken], result)
                    taken += 1
                }
            }
        }
    }

    /// For each step before a target, the first of its transcripts that leaves the target open.
    private static func prefix(
        to target: Step, of exercise: Exercise, before index: Int,
        _ solves: [String: [(transcript: Transcript, steps: Set<String>)]]
    ) -> [(step: String, transcript: Transcript)]? {
        var prefix: [(step: String, transcript: Transcript)] = []
        for step in exercise.steps[..<index] {
            guard let way = solves[step.id]?.first(where: { !$0.steps.contains(target.id) }) else { return nil }
            prefix.append((step.id, way.transcript))
        }
        return prefix
    }

    private func play(
        _ exercise: Exercise, _ target: Step, _ prefix: [(step: String, transcript: Transcript)],
        _ turn: Turn, _ mutations: [Mutation]
    ) async -> Play {
        var result = Play()
        guard !Task.isCancelled else {
            result.failure = "not played: the test was given up"
            return result
        }
        let clock = ContinuousClock()
        let begin = clock.now
        do {
            let played = try await player.begin(exercise, in: turn.language)
            do {
                try await play(exercise, target, prefix, turn, mutations, in: played, &result)
            } catch {
                result.failure = error.description
            }
            await played.end()
        } catch {
            result.failure = error.description
        }
        result.seconds = clock.now.seconds(since: begin)
        return result
    }

    private func play(
        _ exercise: Exercise, _ target: Step, _ prefix: [(step: String, transcript: Transcript)],
        _ turn: Turn, _ mutations: [Mutation], in played: any PlayedSession, _ result: inout Play
    ) async throws(DrydockError) {
        let progress = try Progress(path: played.progressFile)
        for required in library.exercises where library.requirements(of: exercise).contains(required.id) {
            try await solve(required, in: played, progress)
        }

        let session = try ExerciseSession(
            exercise, progress: progress, learner: played.learner, observation: played.observation)
        var mutants = Mutants(mutations, target: target)
        result.start = await session.stepsThatHold()
        try await played.open(exercise)
        _ = try await session.after(nil)
        await mutants.look(session)
        for part in prefix where session.isOpen(part.step) {
            for command in session.filler.fill(part.transcript).commands {
                _ = try await session.after(try await played.play(command))
                await mutants.look(session)
            }
        }
        result.wasOpen = session.isOpen(target.id)
        let early = mutants.solved
        var told: LocalizedText?
        for command in session.filler.fill(turn.transcript).commands {
            let outcome = try await session.after(try await played.play(command))
            await mutants.look(session)
            let diagnosis = outcome.diagnosis.flatMap { $0.step == target.id ? $0 : nil }
            result.diagnosis = diagnosis?.mistake
            told = diagnosis?.text ?? outcome.solved.first { $0.id == target.id }?.explain?.say
        }
        if let told {
            result.wasTold = await played.hasShown(told)
            // What went wrong can be told again, in every language; what was solved is told once.
            for language in options.languages where result.diagnosis != nil && language != turn.language {
                try await played.speak(language)
                let isTold = await played.hasShown(told)
                result.wasTold = result.wasTold && isTold
            }
        }
        result.solved = Set(session.steps.filter { $0.state.isDone }.map(\.step.id))
        result.mutants = zip(early, mutants.solved).map { (early: $0, atEnd: $1) }
    }
}

/// Mutants of one step, judged beside the real one.
private struct Mutants {
    let steps: [Step]
    let target: Step
    var seen: [Set<SeenFact>]
    var solved: [Bool]

    init(_ mutations: [Mutation], target: Step) {
        steps = mutations.map(\.step)
        self.target = target
        seen = mutations.map { _ in [] }
        solved = mutations.map { _ in false }
    }

    mutating func look(_ session: ExerciseSession) async {
        let states = Dictionary(uniqueKeysWithValues: session.steps.map { ($0.step.id, $0.state) })
        guard target.needs.allSatisfy({ states[$0]?.isDone ?? false }) else { return }
        let filler = session.filler
        let all = session.exercise.steps
        let earlier = all.prefix { $0.id != target.id }.map { filler.fill($0) }
        let judge = session.judge
        for index in steps.indices where !solved[index] {
            var known = seen[index].union(session.seen.filter { $0.step != target.id })
            let account = await judge.account(of: filler.fill(steps[index]), after: earlier[...], &known, steps: states)
            seen[index] = known.filter { $0.step == target.id }
            solved[index] = account.holds
        }
    }
}

extension ContentLibrary {
    /// Everything that has to be solved before an exercise.
    func requirements(of exercise: Exercise) -> Set<String> {
        var found: Set<String> = []
        var open = exercise.requires
        while let id = open.popLast() {
            if found.insert(id).inserted { open += self.exercise(id)?.requires ?? [] }
        }
        return found
    }
}
