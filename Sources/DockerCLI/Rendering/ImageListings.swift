import Diagnostics
import Engine
import OCI

/// The lists of images, of an image's history and of search results.
enum ImageListings {
    /// `docker image ls`
    static func images(digests: Bool) -> Listing {
        Listing(
            columns: [
                .init(field: "ID", heading: "IMAGE ID"), .init(field: "Repository", heading: "REPOSITORY"),
                .init(field: "Tag", heading: "TAG"), .init(field: "Digest", heading: "DIGEST"),
                .init(field: "CreatedSince", heading: "CREATED"), .init(field: "CreatedAt", heading: "CREATED AT"),
                .init(field: "Size", heading: "SIZE"), .init(field: "Containers", heading: "CONTAINERS"),
                .init(field: "VirtualSize", heading: "SIZE"), .init(field: "SharedSize", heading: "SHARED SIZE"),
                .init(field: "UniqueSize", heading: "UNIQUE SIZE"),
            ],
            table: digests
                ? ["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"]
                : ["Repository", "Tag", "ID", "CreatedSince", "Size"],
            quiet: "ID", typeName: "*formatter.imageContext")
    }

    /// One image as a row.
    static func row(_ image: ImageSummary, whole: Bool, now: Double) -> JSONValue {
        [
            "Containers": "N/A", "CreatedAt": .string(Units.moment(image.created)),
            "CreatedSince": .string(age(image.created, now)),
            "Digest": .string(image.digest?.description ?? "<none>"),
            "ID": .string(whole ? image.id.description : image.id.short),
            "Repository": .string(image.repository ?? "<none>"), "SharedSize": "N/A",
            "Size": .string(Units.size(image.size)), "Tag": .string(image.tag ?? "<none>"), "UniqueSize": "N/A",
            "VirtualSize": .string(Units.size(image.size, digits: 4)),
        ]
    }

    /// `docker image history`
    static func history(human: Bool) -> Listing {
        Listing(
            columns: [
                .init(field: "ID", heading: "IMAGE"), .init(field: "CreatedSince", heading: "CREATED"),
                .init(field: "CreatedAt", heading: "CREATED AT"), .init(field: "CreatedBy", heading: "CREATED BY"),
                .init(field: "Size", heading: "SIZE"), .init(field: "Comment", heading: "COMMENT"),
            ],
            table: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"], quiet: "ID",
            typeName: "*formatter.historyContext")
    }

    /// One step of a history as a row.
    static func row(_ line: HistoryLine, whole: Bool, human: Bool, now: Double) -> JSONValue {
        let command = String(line.createdBy.map { $0 == "\t" ? " " : $0 })
        return [
            "Comment": .string(line.comment), "CreatedAt": .string(Units.timestamp(line.created)),
            "CreatedBy": .string(whole ? command : Units.ellipsis(command, 45)),
            "CreatedSince": .string(line.created <= 0 ? "N/A" : age(line.created, now)),
            "ID": .string(line.id.map { whole ? $0.description : $0.short } ?? "<missing>"),
            "Size": .string(human ? Units.size(line.size) : String(line.size)),
        ]
    }

    /// `docker search`
    static let search = Listing(
        columns: [
            .init(field: "Name", heading: "NAME"), .init(field: "Description", heading: "DESCRIPTION"),
            .init(field: "StarCount", heading: "STARS"), .init(field: "IsOfficial", heading: "OFFICIAL"),
        ],
        table: ["Name", "Description", "StarCount", "IsOfficial"], quiet: "Name",
        typeName: "*formatter.searchContext")

    /// One search result as a row.
    static func row(_ result: SearchResult, whole: Bool) -> JSONValue {
        let text = String(result.description.map { $0.isNewline ? " " : $0 })
        return [
            "Description": .string(whole ? text : Units.ellipsis(text, 45)),
            "IsOfficial": .string(result.isOfficial ? "[OK]" : ""), "Name": .string(result.name),
            "StarCount": .string(String(result.stars)),
        ]
    }

    private static func age(_ created: Int64, _ now: Double) -> String {
        Units.duration(max(0, now - Double(created))) + " ago"
    }
}
