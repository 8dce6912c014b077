import Diagnostics
import Engine
import Hub
import Linux
import OCI
import RegistryClient
import SystemPackage

/// A classroom's hub that plays `docker.io` for this home: `drydock hub join`, or `DRYDOCK_HUB`.
struct JoinedHub: PracticeHub {
    let places: Places
    let hub: ClassroomHub

    static func file(_ places: Places) -> FilePath { places.home.path.appending("classroom.json") }

    /// Where the certificate of a hub is kept: where docker clients look for it too.
    static func certificate(_ places: Places, _ authority: String) -> FilePath {
        places.home.dockerConfig.removingLastComponent().appending("certs.d").appending(authority).appending("ca.crt")
    }

    /// The hub that was joined; nil where none was.
    static func current(_ places: Places) throws(DrydockError) -> JoinedHub? {
        var address = places.environment["DRYDOCK_HUB"].flatMap { $0.isEmpty ? nil : $0 }
        if address == nil, let bytes = try Files.readIfPresent(file(places)) {
            address = (try? JSONValue(parsing: bytes))?["url"]?.string
        }
        guard let address else { return nil }
        let plain = try ClassroomHub(url: address)
        let authority = try Files.readIfPresent(certificate(places, plain.authorityName))
        return JoinedHub(places: places, hub: try ClassroomHub(url: address, authority: authority))
    }

    func ensureRunning() throws(DrydockError) -> String { hub.url }

    func hasAccount(_ name: String) throws(DrydockError) -> Bool { try hub.hasAccount(name) }

    func createAccount(_ name: String, password: String) throws(DrydockError) {
        try hub.createAccount(name, password: password)
    }

    func removeTag(_ reference: String) throws(DrydockError) {
        let name = try Reference(parsing: reference)
        guard name.registry == Reference.defaultRegistry else { return }
        let credentials = try CredentialStore(file: places.home.dockerConfig).credentials(
            for: Reference.defaultRegistry)
        try hub.removeTag(name.tag ?? "latest", of: name.repository, credentials: credentials)
    }

    /// Others keep the hub running.
    func lease() throws(DrydockError) -> any Sendable { true }

    func prepare(_ span: Span) async throws(DrydockError) {}
}
