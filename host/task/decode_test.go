package task

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// head begins a document that is valid once a spec follows.
const head = `"apiVersion":"solti.io/v1","kind":"Task"`

// workload is one that is valid.
const workload = `"workload":{"apiVersion":"solti.io/v1","kind":"Subprocess","spec":{"command":"true"}}`

// doc returns a document whose spec has, beside slot and workload, the given members.
func doc(members string) string {
	return `{` + head + `,"spec":{"slot":"s",` + workload + members + `}}`
}

// refusals are documents with all that Decode says about them.
var refusals = []struct {
	name, doc string
	want      []string
}{
	{"empty", "", []string{"the document is empty"}},
	{"comment only", "# nothing\n", []string{"the document is empty"}},
	{"null", "null", []string{"the document is empty"}},
	{"not a document", "[1]", []string{"line 1: must be a task, which is an object, not an array"}},
	{"text", "hello", []string{"line 1: must be a task, which is an object, not a string"}},
	{"empty object", "{}", []string{
		"apiVersion: must not be empty: write solti.io/v1",
		"kind: must not be empty: write Task",
		"spec.slot: must not be empty",
		"spec.workload.apiVersion: must not be empty",
		"spec.workload.kind: must not be empty",
	}},
	{"empty slot", `{` + head + `,"spec":{"slot":"",` + workload + `}}`, []string{"spec.slot: must not be empty"}},
	{"long slot", `{` + head + `,"spec":{"slot":"` + strings.Repeat("a", 65) + `",` + workload + `}}`,
		[]string{"spec.slot: must be at most 64 bytes long, not 65"}},
	{"dots as slot", `{` + head + `,"spec":{"slot":"..",` + workload + `}}`, []string{`spec.slot: must not be ".."`}},
	{"slot with space", `{` + head + `,"spec":{"slot":"a b",` + workload + `}}`,
		[]string{`spec.slot: "a b": must consist of A-Z, a-z, 0-9, '.', '_' and '-'`}},
	{"unknown field", doc(`,"retries":3`), []string{"spec.retries: unknown field; did you mean maxRetries?"}},
	{"unknown field without likeness", doc(`,"zzz":{"a":[1,{"b":2}]}`), []string{"spec.zzz: unknown field"}},
	{"field in another case", doc(`,"Timeout":"1s"`), []string{"spec.Timeout: unknown field; did you mean timeout?"}},
	{"wrong types", doc(`,"timeout":90,"restart":"never","maxRetries":"3","backoff":[],"runnerSelector":{"matchLabels":{"a":1}}`), []string{
		"spec.timeout: must be a string, not a number: put it in quotes",
		"spec.restart: must be an object, not a string",
		"spec.maxRetries: must be a number, not a string",
		"spec.backoff: must be an object, not an array",
		"spec.runnerSelector.matchLabels.a: must be a string, not a number: put it in quotes",
	}},
	{"no whole number", doc(`,"restart":{"policy":"always"},"maxRetries":1.5`), []string{"spec.maxRetries: must be a whole number in range, not \"1.5\""}},
	{"number out of range", doc(`,"backoff":{"factor":1e999}`), []string{"spec.backoff.factor: must be a number in range, not \"1e999\""}},
	{"bad duration", doc(`,"timeout":"10 min"`), []string{
		`spec.timeout: "10 min" is not a duration: write a number with a unit, such as 500ms, 90s or 10m`}},
	{"negative durations", doc(`,"timeout":"-1s","startTimeout":"-2s","restart":{"policy":"always","interval":"-3s"},"backoff":{"first":"-4s","max":"-5s"}`), []string{
		"spec.timeout: must not be negative, as -1s is",
		"spec.startTimeout: must not be negative, as -2s is",
		"spec.restart.interval: must not be negative, as -3s is",
		"spec.backoff.first: must not be negative, as -4s is",
		"spec.backoff.max: must not be negative, as -5s is",
	}},
	{"backoff", doc(`,"backoff":{"first":"10s","max":"1s","factor":0.5,"jitter":"ful"}`), []string{
		"spec.backoff.max: must be at least first, which is 10s, not 1s",
		"spec.backoff.factor: must be a finite number of at least 1, not 0.5",
		`spec.backoff.jitter: must be none, full, equal or decorrelated, not "ful"; did you mean full?`,
	}},
	{"choices", doc(`,"restart":{"policy":"onfailure"},"admission":"drop"`), []string{
		`spec.restart.policy: must be never, onFailure or always, not "onfailure"; did you mean onFailure?`,
		`spec.admission: must be dropIfRunning, queue or replace, not "drop"; did you mean dropIfRunning?`,
	}},
	{"interval without always", doc(`,"restart":{"policy":"onFailure","interval":"1s"}`), []string{
		"spec.restart.interval: needs restart policy always; the wait after a failure is spec.backoff"}},
	{"no retries", doc(`,"restart":{"policy":"onFailure"},"maxRetries":0`), []string{
		"spec.maxRetries: must be at least 1, not 0; leave it out for no limit, or use restart policy never for no retry"}},
	{"retries without restart", doc(`,"maxRetries":3`), []string{
		"spec.maxRetries: needs a restart policy that retries: set spec.restart.policy to onFailure or always"}},
	{"too many retries", doc(`,"restart":{"policy":"always"},"maxRetries":2147483648`), []string{
		"spec.maxRetries: must be at most 2147483647; leave it out for no limit"}},
	{"follow-up of an unknown policy is left out", doc(`,"restart":{"polcy":"always","interval":"1s"},"maxRetries":3`), []string{
		"spec.restart.polcy: unknown field; did you mean policy?"}},
	{"repeated", doc(`,"timeout":"1s","timeout":"2s","slot":"t"`), []string{
		"spec.timeout: must be given only once", "spec.slot: must be given only once"}},
	{"repeated in labels", `{` + head + `,"metadata":{"labels":{"a":"1","a":"2"}},"spec":{"slot":"s",` + workload + `}}`,
		[]string{"metadata.labels.a: must be given only once"}},
	{"repeated deep in the workload", strings.Replace(doc(""), `"command":"true"`, `"args":[{"x.y":1,"x.y":2}]`, 1), []string{
		`spec.workload.spec.args[0]["x.y"]: must be given only once`}},
	{"repeated in what is skipped", `{` + head + `,"status":{"a":1,"a":2},"spec":{"slot":"s",` + workload + `}}`,
		[]string{"status.a: must be given only once"}},
	{"workload", `{` + head + `,"spec":{"slot":"s","workload":{"apiVersion":"v1","kind":"subprocess","spec":[1]}}}`, []string{
		`spec.workload.apiVersion: "v1": must be group/version, such as solti.io/v1`,
		`spec.workload.kind: "subprocess": must begin with a capital and consist of A-Z, a-z and 0-9, such as Subprocess`,
		"spec.workload.spec: must be an object, not an array",
	}},
	{"workload group", `{` + head + `,"spec":{"slot":"s","workload":{"apiVersion":"acme/v1","kind":"Probe"}}}`, []string{
		`spec.workload.apiVersion: group "acme": must be a DNS name with a dot in it, such as solti.io`}},
	{"workload version", `{` + head + `,"spec":{"slot":"s","workload":{"apiVersion":"acme.dev/1","kind":"Probe"}}}`, []string{
		`spec.workload.apiVersion: version "1": must be 1 to 63 of a-z, 0-9 and '-', beginning with a letter, such as v1`}},
	{"embedded", `{` + head + `,"spec":{"slot":"s","workload":{"apiVersion":"solti.io/v1","kind":"Embedded"}}}`, []string{
		"spec.workload.kind: cannot be submitted: Embedded tasks are code of the host process itself"}},
	{"kind and version", `{"apiVersion":"v1","kind":"Job","spec":{"slot":"s",` + workload + `}}`, []string{
		`apiVersion: must be solti.io/v1, not "v1"`, `kind: must be Task, not "Job"`}},
	{"metadata", `{` + head + `,"metadata":{"name":"A_b","labels":{"a b":"x","ok":"-","x.y/z":"v"},"annotations":{"":"x"}},"spec":{"slot":"s",` + workload + `}}`, []string{
		`metadata.name: "A_b": must consist of a-z, 0-9, '-' and '.', with a letter or digit at both ends of each part`,
		`metadata.labels["a b"]: the key must begin and end with a letter or digit and have only '-', '_' and '.' besides`,
		`metadata.labels.ok: the value "-" must begin and end with a letter or digit and have only '-', '_' and '.' besides`,
		`metadata.annotations[""]: the key must not be empty`,
	}},
	{"selector", doc(`,"runnerSelector":{"matchLabels":{"zone":"e u"},"matchExpressions":[{"key":"","operator":"In"},{"key":"a","operator":"Exists","values":["x"]},{"key":"b","operator":"in","values":["x"]},{"key":"c"},null]}`), []string{
		`spec.runnerSelector.matchLabels.zone: the value "e u" must begin and end with a letter or digit and have only '-', '_' and '.' besides`,
		"spec.runnerSelector.matchExpressions[0].values: must not be empty with operator In",
		"spec.runnerSelector.matchExpressions[0].key: the key must not be empty",
		"spec.runnerSelector.matchExpressions[1].values: must be left out with operator Exists",
		`spec.runnerSelector.matchExpressions[2].operator: must be In, NotIn, Exists or DoesNotExist, not "in"; did you mean In?`,
		"spec.runnerSelector.matchExpressions[3].operator: must not be empty: write In, NotIn, Exists or DoesNotExist",
		"spec.runnerSelector.matchExpressions[4].key: the key must not be empty",
		"spec.runnerSelector.matchExpressions[4].operator: must not be empty: write In, NotIn, Exists or DoesNotExist",
	}},
	{"invalid UTF-8", doc(",\"admission\":\"\xff\""), []string{"spec.admission: must be valid UTF-8"}},
	{"lone surrogate", strings.Replace(doc(""), `"true"`, `"\ud800"`, 1), []string{"spec.workload.spec.command: must be valid UTF-8"}},
	{"syntax", "{\n  \"kind\": \"Task\",,\n}", []string{
		"line 2, column 18: not valid JSON: invalid character ',' at start of value"}},
	{"problems and then bad syntax", `{"x":1,"kind":tru}`, []string{
		"x: unknown field", "line 1, column 18: not valid JSON: invalid character '}' in literal true (expecting 'e')"}},
	{"cut off", `{"kind":"Task"`, []string{"line 1, column 15: not valid JSON: unexpected EOF"}},
	{"two values", doc("") + doc(""), []string{"must hold one task, not several documents"}},
	{"yaml with lines", `# comment
apiVersion: solti.io/v1
kind: Task
metadata:
  labels:
    version: 1.10
spec:
  slot: ""
  timeout: 90
  backoff:
    frist: 1s
  workload:
    apiVersion: solti.io/v1
    spec: {command: "true"}
  slot: again
`, []string{
		"line 6: metadata.labels.version: must be a string, not a number: put it in quotes",
		"line 9: spec.timeout: must be a string, not a number: put it in quotes",
		"line 11: spec.backoff.frist: unknown field; did you mean first?",
		"line 12: spec.workload.kind: must not be empty",
		"line 15: spec.slot: must be given only once",
	}},
	{"yaml with an empty slot", "apiVersion: solti.io/v1\nkind: Task\nspec:\n  workload: {apiVersion: a.b/v1, kind: X}\n  slot: ''\n",
		[]string{"line 5: spec.slot: must not be empty"}},
	{"yaml syntax", "a: b\n c: d\n", []string{"line 2: not valid YAML: mapping values are not allowed in this context"}},
	{"yaml documents", "a: 1\n---\nb: 2\n", []string{"line 3: must hold one task, not several documents"}},
	{"yaml values without JSON", "apiVersion: solti.io/v1\nkind: Task\nspec:\n  slot: s\n  workload:\n    apiVersion: a.b/v1\n    kind: X\n    spec:\n      a: .nan\n      b: !!set {x}\n      [1]: 2\n      c: !!bool maybe\n", []string{
		`line 9: spec.workload.spec.a: must be a finite number, not ".nan"`,
		`line 10: spec.workload.spec.b: has the tag "!!set", which has no form in JSON`,
		`line 11: spec.workload.spec: has a key that is no string`,
		`line 12: spec.workload.spec.c: must be true or false, not "maybe"`,
	}},
	{"yaml alias to itself", "a: &x [*x]\n", []string{"line 1: a[0][0]: an alias must not refer to what it is part of"}},
	{"yaml merge of itself", "a: &x {<<: *x}\n", []string{"line 1: a: an alias must not refer to what it is part of"}},
	{"yaml merge of a text", "<<: hello\n", []string{"line 1: a merge key must have an alias or a mapping as its value"}},
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode([]byte(c.doc))
			var got FieldErrors
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want problems", err)
			}
			if want := strings.Join(c.want, "\n"); got.Error() != want {
				t.Errorf("got:\n%v\nwant:\n%v", got, want)
			}
		})
	}
}

