import Diagnostics
import Engine
import Hub
import SystemPackage
import Tutor

/// Puts the rooms together for one home.
struct Composition: Sendable {
    let places: Places

    var hub: LocalHub { LocalHub(places: places, data: places.home.hub) }

    func engine() throws(DrydockError) -> Engine {
        let environment = places.environment
        let config =
            environment["DOCKER_CONFIG"].map { FilePath($0).appending("config.json") } ?? places.home.dockerConfig
        return try Engine(
            Engine.Configuration(
                home: places.home, hub: hub, executable: places.executable, dockerConfig: config,
                programPath: (environment["PATH"] ?? "").split(separator: ":").map { FilePath(String($0)) }))
    }

    func tutor() throws(DrydockError) -> TutorConfiguration {
        TutorConfiguration(
            home: places.home, engine: try engine(), hub: hub, content: try places.content(),
            executable: places.executable, environment: places.environment, loginName: places.loginName)
    }
}
