import Diagnostics
import Engine
import Lessons
import Linux
import SystemPackage
import Terminal

extension Session {
    /// Does what a command for the tutor says.
    func perform(_ command: TutorCommand) throws(DrydockError) {
        guard command.isWellFormed else {
            say(Phrases.usage(command.name.usage(language)))
            return
        }
        switch command.name {
        case .help: showHelp()
        case .goal: showGoal()
        case .check: evaluate(nil)
        case .hint: try giveHint()
        case .why: showAccount()
        case .explain: try explain(command.arguments)
        case .solution: showSolution()
        case .skip: try skip()
        case .reset: try reset(command.arguments.first)
        case .lessons: try showLessons()
        case .start: try start(command.arguments.first)
        case .progress: try showProgress()
        case .account: showAccountName()
        case .lang: try changeLanguage(command.arguments.first)
        case .quit: break
        }
    }

    private func showHelp() {
        let look = console.look
        console.line(look.paint(Phrases.helpTitle[language], .heading))
        let width = TutorCommand.Name.allCases.map { $0.usage(language).count }.max() ?? 0
        for name in TutorCommand.Name.allCases {
            let usage = TextLayout.pad(name.usage(language), to: width)
            console.paragraph(
                Phrases.help(name)[language], indent: String(repeating: " ", count: width + 4),
                first: "  " + look.paint(usage, .code) + "  ")
        }
        console.line()
        say(Phrases.helpShell)
    }

    private func giveHint() throws(DrydockError) {
        guard let exercise else { return say(Phrases.noExercise) }
        guard let hint = try exercise.hint() else { return say(Phrases.exerciseFinished) }
        let number = console.look.paint(Phrases.hintNumber(hint.number, hint.count)[language], .strong)
        console.paragraph(
            "\(number)\(Phrases.colon[language])\(DocumentRenderer(console.look).inline(hint.text[language]))")
    }

    private func showAccount() {
        guard let account = exercise?.lastAccount else { return say(Phrases.whyNothing) }
        let look = console.look
        console.line(look.paint(Phrases.whyTitle[language], .heading))
        for fact in account.facts {
            var text = fact.message[language]
            if fact.verdict == .unknown { text += " (\(Phrases.unknown[language]))" }
            if fact.wasSeen { text += " (\(Phrases.seenBefore[language]))" }
            item(fact.verdict == .holds ? .done : .missing, text)
            for finding in fact.findings {
                console.paragraph(
                    "\(finding.looked[language])\(Phrases.colon[language])\(Phrases.expected[language]) \(finding.expected[language]), "
                        + "\(Phrases.found[language]) \(finding.found[language])",
                    indent: "      ", first: "    " + look.mark(finding.holds ? .done : .wrong) + " ")
            }
        }
        if let diagnosis = exercise?.lastDiagnosis { item(.wrong, diagnosis.text[language]) }
    }

    private func showSolution() {
        guard let exercise else { return say(Phrases.noExercise) }
        guard let step = exercise.current, let solution = exercise.solution(of: step.id, language) else {
            return say(Phrases.exerciseFinished)
        }
        console.line(console.look.paint(Phrases.solutionTitle[language], .strong))
        for line in solution.lines { console.line("    " + console.look.paint(line, .code)) }
    }

    private func skip() throws(DrydockError) {
        guard let exercise else { return say(Phrases.noExercise) }
        guard exercise.current != nil else { return say(Phrases.exerciseFinished) }
        let next = try exercise.skip()
        say(Phrases.skipped)
        if next != nil { return showGoal() }
        guard let other = try nextExercise() else {
            self.exercise = nil
            return say(Phrases.allDone)
        }
        say(Phrases.nextExercise(other.title[language]))
        try open(other, isIntroduced: true)
    }

    private func changeLanguage(_ code: String?) throws(DrydockError) {
        guard let code, let language = Language(rawValue: code.lowercased()) else {
            return say(Phrases.languageUsage)
        }
        self.language = language
        try progress?.setLanguage(language)
        say(Phrases.languageIs())
        if exercise != nil { showGoal() }
    }

    private func showAccountName() {
        guard let user = settings.user else { return say(Phrases.noAccount) }
        if let password = settings.password {
            say(Phrases.passwordTold(user, password))
        } else {
            say(Phrases.account(user))
        }
    }

    // MARK: Exercises

    private func start(_ name: String?) throws(DrydockError) {
        guard let name, let library else { return say(Phrases.usage(TutorCommand.Name.start.usage(language))) }
        let named = library.exercises.filter { $0.id.hasPrefix(name.lowercased()) }
        let byNumber = Int(name).flatMap {
            library.exercises.indices.contains($0 - 1) ? library.exercises[$0 - 1] : nil
        }
        guard let chosen = library.exercise(name) ?? (named.count == 1 ? named.first : nil) ?? byNumber else {
            return say(Phrases.unknownExercise(name))
        }
        var open: [String] = []
        for id in chosen.requires {
            if let progress, let required = library.exercise(id), try !isFinished(required, progress) {
                open.append(required.title[language])
            }
        }
        if !open.isEmpty { say(Phrases.requires(open.joined(separator: ", "))) }
        try self.open(chosen, isIntroduced: true)
    }

