import Diagnostics

extension ExerciseTester {
    /// Plays the solutions of an exercise one after the other, as a learner who makes no mistake would.
    /// - Returns: what is wrong, or nil, and how long it took in seconds.
    func walk(through exercise: Exercise, in language: Language) async -> (failure: String?, seconds: Double) {
        let clock = ContinuousClock()
        let begin = clock.now
        var failure: String?
        do throws(DrydockError) {
            let played = try await player.begin(exercise, in: language)
            do throws(DrydockError) {
                let progress = try Progress(path: played.progressFile)
                for required in library.exercises where library.requirements(of: exercise).contains(required.id) {
                    try await solve(required, in: played, progress)
                }
                try await solve(exercise, in: played, progress)
            } catch {
                failure = error.description
            }
            await played.end()
        } catch {
            failure = error.description
        }
        return (failure, clock.now.seconds(since: begin))
    }

    /// Plays the solution of each step that is still open.
    /// - Throws: where one does not solve its step, or solves it and the learner is not told.
    func solve(
        _ exercise: Exercise, in played: any PlayedSession, _ progress: Progress
    ) async throws(DrydockError) {
        let session = try ExerciseSession(
            exercise, progress: progress, learner: played.learner, observation: played.observation)
        try await played.open(exercise)
        while let step = session.current {
            var isTold = true
            for command in session.filler.fill(step.solution).commands {
                let outcome = try await session.after(try await played.play(command))
                for solved in outcome.solved {
                    guard let told = solved.explain?.say else { continue }
                    let isShown = await played.hasShown(told)
                    isTold = isTold && isShown
                }
            }
            guard session.current?.id != step.id else {
                throw DrydockError(.internal, "the solution of \(exercise.id), step \(step.id), does not solve it")
            }
            guard isTold else {
                throw DrydockError(
                    .internal, "\(exercise.id), step \(step.id): the learner was not told that it is solved")
            }
        }
    }
}

extension ContinuousClock.Instant {
    /// The seconds from an earlier moment to this one, to the millisecond.
    func seconds(since begin: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = begin.duration(to: self).components
        return Double(seconds) + Double(attoseconds / 1_000_000_000_000_000) / 1000
    }
}
