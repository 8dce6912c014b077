import Diagnostics
import Engine
import Lessons
import Terminal

extension Session {
    /// The first words.
    func greet() {
        let look = console.look
        let width = look.textWidth - 4
        let text = TextLayout.wrap(Phrases.welcomeText[language], width: width).split(separator: "\n").map(String.init)
        console.line(look.box(title: Phrases.welcome[language], lines: text))
        say(Phrases.hubNotice)
        keep("knows-hub", true)
    }

    /// Makes the hub account: asks where somebody can be asked, else takes the login name and makes a password up.
    func makeAccount() {
        let proposal = AccountRules.name(from: configuration.loginName)
        let isSomebodyThere = asker.isSomebodyThere
        if isSomebodyThere { say(Phrases.accountText) }
        var name = isSomebodyThere ? askName(proposal) : proposal
        // The hub starts meanwhile: nothing is asked of it before the learner has answered.
        let chosen = isSomebodyThere ? askPassword() : nil
        do throws(DrydockError) {
            try hub.wait()
            while try configuration.hub.hasAccount(name) {
                guard isSomebodyThere else {
                    name += String(Int.random(in: 2...9))
                    continue
                }
                say(Phrases.userTaken(name))
                name = askName(AccountRules.name(from: name + "2"))
            }
            let password = chosen ?? AccountRules.makePassword()
            try configuration.hub.createAccount(name, password: password)
            keep("user", .string(name))
            if chosen == nil {
                keep("password", .string(password))
                say(Phrases.passwordTold(name, password))
            } else {
                say(Phrases.accountMade(name))
            }
        } catch {
            _ = hub.takeTrouble()
            report(error)
            say(Phrases.noAccount)
        }
    }

    private func askName(_ proposal: String) -> String {
        while true {
            guard let answer = asker.line(Phrases.askUser(proposal)[language]), !answer.isEmpty else { return proposal }
            if AccountRules.allows(answer) { return answer }
            say(Phrases.userRule)
        }
    }

    /// A password that the learner chose; nil to have one made up.
    private func askPassword() -> String? {
        while true {
            guard let first = asker.secret(Phrases.askPassword[language]), !first.isEmpty else { return nil }
            guard let second = asker.secret(Phrases.repeatPassword[language]) else { return nil }
            if first == second { return first }
            say(Phrases.passwordsDiffer)
        }
    }

    /// Keeps a setting; a state directory that cannot be written to is told, the session goes on.
    private func keep(_ key: String, _ value: JSONValue) {
        do throws(DrydockError) { try settings.set(key, value) } catch { report(error) }
    }

    // MARK: Exercises

    /// The exercise to open: the one that was open, else the first in the order of the content, that is not finished.
    func nextExercise() throws(DrydockError) -> Exercise? {
        guard let library, let progress else { return nil }
        var unfinished: [Exercise] = []
        for exercise in library.exercises where try !isFinished(exercise, progress) { unfinished.append(exercise) }
        let current = try progress.currentExercise()
        return unfinished.first { $0.id == current } ?? unfinished.first
    }

    /// Whether every step of an exercise is solved or was skipped.
    func isFinished(_ exercise: Exercise, _ progress: Progress) throws(DrydockError) -> Bool {
        let states = try progress.steps(of: exercise.id)
        return exercise.steps.allSatisfy { states[$0.id]?.isDone ?? false }
    }

    func isBegun(_ exercise: Exercise) -> Bool {
        guard let states = try? progress?.steps(of: exercise.id) else { return false }
        return states.values.contains { $0.isDone }
    }

    /// Opens an exercise and shows its goal.
    func open(_ next: Exercise, isIntroduced: Bool) throws(DrydockError) {
        guard let progress else { return }
        let user = settings.user ?? AccountRules.name(from: configuration.loginName)
        let session = try ExerciseSession(
            next, progress: progress, learner: Learner(user: user, password: settings.password),
            observation: EngineObservation(configuration.engine))
        exercise = session
        directory = try workspace.open(next)
        if isIntroduced {
            console.line()
            console.line(console.look.paint(next.title[language], .heading))
            let text = session.fill(next.introduction)[language]
            if !text.isEmpty { console.line(DocumentRenderer(console.look).markdown(text)) }
        }
        showGoal()
    }

    /// Shows where the learner is and what is to be reached.
    func showGoal() {
        guard let exercise else {
            say(Phrases.noExercise)
            return
        }
        guard let step = exercise.current else {
            say(Phrases.exerciseFinished)
            return
        }
        let steps = exercise.steps
        let number = (steps.firstIndex { $0.step.id == step.id } ?? 0) + 1
        let look = console.look
        let text = DocumentRenderer(
            Look(
                isTerminal: look.isTerminal, color: look.color, drawing: look.drawing,
                width: look.textWidth - 4, height: look.height)
        ).markdown(step.goal[language])
        let title = "\(exercise.exercise.title[language]), \(Phrases.stepOf(number, steps.count)[language])"
        console.line()
        if look.drawing == .words {
            console.line(title)
            console.line(Phrases.goal(text)[language])
        } else {
            console.line(
                look.box(
                    title: title, lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
            )
        }
    }
}