    private func showLessons() throws(DrydockError) {
        guard let library, let progress else { return say(Phrases.noContent) }
        let look = console.look
        console.line(look.paint(Phrases.lessonsTitle[language], .heading))
        var told: Set<String> = []
        for (index, exercise) in library.exercises.enumerated() {
            if told.insert(exercise.lesson).inserted, let lesson = library.lesson(of: exercise)?.text(language) {
                console.line()
                console.line(look.paint(lesson.title, .strong))
                console.paragraph(lesson.summary, indent: "  ")
            }
            let mark: Mark =
                try isFinished(exercise, progress)
                ? .done : exercise.id == self.exercise?.exercise.id ? .next : .missing
            console.line(
                "  \(look.mark(mark)) \(index + 1). \(exercise.title[language])  "
                    + look.paint("start \(exercise.id)", .code))
        }
    }

    private func showProgress() throws(DrydockError) {
        guard let library, let progress else { return say(Phrases.noContent) }
        let look = console.look
        console.line(look.paint(Phrases.progressTitle[language], .heading))
        for exercise in library.exercises {
            let states = try progress.steps(of: exercise.id)
            let done = exercise.steps.count { states[$0.id]?.isDone ?? false }
            console.line("\(exercise.title[language])  \(look.bar(done, of: exercise.steps.count))")
            guard exercise.id == self.exercise?.exercise.id, let session = self.exercise else { continue }
            let current = session.current?.id
            for (step, state) in session.steps {
                var text = firstSentence(step.goal[language])
                if case .skipped = state { text += " (\(Phrases.skippedMark[language]))" }
                if step.id == current { text += " (\(Phrases.current[language]))" }
                item(state.isDone ? .done : step.id == current ? .next : .missing, text)
            }
        }
    }

    /// The first sentence of a text.
    private func firstSentence(_ text: String) -> String {
        let line = text.split(separator: "\n").first.map(String.init) ?? ""
        guard let end = line.firstRange(of: ". ") else { return line }
        return String(line[..<end.lowerBound]) + "."
    }

    // MARK: Reset

    private func reset(_ what: String?) throws(DrydockError) {
        guard let exercise else { return say(Phrases.noExercise) }
        let isWhole = what == "exercise" || exercise.current == nil
        guard what == nil || what == "exercise" || what == "step" else {
            return say(Phrases.usage(TutorCommand.Name.reset.usage(language)))
        }
        let question = isWhole ? Phrases.askResetExercise : Phrases.askResetStep
        guard asker.confirms(question[language]) else { return say(Phrases.resetKept) }
        let scope: ExerciseSession.ResetScope =
            isWhole ? .exercise : exercise.current.map { .step($0.id) } ?? .exercise
        for action in exercise.resetPlan(scope) { try undo(action) }
        try exercise.didReset(scope)
        if isWhole { directory = try workspace.open(exercise.exercise, fresh: true) }
        say(Phrases.resetDone)
        showGoal()
    }

    /// Carries one action out with docker commands, as a learner would: only that process may need other identities.
    private func undo(_ action: ResetAction) throws(DrydockError) {
        let engine = configuration.engine
        switch action {
        case .removeContainer(let name):
            guard try exists({ () throws(DrydockError) in try engine.inspectContainer(name, size: false) }) else {
                return
            }
            try docker(["container", "rm", "--force", name])
        case .removeContainersOf(let image):
            let ids = try engine.containers(all: true, sizes: false, matching: ["ancestor": [image]]).map(\.id)
            if !ids.isEmpty { try docker(["container", "rm", "--force"] + ids) }
        case .removeImage(let name):
            guard try exists({ () throws(DrydockError) in try engine.inspectImage(name) }) else { return }
            try docker(["image", "rm", "--force", name])
        case .removeFromRegistry(let name):
            try configuration.hub.removeTag(name)
        case .logOut(let registry):
            guard try engine.loggedIn(server: registry) != nil else { return }
            try docker(["logout"] + (registry.map { [$0] } ?? []))
        case .docker(let words):
            try docker(words)
        }
    }

    private func exists(_ ask: () throws(DrydockError) -> JSONValue) throws(DrydockError) -> Bool {
        do throws(DrydockError) {
            _ = try ask()
            return true
        } catch {
            if error.code == .notFound { return false }
            throw error
        }
    }

    private func docker(_ words: [String]) throws(DrydockError) {
        let shown = (["docker"] + words).joined(separator: " ")
        console.line("  " + console.look.paint(shown, .faint))
        let end = try run([configuration.executable.string, "docker"] + words)
        if end.status != 0 { say(Phrases.resetFailed(shown)) }
    }
}
