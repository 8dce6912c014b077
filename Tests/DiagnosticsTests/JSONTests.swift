import Diagnostics
import Testing

@Suite("JSON that keeps its order")
struct JSONTests {
    @Test("A document that is read and written again is the same, key by key")
    func roundTrip() throws {
        let text = #"{"b":1,"a":[true,false,null,"x\ny",-2.5,{}],"c":{"z":"é\"\\","y":[]}}"#
        #expect(try JSONValue(parsing: text).compact == text)
    }

    @Test("The order of keys does not matter to equality, the order of lists does")
    func equality() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"b":2}"#) == JSONValue(parsing: #"{"b":2,"a":1}"#))
        #expect(try JSONValue(parsing: "[1,2]") != JSONValue(parsing: "[2,1]"))
    }

    @Test("Escapes of RFC 8259 are understood, surrogate pairs too")
    func escapes() throws {
        #expect(try JSONValue(parsing: #""\u0041\ud83d\ude00\/\t""#) == .string("A😀/\t"))
        #expect(JSONValue.string("\u{1}").compact == #""\u0001""#)
    }

    @Test(
        "Text that is not JSON is refused and never crashes the reader",
        arguments: [
            "", "{", "[1,", "{\"a\"}", "tru", "01", "01x", "\"\u{1}\"", "[1]x", "nul", "{\"a\":}", "\"\\u12\"", "-",
            "+1",
            String(repeating: "[", count: 2000),
        ])
    func refused(text: String) {
        #expect(throws: DrydockError.self) { try JSONValue(parsing: text) }
    }

    @Test("Bytes that are not UTF-8 are refused inside text")
    func notUTF8() {
        #expect(throws: DrydockError.self) { try JSONValue(parsing: [0x22, 0xff, 0x22]) }
    }

    @Test("A dotted path finds values, list items and keys that contain dots")
    func paths() throws {
        let json = try JSONValue(parsing: #"{"State":{"Pid":7},"Labels":{"org.x.y":"v"},"Mounts":[{"Source":"/a"}]}"#)
        #expect(json.at("State.Pid") == 7)
        #expect(json.at("Labels.org.x.y") == "v")
        #expect(json.at("Mounts.0.Source") == "/a")
        #expect(json.at("Mounts.1.Source") == nil)
        #expect(json.at("Nothing") == nil)
    }

    @Test("Pretty printing looks as docker inspect does")
    func pretty() {
        let json: JSONValue = ["a": ["x": []], "b": [1, 2], "c": [:]]
        #expect(
            json.pretty() == """
                {
                    "a": {
                        "x": []
                    },
                    "b": [
                        1,
                        2
                    ],
                    "c": {}
                }
                """)
    }
}
