package plugin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

func compiled(t *testing.T, text string) *schema {
	t.Helper()
	s, err := compileSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaProblemsCarryTheirPaths(t *testing.T) {
	s := compiled(t, `{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object", "required": ["command"], "additionalProperties": false,
		"properties": {
			"command": {"type": "string", "minLength": 1},
			"args": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
			"env": {"type": "object", "additionalProperties": {"$ref": "#/$defs/text"}},
			"mode": {"enum": ["a", "b"]}, "n": {"type": "integer", "minimum": 1, "maximum": 10},
			"one": {"oneOf": [{"type": "string"}, {"type": "object"}]}, "re": {"pattern": "^x+$"}
		},
		"$defs": {"text": {"type": "string"}}
	}`)
	for spec, want := range map[string][]string{
		`{"command":"x"}`:                   nil,
		``:                                  {"spec.workload.spec.command: is required"},
		`{"command":"","args":["a",1,"b"]}`: {"spec.workload.spec.args[1]: must be string, not number", "spec.workload.spec.command: must have at least 1 characters, has 0"},
		`{"command":"x","comand":1}`:        {"spec.workload.spec.comand: unknown field"},
		`{"command":"x","env":{"A.B":1}}`:   {`spec.workload.spec.env["A.B"]: must be string, not number`},
		`{"command":"x","mode":"c"}`:        {`spec.workload.spec.mode: must be one of "a", "b"`},
		`{"command":"x","n":11}`:            {"spec.workload.spec.n: must be at most 10"},
		`{"command":"x","n":1.5}`:           {"spec.workload.spec.n: must be integer, not number"},
		`{"command":"x","one":1}`:           {"spec.workload.spec.one: fits none of the alternatives, of which it must fit exactly one"},
		`{"command":"x","re":"y"}`:          {"spec.workload.spec.re: must match ^x+$"},
		`[]`:                                {"spec.workload.spec: must be object, not array"},
		`{`:                                 {"spec.workload.spec: "},
	} {
		var got []string
		for _, e := range s.check([]byte(spec)) {
			got = append(got, e.Error())
		}
		if spec == `{` && len(got) == 1 && strings.HasPrefix(got[0], want[0]) {
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", spec, got, want)
		}
	}
}

func TestForeignSchemasAreBounded(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"size":       {`{"x":"` + strings.Repeat("x", maxSchema) + `"}`, "at most"},
		"depth":      {strings.Repeat(`{"not":`, 70) + "{}" + strings.Repeat("}", 70), "deeper"},
		"remote":     {`{"$ref":"http://127.0.0.1:1/x"}`, "begin with #"},
		"file":       {`{"$ref":"file:///etc/passwd"}`, "begin with #"},
		"relative":   {`{"$id":"http://x/y","$ref":"z.json"}`, "begin with #"},
		"metaschema": {`{"$schema":"http://127.0.0.1:1/x"}`, "outside"},
		"dynamic":    {`{"$dynamicRef":"#x"}`, "$dynamicRef"},
		"number":     {`{"minimum":1e1000000}`, "too large"},
		"digits":     {`{"minimum":` + strings.Repeat("9", 1000) + `}`, "too long"},
		"pattern":    {`{"pattern":"((a{30}){30})"}`, ""},
		"bigpattern": {`{"pattern":"` + strings.Repeat("(a|b)?c*", 1000) + `"}`, "too large"},
		"badpattern": {`{"pattern":"("}`, ""},
		"enum":       {`{"enum":[` + strings.Repeat("1,", maxEnum) + `2]}`, "enum"},
		"json":       {`{`, ""},
		"no schema":  {`5`, ""},
		"wrong type": {`{"type":5}`, ""},
		"dangling":   {`{"$ref":"#/$defs/x"}`, ""},
	} {
		s, err := compileSchema([]byte(c.text))
		if name == "pattern" && err == nil && s != nil {
			continue // large, and within the bound
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || s != nil && err == nil {
			t.Errorf("%s: %v, want it to say %q", name, err, c.want)
		}
	}
}

// Schemas whose evaluation doubles with every level are cut off, whichever way they double.
func TestExpensiveSchemasAreCutOff(t *testing.T) {
	chain := func(n int, link func(next string) string) string {
		var defs []string
		for i := range n {
			defs = append(defs, fmt.Sprintf(`"s%d":%s`, i, link(fmt.Sprintf(`{"$ref":"#/$defs/s%d"}`, i+1))))
		}
		defs = append(defs, fmt.Sprintf(`"s%d":{"type":"null"}`, n))
		return fmt.Sprintf(`{"$ref":"#/$defs/s0","$defs":{%s}}`, strings.Join(defs, ","))
	}
	deep := strings.Repeat(`{"x":`, 50) + "1" + strings.Repeat("}", 50)
	for name, c := range map[string]struct{ schema, spec string }{
		"allOf":  {chain(40, func(n string) string { return `{"allOf":[` + n + `,` + n + `]}` }), `{}`},
		"anyOf":  {chain(40, func(n string) string { return `{"anyOf":[` + n + `,` + n + `]}` }), `{}`},
		"oneOf":  {chain(40, func(n string) string { return `{"oneOf":[` + n + `,` + n + `]}` }), `{}`},
		"not":    {`{"not":{"$ref":"#/$defs/a/$ref"},"$defs":{"a":{"$ref":"#/$defs/b"},"b":` + `{"anyOf":[{"type":"null"}]}` + `}}`, `{}`},
		"nested": {`{"allOf":[{"properties":{"x":{"$ref":"#"}}},{"properties":{"x":{"$ref":"#"}}}]}`, deep},
		"quiet":  {`{"not":{"$ref":"#/$defs/q"},"$defs":{"q":{"$ref":"#/$defs/r","items":{"$ref":"#/$defs/q"}},"r":{"items":{"$ref":"#/$defs/q"},"minItems":9}}}`, strings.Repeat("[", 50) + strings.Repeat("]", 50)},
		"regexp": {`{"properties":{"x":{"pattern":"` + strings.Repeat("(a?b?c?)*", 60) + `d$"}}}`, `{"x":"` + strings.Repeat("abc", 1<<20) + `"}`},
	} {
		s, err := compileSchema([]byte(c.schema))
		if err != nil {
			if name != "not" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		began := time.Now()
		errs := s.check([]byte(c.spec))
		took := time.Since(began)
		if took > 15*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		if name != "not" && (len(errs) != 1 || !strings.Contains(errs[0].Message, "too expensive")) {
			t.Errorf("%s: %.300v after %s, want that it is too expensive", name, errs, took)
		}
		// It works again with something cheap.
		if s.check([]byte(`"text"`)); len(errs) == 0 && name != "not" {
			t.Errorf("%s: not usable again", name)
		}
	}
}

func TestForeignSpecsAreBounded(t *testing.T) {
	s := compiled(t, `{"properties":{"n":{"minimum":1},"list":{"uniqueItems":true}}}`)
	for name, spec := range map[string]string{
		"number": `{"n":1e999999999}`,
		"minus":  `{"n":1e-999999999}`,
		"digits": `{"n":` + strings.Repeat("9", 100_000) + `}`,
		"values": `{"list":[` + strings.Repeat("1,", maxValues) + `1]}`,
		"depth":  `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	} {
		if errs := s.check([]byte(spec)); len(errs) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
	var none *schema
	if errs := none.check([]byte(`{"anything":1e5}`)); len(errs) != 0 {
		t.Errorf("without a schema: %v", errs)
	}
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#"}}}`), []byte(`{"a":{"a":1}}`))
	f.Add([]byte(`{"anyOf":[{"pattern":"a*"},{"enum":[1,"x"]}],"multipleOf":0}`), []byte(`"aaa"`))
	f.Add([]byte(`true`), []byte(`1e400`))
	f.Fuzz(func(t *testing.T, text, spec []byte) {
		s, err := compileSchema(text)
		if err == nil {
			s.check(spec)
		}
	})
}

// Paths name what the spec holds at that place.
func TestPathsNameTheirValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 20, 40).Draw(t, "name")
		doc := map[string]any{name: []any{1, map[string]any{name: 2}}}
		path := pathOf([]string{name, "1", name}, doc)
		if !strings.HasPrefix(path, specPath) || strings.Count(path, "[1]") == 0 && !strings.Contains(name, "[1]") {
			t.Fatalf("path %q", path)
		}
	})
}