func TestDecodeReadsTheDesignsExample(t *testing.T) {
	inYAML, inJSON := nightly(t)
	retries := 5
	want := &Task{
		APIVersion: APIVersion,
		Kind:       KindTask,
		Metadata:   Metadata{Name: "nightly-backup", Labels: map[string]string{"team": "infra"}},
		Spec: Spec{
			Slot: "backup",
			Workload: Workload{
				APIVersion: APIVersion, Kind: "Subprocess",
				Spec: []byte(`{"command":"pg_dump","args":["app"],"env":{"PGHOST":"/run/postgresql"}}`),
			},
			Timeout:        Duration(10 * time.Minute),
			Restart:        Restart{Policy: OnFailure},
			Backoff:        &Backoff{First: Duration(time.Second), Max: Duration(30 * time.Second), Factor: 2, Jitter: Full},
			Admission:      Queue,
			MaxRetries:     &retries,
			RunnerSelector: &Selector{MatchLabels: map[string]string{"zone": "eu"}},
		},
	}
	for _, doc := range [][]byte{inYAML, inJSON} {
		got, err := Decode(doc)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
}

func TestDecodeKeepsTheWorkloadsSpecExact(t *testing.T) {
	in := `
apiVersion: solti.io/v1
kind: Task
metadata: {annotations: {on: 2024-01-01, empty: }}
spec:
  slot: s
  workload:
    apiVersion: acme.dev/v1
    kind: Probe
    spec:
      z: 12345678901234567890123
      a: 1.10
      hex: 0x1F
      octal: 0644
      grouped: 1_000
      plus: +5
      point: .5
      big: 1e999
      date: 2024-01-01
      time: 2001-12-14 21:59:43.10 -5
      blob: !!binary aGVsbG8=
      own: !thing x
      yes: no
      1: one
      t: TRUE
      n: ~
      quoted: '12'
      text: |
        two
        lines
`
	want := `{"z":12345678901234567890123,"a":1.10,"hex":31,"octal":420,"grouped":1000,"plus":5,"point":0.5,"big":1e999,` +
		`"date":"2024-01-01","time":"2001-12-14 21:59:43.10 -5","blob":"aGVsbG8=","own":"x","yes":"no","1":"one",` +
		`"t":true,"n":null,"quoted":"12","text":"two\nlines\n"}`
	got, err := Decode([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Spec.Workload.Spec) != want {
		t.Errorf("got  %s\nwant %s", got.Spec.Workload.Spec, want)
	}
	if got.Metadata.Annotations["on"] != "2024-01-01" || got.Metadata.Annotations["empty"] != "" {
		t.Errorf("annotations %v", got.Metadata.Annotations)
	}
}

func TestDecodeExpandsAliasesAndMergeKeys(t *testing.T) {
	in := `
apiVersion: solti.io/v1
kind: Task
spec:
  slot: s
  workload:
    apiVersion: acme.dev/v1
    kind: Probe
    spec:
      base: &base {a: 1, b: 2}
      more: &more {b: 3, c: 4}
      merged: &merged {<<: *base, b: 9}
      again: *merged
      both: {x: 0, <<: [*base, *more]}
`
	want := `{"base":{"a":1,"b":2},"more":{"b":3,"c":4},"merged":{"b":9,"a":1},"again":{"b":9,"a":1},"both":{"x":0,"a":1,"b":2,"c":4}}`
	got, err := Decode([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Spec.Workload.Spec) != want {
		t.Errorf("got  %s\nwant %s", got.Spec.Workload.Spec, want)
	}
}

func TestDecodeSkipsWhatTheHostMakes(t *testing.T) {
	in := `{` + head + `,"metadata":{"name":"n","uid":17,"generation":"x","resourceVersion":null,"creationTimestamp":{},
		"deletionTimestamp":[1]},"status":{"phase":3,"whatever":[{}]},"spec":{"slot":"s",` + workload + `}}`
	got, err := Decode([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	want := &Task{APIVersion: APIVersion, Kind: KindTask, Metadata: Metadata{Name: "n"}, Spec: Spec{
		Slot: "s", Workload: Workload{APIVersion: APIVersion, Kind: "Subprocess", Spec: []byte(`{"command":"true"}`)},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestDecodeTakesNullAsUnset(t *testing.T) {
	in := `{` + head + `,"metadata":null,"status":null,"spec":{"slot":"s","workload":{"apiVersion":"a.b/v1","kind":"X","spec":null},
		"timeout":null,"startTimeout":null,"restart":null,"backoff":{"first":null,"factor":null},"admission":null,"maxRetries":null,"runnerSelector":null}}`
	got, err := Decode([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	want := &Task{APIVersion: APIVersion, Kind: KindTask, Spec: Spec{
		Slot: "s", Workload: Workload{APIVersion: "a.b/v1", Kind: "X"}, Backoff: &Backoff{},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestDecodeBoundsDepth(t *testing.T) {
	nested := func(levels int) string {
		return strings.Replace(doc(""), `{"command":"true"}`,
			strings.Repeat(`{"a":[`, levels/2)+strings.Repeat(`]}`, levels/2), 1)
	}
	if _, err := Decode([]byte(nested(MaxDepth))); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	for _, levels := range []int{MaxDepth + 2, 8000, 100_000} {
		_, err := Decode([]byte(nested(levels)))
		if err == nil || !strings.Contains(err.Error(), "nest") && !strings.Contains(err.Error(), "depth") {
			t.Errorf("%d levels: got %v", levels, err)
		}
	}
	inYAML := "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	if _, err := Decode([]byte(inYAML)); err == nil || len(err.Error()) > 2000 {
		t.Errorf("YAML: got an error of %d bytes", len(fmt.Sprint(err)))
	}
}

func TestDecodeBoundsSize(t *testing.T) {
	pad := func(n int) []byte {
		return []byte(strings.Replace(doc(""), "true", strings.Repeat("x", n-len(doc(""))+4), 1))
	}
	if _, err := Decode(pad(MaxDocument)); err != nil {
		t.Errorf("just small enough: %v", err)
	}
	if _, err := Decode(pad(MaxDocument + 1)); err == nil || err.Error() != "must be at most 4194304 bytes long" {
		t.Errorf("too large: %v", err)
	}
}

func TestDecodeReportsABoundedNumberOfProblems(t *testing.T) {
	var b strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&b, `,"x%d":1`, i)
	}
	_, err := Decode([]byte(doc(b.String())))
	var got FieldErrors
	if !errors.As(err, &got) || len(got) != maxProblems+1 {
		t.Fatalf("got %d problems", len(got))
	}
	long := `{"` + strings.Repeat("k", 1<<20) + `":[` + strings.Repeat("1,", 1<<20) + `"` + "\xff" + `"]}`
	_, err = Decode([]byte(strings.Replace(doc(""), `{"command":"true"}`, long, 1)))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("got an error of %d bytes", len(fmt.Sprint(err)))
	}
}

// bombs are documents that would become large.
func bombs() map[string]string {
	var aliases, merges strings.Builder
	aliases.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	merges.WriteString("m0: &m0 {x0: 1, x1: 1, x2: 1}\n")
	for i := 1; i < 12; i++ {
		again := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", ")
		fmt.Fprintf(&aliases, "a%d: &a%d [%s]\n", i, i, again)
		again = strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*m%d, ", i-1), 10), ", ")
		fmt.Fprintf(&merges, "m%d: &m%d {<<: [%s]}\n", i, i, again)
	}
	return map[string]string{
		"aliases":      aliases.String(),
		"merges":       merges.String(),
		"large text":   "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 5000) + "]\n",
		"large key":    "a: &a " + strings.Repeat("x", 1<<20) + "\nb:\n" + strings.Repeat("- {*a : 1}\n", 5000),
		"many values":  "a: [" + strings.Repeat("1,", 2_000_000) + "]",
		"many entries": strings.Repeat("a:\n", 1_000_000),
		"many dashes":  "- " + strings.Repeat("- ", 1_000_000) + "x",
	}
}

func TestDecodeRefusesBombsCheaply(t *testing.T) {
	for name, bomb := range bombs() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Decode([]byte(bomb))
			runtime.ReadMemStats(&after)
			if err == nil || len(err.Error()) > 1000 {
				t.Errorf("got an error of %d bytes", len(fmt.Sprint(err)))
			}
			const most = 128 << 20
			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("allocated %d MiB, want at most %d", used>>20, most>>20)
			}
		})
	}
}

func TestDecodeAll(t *testing.T) {
	two := doc("") + "\n" + doc("")
	inYAML := "---\n# nothing\n---\n" + doc("") + "\n---\n" + doc("") + "\n---\n"
	for _, in := range []string{two, inYAML} {
		got, err := DecodeAll([]byte(in))
		if err != nil || len(got) != 2 {
			t.Errorf("got %d tasks, error %v", len(got), err)
		}
	}
	bad := "---\n" + doc("") + "\n---\n" + doc(`,"x":1`) + "\n---\nkind: Task\n"
	_, err := DecodeAll([]byte(bad))
	want := `line 4: document 2: spec.x: unknown field
line 6: document 3: apiVersion: must not be empty: write solti.io/v1
line 6: document 3: spec.slot: must not be empty
line 6: document 3: spec.workload.apiVersion: must not be empty
line 6: document 3: spec.workload.kind: must not be empty`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%v", err, want)
	}
	if _, err := DecodeAll([]byte(doc(`,"x":1`))); err == nil || err.Error() != "spec.x: unknown field" {
		t.Errorf("one document: got %v", err)
	}
	for _, in := range []string{"", "---\n---\n"} {
		if _, err := DecodeAll([]byte(in)); err == nil || err.Error() != "the document is empty" {
			t.Errorf("%q: got %v", in, err)
		}
	}
	if _, err := DecodeAll([]byte(doc("") + "{")); err == nil {
		t.Error("a cut-off second value was accepted")
	}
}

func TestExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob("../../examples/specs/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("found %d examples, error %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeAll(data); err != nil {
			t.Errorf("%s:\n%v", file, err)
		}
		if data[0] != '#' {
			t.Errorf("%s: does not begin with a line that says what it shows", file)
		}
	}
}
