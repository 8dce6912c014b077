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
            quiet: "ID", typeName: "*formatter.imageContext", words: Listing.imageWords)
    }

    /// A line of the list: an image under one of its names.
    struct Line {
        var image: ImageSummary
        /// The text of the DIGEST column.
        var digest: String
    }

    /// The lines of the list: a repository with several digests has one for each where digests are shown.
    /// - Parameter digests: whether anything shows them.
    static func lines(_ images: [ImageSummary], digests: Bool) -> [Line] {
        var lines: [Line] = []
        lines.reserveCapacity(images.count)
        for image in images {
            let all = image.digests
            if image.tag == nil, image.repository != nil, !digests {
                lines.append(Line(image: image, digest: ""))
            } else if !digests || all.isEmpty {
                lines.append(Line(image: image, digest: "<none>"))
            } else {
                lines += all.map { Line(image: image, digest: $0.description) }
            }
        }
        return lines
    }

    /// One field of an image.
    static func cell(_ line: Line, _ field: String, whole: Bool, now: Double) -> String {
        let image = line.image
        switch field {
        case "ID": return whole ? image.id.description : image.id.short
        case "Repository": return image.repository ?? "<none>"
        case "Tag": return image.tag ?? "<none>"
        case "Digest": return line.digest
        case "CreatedSince": return age(image.created, now)
        case "CreatedAt": return Units.moment(image.created)
        case "Size": return Units.size(image.size)
        case "VirtualSize": return Units.size(image.size, digits: 4)
        default: return "N/A"
        }
    }

    /// One image as a row.
    static func row(_ image: ImageSummary, whole: Bool, now: Double) -> JSONValue {
        .object(
            images(digests: false).columns.map {
                ($0.field, .string(cell(Line(image: image, digest: ""), $0.field, whole: whole, now: now)))
            })
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
            typeName: "*image.historyContext", words: Listing.imageWords)
    }

    /// One step of a history as a row.
    static func row(_ line: HistoryLine, whole: Bool, human: Bool, now: Double) -> JSONValue {
        let command = String(line.createdBy.map { $0 == "\t" ? " " : $0 })
        return [
            "Comment": .string(line.comment), "CreatedAt": .string(Units.timestamp(line.created)),
            "CreatedBy": .string(whole ? command : Units.ellipsis(command, 45)),
            "CreatedSince": .string(
                !human ? Units.timestamp(line.created) : line.created <= 0 ? "N/A" : age(line.created, now)),
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
