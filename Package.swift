// swift-tools-version:6.2

import PackageDescription

/// Every Swift target is built with the same strict settings.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A room of the house: a library target under `Sources/`.
func room(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

/// The tests of a room, under `Tests/<room>Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.init(stringLiteral: name)] + dependencies, exclude: exclude,
        swiftSettings: strict)
}

/// A release is one static file: most of the time that a short docker command took was spent by the dynamic loader, on
/// libraries that it never calls. `DRYDOCK_LINK=dynamic` is for systems without static libraries.
func whole(_ libraries: String...) -> [LinkerSetting] {
    if Context.environment["DRYDOCK_LINK"] == "dynamic" { return [] }
    let flags = ["-static-executable", "-Xlinker", "--strip-all"] + libraries.map { "-l" + $0 }
    return [.unsafeFlags(flags, .when(configuration: .release))]
}

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "drydock",
    products: [
        .executable(name: "drydock", targets: ["drydock"]),
        .executable(name: "drydock-monitor", targets: ["drydock-monitor"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.0"),
    ],
    targets: [
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
        .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev", "zlib1g-dev"])]),
        .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE")]),
        room("Diagnostics"),
        room("OCI", ["Diagnostics", crypto]),
        room("Linux", ["CLinux", "Diagnostics", systemPackage]),
        room("Layers", ["CArchive", "CDeflate", "Linux", "OCI", "Diagnostics", systemPackage]),
        room("ImageStore", ["OCI", "Layers", "Linux", "Diagnostics", systemPackage, grdb]),
        room(
            "RegistryClient",
            ["OCI", "Linux", "Diagnostics", asyncHTTPClient, nioCore, nioPosix, nioHTTP1, nioSSL, systemPackage]),
        room(
            "Hub",
            [
                "OCI", "ImageStore", "Layers", "Linux", "Diagnostics", "RegistryClient", hummingbird, hummingbirdTLS,
                httpTypes, nioCore, nioPosix, nioHTTP1, nioHTTPTypes, nioSSL, x509, asn1, hummingbirdCore,
                asyncHTTPClient, logging, lifecycle, unixSignals,
                jwtKit, crypto, cryptoExtras, grdb, systemPackage,
            ],
            resources: [.embedInCode("Course/Shell/apk.sh"), .embedInCode("Course/Shell/cowsay.sh")]),
        room("Runtime", ["CLinux", "CSeccomp", "Linux", "OCI", "Diagnostics", systemPackage]),
        room(
            "Engine",
            ["ImageStore", "Layers", "Runtime", "RegistryClient", "Linux", "OCI", "Diagnostics", systemPackage]),
        room("DockerCLI", ["Engine", "OCI", "Diagnostics"]),
        room("Lessons", ["Engine", "OCI", "Diagnostics", yams, grdb, systemPackage]),
        room("Explain", ["Engine", "OCI", "Diagnostics"]),
        room("Terminal", ["CEdit", "Diagnostics", "Linux"]),
        room(
            "Tutor",
            ["Lessons", "Explain", "DockerCLI", "Terminal", "Engine", "OCI", "Diagnostics", "Linux", systemPackage]),
        .executableTarget(
            name: "drydock",
            dependencies: [
                "Tutor", "Lessons", "Explain", "DockerCLI", "Terminal", "Engine", "Hub", "RegistryClient", "Runtime",
                "ImageStore",
                "Layers", "Linux", "OCI", "Diagnostics", argumentParser, systemPackage,
            ], swiftSettings: strict,
            linkerSettings: whole("seccomp", "tinfo", "bsd", "md", "zstd", "lzma", "bz2", "deflate", "z")),
        .executableTarget(
            name: "drydock-monitor", dependencies: ["Linux", "CLinux", "Diagnostics", systemPackage],
            swiftSettings: strict, linkerSettings: whole()),
        tests("Diagnostics"),
        tests("OCI", ["Diagnostics"]),
        tests("Linux", ["Diagnostics", systemPackage]),
        tests("Layers", ["Linux", "OCI", "Diagnostics", systemPackage], exclude: ["Corpus"]),
        tests("ImageStore", ["Layers", "Linux", "OCI", "Diagnostics", systemPackage]),
        tests(
            "RegistryClient",
            [
                "Engine", "ImageStore", "Layers", "OCI", "Linux", "Diagnostics", nioCore, nioPosix, nioHTTP1, nioSSL,
                systemPackage,
            ]),
        tests(
            "Hub",
            [
                "OCI", "ImageStore", "Layers", "Linux", "RegistryClient", "Diagnostics", hummingbird,
                hummingbirdTesting,
                httpTypes, nioCore, systemPackage,
            ]),
        tests("Runtime", ["Linux", "OCI", "Diagnostics", systemPackage]),
        tests("Engine", ["Linux", "OCI", "Diagnostics", systemPackage]),
        tests("DockerCLI", ["Engine", "OCI", "Diagnostics"]),
        tests("Lessons", ["Engine", "OCI", "Diagnostics", systemPackage]),
        tests("Explain", ["Engine", "OCI", "Diagnostics"]),
        tests("Terminal", ["Linux"]),
        tests(
            "Tutor",
            ["Lessons", "DockerCLI", "Engine", "Explain", "Terminal", "OCI", "Linux", "Diagnostics", systemPackage]),
        .testTarget(name: "ArchitectureTests", swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Linux", "Runtime", "Diagnostics", systemPackage, "Hub", "RegistryClient", "OCI", "ImageStore",
            ],
            swiftSettings: strict),
    ]
)
