package plugin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

func compiled(t *testing.T, text string) *schema {
	t.Helper()
	s, err := compileSchema(specPath, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaProblemsTellWhatToDo(t *testing.T) {
	s := compiled(t, `{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object", "required": ["command"], "additionalProperties": false,
		"properties": {
			"command": {"type": "string", "minLength": 1, "pattern": "[^ ]", "description": "a program"},
			"args": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "description": "Arguments."},
			"env": {"type": "object", "patternProperties": {"^[^=]+$": {"$ref": "#/$defs/text"}}, "additionalProperties": false},
			"limits": {"type": "object", "propertyNames": {"enum": ["cpu", "memory"]}},
			"mode": {"enum": ["fast", "exact", ""]}, "n": {"type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 2},
			"fixed": {"const": 7},
			"one": {"oneOf": [{"type": "string"}, {"$ref": "#/$defs/build"}], "description": "An image, or how it is built."},
			"any": {"anyOf": [{"minLength": 3}, {"pattern": "^x"}], "title": "a long word, or one with x"},
			"re": {"pattern": "^x+$"}, "cwd": {"description": "An absolute\npath.", "$ref": "#/$defs/path"},
			"list": {"items": {"$ref": "#/$defs/path"}, "description": "Paths.", "minItems": 2, "uniqueItems": true},
			"sub": {"allOf": [{"properties": {"alpha": {"type": "boolean"}}}], "unevaluatedProperties": false},
			"when": {"format": "date"}, "no": {"not": {"type": "string"}, "description": "No text."}
		},
		"dependentRequired": {"mode": ["n"]},
		"$defs": {
			"text": {"type": "string"}, "path": {"type": "string", "pattern": "^/"},
			"build": {"type": "object", "required": ["context"]}
		}
	}`)
	for spec, want := range map[string]string{
		`{"command":"x"}`:                    "",
		``:                                   ".command: is required",
		`{"command":""}`:                     ".command: must not be empty",
		`{"command":" "}`:                    ".command: does not fit its description: a program",
		`{"command":1}`:                      ".command: must be a string, not a number: put it in quotes",
		`{"command":"x","args":["a",1,"b"]}`: ".args[1]: must be a string, not a number: put it in quotes",
		`{"command":"x","args":["1","2","3","4"]}`:             ".args: must have at most 3 items, not 4",
		`{"command":"x","args":null}`:                          ".args: must be an array, not null",
		`{"comand":"x"}`:                                       ".comand: unknown field; did you mean command?|.command: is required",
		`{"command":"x","zzz":1}`:                              ".zzz: unknown field",
		`{"command":"x","env":{"A.B":true}}`:                   `.env["A.B"]: must be a string, not a boolean: put it in quotes`,
		`{"command":"x","env":{"A=B":"x"}}`:                    `.env["A=B"]: has a name that is not allowed: it must match ^[^=]+$`,
		`{"command":"x","limits":{"cpus":1}}`:                  ".limits.cpus: has a name that is not allowed: it must be cpu or memory, not \"cpus\"; did you mean cpu?",
		`{"command":"x","mode":"fats","n":2}`:                  `.mode: must be fast, exact or "", not "fats"; did you mean fast?`,
		`{"command":"x","mode":"fast"}`:                        `.n: is required where mode is given`,
		`{"command":"x","n":12}`:                               ".n: must be at most 10, not 12",
		`{"command":"x","n":3}`:                                ".n: must be a multiple of 2, not 3",
		`{"command":"x","n":1.5}`:                              ".n: must be a whole number, not 1.5",
		`{"command":"x","n":"2"}`:                              ".n: must be a whole number, not a string",
		`{"command":"x","fixed":8}`:                            ".fixed: must be 7",
		`{"command":"x","one":1}`:                              ".one: must be a string or an object, not a number: put it in quotes",
		`{"command":"x","one":{}}`:                             ".one.context: is required",
		`{"command":"x","any":"y"}`:                            ".any: fits none of the alternatives: a long word, or one with x",
		`{"command":"x","re":"y"}`:                             ".re: must match ^x+$",
		`{"command":"x","cwd":"y"}`:                            ".cwd: does not fit its description: An absolute path.",
		`{"command":"x","list":["y","/"]}`:                     ".list[0]: must match ^/",
		`{"command":"x","list":["/"]}`:                         ".list: must have at least 2 items, not 1",
		`{"command":"x","list":["/","/"]}`:                     ".list: must not repeat an item, as [0] and [1] do",
		`{"command":"x","sub":{"alhpa":true}}`:                 ".sub.alhpa: unknown field; did you mean alpha?",
		`{"command":"x","no":"y"}`:                             ".no: is not allowed so: No text.",
		`[]`:                                                   ": must be an object, not an array",
		`{"command":"x","` + strings.Repeat("n", 200) + `":1}`: `["` + strings.Repeat("n", 80) + `"...]: unknown field`,
	} {
		var got []string
		for _, e := range s.check([]byte(spec)) {
			got = append(got, strings.TrimPrefix(e.Error(), specPath))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s:\n got %s\nwant %s", spec, strings.Join(got, "|"), want)
		}
	}
	if got := s.check([]byte(`{`)); len(got) != 1 {
		t.Errorf("no JSON: %v", got)
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
		s, err := compileSchema(specPath, []byte(c.text))
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
		s, err := compileSchema(specPath, []byte(c.schema))
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
		s, err := compileSchema(specPath, text)
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
		path := pathOf(specPath, []string{name, "1", name}, doc)
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