func TestIdentityIsChecked(t *testing.T) {
	good := func() *identity {
		return &identity{RunnerType: "x", Kinds: []kindInfo{{APIVersion: "acme.dev/v1", Kind: "Probe"}}}
	}
	for name, c := range map[string]struct {
		plugin string
		change func(*identity)
		want   string
	}{
		"good":        {"x", func(*identity) {}, ""},
		"first party": {"subprocess", func(id *identity) { id.Kinds[0].APIVersion = task.APIVersion }, ""},
		"reserved":    {"x", func(id *identity) { id.Kinds[0].APIVersion = task.APIVersion }, "solti.io"},
		"embedded":    {"wasm", func(id *identity) { id.Kinds[0] = kindInfo{APIVersion: task.APIVersion, Kind: "Embedded"} }, "inside the host"},
		"group":       {"x", func(id *identity) { id.Kinds[0].APIVersion = "v1" }, "acme.dev/v1"},
		"kind":        {"x", func(id *identity) { id.Kinds[0].Kind = "probe\n" }, "acme.dev/v1"},
		"version":     {"x", func(id *identity) { id.Version = strings.Repeat("1", 200) }, "version"},
		"type":        {"x", func(id *identity) { id.RunnerType = "A B" }, "runner type"},
		"features":    {"x", func(id *identity) { id.Features = make([]string, 65) }, "features"},
		"labels":      {"x", func(id *identity) { id.Labels = map[string]string{"": "x"} }, "label"},
		"kinds":       {"x", func(id *identity) { id.Kinds = make([]kindInfo, 100) }, "100 kinds"},
		"schema":      {"x", func(id *identity) { id.Kinds[0].Schema = []byte("{") }, "schema"},
	} {
		id := good()
		c.change(id)
		err := id.check(c.plugin)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
