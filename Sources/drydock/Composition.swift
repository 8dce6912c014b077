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

    /// The configuration of the docker client: credentials, formats.
    var dockerConfig: FilePath {
        places.environment["DOCKER_CONFIG"].flatMap { $0.isEmpty ? nil : FilePath($0).appending("config.json") }
            ?? places.home.dockerConfig
    }

    func engine() throws(DrydockError) -> Engine {
        let environment = places.environment
        return try Engine(
            Engine.Configuration(
                home: places.home, hub: try practiceHub(), executable: places.executable, dockerConfig: dockerConfig,
                programPath: (environment["PATH"] ?? "").split(separator: ":").map { FilePath(String($0)) }))
    }

    func tutor() throws(DrydockError) -> TutorConfiguration {
        TutorConfiguration(
            home: places.home, engine: try engine(), hub: try practiceHub(), content: try places.content(),
            executable: places.executable, environment: places.environment, loginName: places.loginName)
    }
}
