import Diagnostics
import Testing

@testable import DockerCLI

@Suite("Go templates")
struct TemplateTests {
    private static let document: JSONValue = [
        "Name": "/web", "Count": 3, "On": true, "Off": false, "Nothing": nil,
        "State": ["Status": "running", "Pid": 12], "Env": ["A=1", "B=2"],
        "Labels": ["b": "2", "a": "1"], "Ports": ["80/tcp": [["HostPort": "8080"]]],
    ]

    @Test(
        "Templates give what Go gives",
        arguments: [
            ("plain", "plain"), ("{{.Name}}", "/web"), ("{{ .State.Status }}!", "running!"),
            ("{{json .State}}", #"{"Status":"running","Pid":12}"#), ("{{.State.Pid | json}}", "12"),
            ("{{join .Env \",\"}}", "A=1,B=2"), ("{{upper .State.Status}}", "RUNNING"),
            ("{{title \"hello big world\"}}", "Hello Big World"), ("{{lower \"ABC\"}}", "abc"),
            ("{{index (split .Name \"/\") 1}}", "web"), ("{{len .Env}}", "2"), ("{{index .Labels \"a\"}}", "1"),
            ("{{range .Env}}[{{.}}]{{end}}", "[A=1][B=2]"),
            ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;"),
            ("{{range $i, $e := .Env}}{{if $i}}, {{end}}{{$e}}{{end}}", "A=1, B=2"),
            ("{{range .Nothing}}x{{else}}none{{end}}", "none"),
            ("{{if .On}}yes{{else}}no{{end}}", "yes"), ("{{if .Off}}a{{else if .On}}b{{else}}c{{end}}", "b"),
            ("{{with .State}}{{.Pid}}{{end}}", "12"), ("{{with .Nothing}}x{{else}}y{{end}}", "y"),
            ("{{if and .On (eq .Count 3)}}ok{{end}}", "ok"), ("{{if or .Off .Nothing}}x{{else}}y{{end}}", "y"),
            ("{{not .Off}}", "true"), ("{{eq .State.Status \"exited\" \"running\"}}", "true"),
            ("{{ne .Count 4}} {{lt .Count 4}} {{ge .Count 4}}", "true true false"),
            ("{{println .Name .Count}}", "/web 3\n"),
            ("{{printf \"%-6s|%3d|%q\" \"ab\" .Count \"x\"}}", "ab    |  3|\"x\""),
            ("a {{- .Count -}} b", "a3b"), ("{{/* remark */}}x", "x"), ("{{.Env}}", "[A=1 B=2]"),
            ("{{.Labels}}", "map[a:1 b:2]"), ("{{.Nothing}}", "<no value>"), ("{{$.Name}}", "/web"),
            ("{{$x := .Count}}{{$x}}", "3"), ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"),
            ("{{`raw`}}", "raw"), ("{{truncate .Name 3}}", "/we"), ("{{pad \"x\" 1 2}}|", " x  |"),
            ("{{range .Env}}{{if eq . \"B=2\"}}{{break}}{{end}}{{.}}{{end}}", "A=1"),
            ("{{html \"<a>\"}} {{js \"'x'\"}} {{urlquery \"a b&c\"}}", "&lt;a&gt; \\'x\\' a+b%26c"),
            ("{{define \"a\"}}X{{.}}{{end}}{{template \"a\" .Name}}", "X/web"), ("{{.Labels.zzz}}", "<no value>"),
            ("{{index .Labels \"zzz\"}}", ""), ("{{title \"hello-world it's\"}}", "Hello-World It'S"),
            ("{{printf \"%5.2f|%08.3f|%x|%c|%t\" 2.5 3.14159 \"hi\" 65 true}}", " 2.50|0003.142|6869|A|true"),
            ("{{printf \"%d %d\" 1}} {{printf \"x\" 1}}", "1 %!d(MISSING) x%!(EXTRA int=1)"),
            ("{{printf \"%q\" .Env}}", "[\"A=1\" \"B=2\"]"), ("{{slice .Name 1}}", "web"), ("{{.Name | }}", "/web"),
        ])
    func fills(source: String, text: String) throws {
        let template = try Template(source)
        #expect(try template.fill(TemplateSubject(document: TemplateTests.document)) == text)
    }

    @Test(
        "Inspection knows what Docker's documents leave out, and Go's names and forms",
        arguments: [
            ("{{.ID}}", "abc"), ("{{.SizeRw}},{{.SizeRootFs}}", "<nil>,<nil>"), ("{{.Config.StopTimeout}}", "<nil>"),
            ("{{.Config.Volumes}}", "map[/data:{}]"), ("{{.Config.Labels.zzz}}", "<no value>"),
            ("{{.HostConfig.CPUShares}}{{.HostConfig.CpuShares}}", "55"), ("{{.HostConfig.PidsLimit}}", "<nil>"),
            ("{{if .State.Health}}x{{else}}no{{end}}", "no"), ("{{.Config.Cmd}}", "[]"),
            ("{{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Timeout}}", "1m30.5s 0s"),
            ("{{.Config.Healthcheck.Retries}} {{.Config.Healthcheck.StartInterval}}", "0 200ms"),
        ])
    func typed(source: String, text: String) throws {
        let document: JSONValue = [
            "Id": "abc", "State": ["Status": "created"],
            "Config": [
                "Volumes": ["/data": [:]], "Labels": ["a": "1"], "Cmd": nil,
                "Healthcheck": ["Interval": 90_500_000_000, "StartInterval": 200_000_000],
            ],
            "HostConfig": ["CpuShares": 5, "PidsLimit": nil],
        ]
        let subject = TemplateSubject(document: DocumentDefaults.filled(document), isTyped: true)
        #expect(try Template(source).fill(subject) == text)
    }

    @Test(
        "Mistakes give Go's messages",
        arguments: [
            ("{{.ID", ":1: unclosed action"), ("{{foo}}", ":1: function \"foo\" not defined"),
            ("{{if .On}}x", ":1: unexpected EOF"), ("{{end}}", ":1: unexpected {{end}}"),
            ("{{.Foo}}", ":1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\""),
            ("{{.State.Foo}}", ":1:8: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\""),
            ("{{upper}}", ":1:2: executing \"\" at <upper>: wrong number of args for upper: want 1 got 0"),
            ("{{join .Env}}", ":1:2: executing \"\" at <join>: wrong number of args for join: want 2 got 1"),
            ("{{and}}", ":1:2: executing \"\" at <and>: wrong number of args for and: want at least 1 got 0"),
            (
                "{{join .Name \",\"}}",
                ":1:7: executing \"\" at <.Name>: wrong type for value; expected []string; got string"
            ),
            ("{{truncate .Name \"x\"}}", ":1:17: executing \"\" at <\"x\">: expected integer; found \"x\""),
            (
                "{{index .Env 9}}",
                ":1:2: executing \"\" at <index .Env 9>: error calling index: index out of range: 9"
            ),
            (
                "{{eq 1 \"a\"}}",
                ":1:2: executing \"\" at <eq 1 \"a\">: error calling eq: incompatible types for comparison"
            ),
            ("{{range .Name}}x{{end}}", ":1:8: executing \"\" at <.Name>: range can't iterate over /web"),
            ("{{.Name 1}}", ":1:2: executing \"\" at <.Name>: Name is not a method but has arguments"),
            ("{{nil}}", ":1:2: executing \"\" at <nil>: nil is not a command"),
            ("{{$y}}", ":1: undefined variable \"$y\""),
            ("{{break}}", ":1: {{break}} outside {{range}}"), ("{{}}", ":1: missing value for command"),
            ("{{| .Name}}", ":1: unexpected \"|\" in command"), ("{{..Name}}", ":1: unexpected . after term \".\""),
        ])
    func mistakes(source: String, message: String) {
        #expect(throws: TemplateError(message: message)) {
            _ = try Template(source).fill(TemplateSubject(document: TemplateTests.document))
        }
    }

    @Test(
        "Small structs of a document are printed as Go prints structs",
        arguments: [
            ("{{.HostConfig.RestartPolicy}}", "{no 0}"), ("{{range .Mounts}}{{.Mode}}{{end}}", "ro,z"),
            ("{{.HostConfig.PortBindings}}", "map[80/tcp:[{ 8080}]]"),
            ("{{.Mounts}}", "[{bind  /a /b  ro,z false rprivate}]"), ("{{(index .Mounts 0).Driver}}|", "|"),
        ])
    func structs(source: String, text: String) throws {
        let document: JSONValue = [
            "HostConfig": [
                "RestartPolicy": ["Name": "no", "MaximumRetryCount": 0],
                "PortBindings": ["80/tcp": [["HostIp": "", "HostPort": "8080"]]],
            ],
            "Mounts": [
                [
                    "Type": "bind", "Source": "/a", "Destination": "/b", "Mode": "ro,z", "RW": false,
                    "Propagation": "rprivate",
                ]
            ],
        ]
        let subject = TemplateSubject(document: DocumentDefaults.filled(document), isTyped: true)
        #expect(try Template(source).fill(subject) == text)
    }
}
