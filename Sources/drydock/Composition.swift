import Diagnostics
import Engine
import Hub
import SystemPackage
import Tutor

/// Puts the rooms together for one home.
struct Composition: Sendable {
    let places: Places

    /// What plays `docker.io`: the classroom's hub where this home has joined one, else the home's own.
    func practiceHub() throws(DrydockError) -> any PracticeHub {
        if let joined = try JoinedHub.current(places) { return joined }
        return hub
    }

    /// The home's own hub.
    var hub: LocalHub { LocalHub(places: places, data: places.home.hub) }

    func engine() throws(DrydockError) -> Engine {
        let environment = places.environment
        let config =
            environment["DOCKER_CONFIG"].map { FilePath($0).appending("config.json") } ?? places.home.dockerConfig
        return try Engine(
            Engine.Configuration(
                home: places.home, hub: try practiceHub(), executable: places.executable, dockerConfig: config,
                programPath: (environment["PATH"] ?? "").split(separator: ":").map { FilePath(String($0)) }))
    }

    func tutor() throws(DrydockError) -> TutorConfiguration {
        TutorConfiguration(
            home: places.home, engine: try engine(), hub: try practiceHub(), content: try places.content(),
            executable: places.executable, environment: places.environment, loginName: places.loginName)
    }
}
