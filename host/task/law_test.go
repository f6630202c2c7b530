package task

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Generators of valid values.
var (
	anyLabelValue = rapid.StringMatching(`([A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?)?`)
	anyLabelKey   = rapid.StringMatching(`([a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?(\.[a-z]{1,5})?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?`)
	anyLabels     = rapid.MapOfN(anyLabelKey, anyLabelValue, 1, 4)
	anyWait       = rapid.Custom(func(t *rapid.T) Duration { return Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "wait")) })
)

func anyRequirement(t *rapid.T) Requirement {
	r := Requirement{Key: anyLabelKey.Draw(t, "key"), Operator: rapid.SampledFrom([]Operator{In, NotIn, Exists, DoesNotExist}).Draw(t, "operator")}
	if r.Operator == In || r.Operator == NotIn {
		r.Values = rapid.SliceOfN(anyLabelValue, 1, 4).Draw(t, "values")
	}
	return r
}

func anySelector(t *rapid.T) *Selector {
	s := new(Selector)
	if rapid.Bool().Draw(t, "labels") {
		s.MatchLabels = anyLabels.Draw(t, "matchLabels")
	}
	if rapid.Bool().Draw(t, "expressions") {
		s.MatchExpressions = rapid.SliceOfN(rapid.Custom(anyRequirement), 1, 4).Draw(t, "matchExpressions")
	}
	return s
}

// anyJSON returns a JSON value nested at most so deeply.
func anyJSON(t *rapid.T, levels int) any {
	kinds := 7
	if levels == 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "boolean")
	case 2:
		return rapid.String().Draw(t, "string")
	case 3:
		return json.Number(rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,10})?([eE][-+]?[0-9]{1,3})?`).Draw(t, "number"))
	case 4:
		return rapid.SampledFrom([]string{"yes", "null", "1_0", "0x1", "a: b", "- x", "#", " ", "\n", "a\nb", "a\nb\n", "a\n\nb\n\n",
			" a\nb", "\ta\n", "a \nb", "\u0085", "\u2028", "\ufeff", "\r\n", "2001-01-01", "~", "<<", "!x", "&a", "*a", "%a", "@", "`",
			"\x7f", "|", ">", "'", `"`, "{", "1e3", ".5", ".inf", "0644", "a\n#b", "a\n---\nb", "...", "---\n", "\U0001F600\nx", "\ue000"}).Draw(t, "tricky")
	case 5:
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any { return anyJSON(t, levels-1) }), 0, 4).Draw(t, "array")
	default:
		return anyObject(t, levels)
	}
}

func anyObject(t *rapid.T, levels int) map[string]any {
	return rapid.MapOfN(rapid.String(), rapid.Custom(func(t *rapid.T) any { return anyJSON(t, levels-1) }), 0, 4).Draw(t, "object")
}

// anyTask returns a valid task without what the host makes.
func anyTask(t *rapid.T) *Task {
	task := &Task{APIVersion: APIVersion, Kind: KindTask}
	m, s := &task.Metadata, &task.Spec
	if rapid.Bool().Draw(t, "named") {
		m.Name = Name(rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]{1,10})?`).Draw(t, "name"))
	}
	if rapid.Bool().Draw(t, "labelled") {
		m.Labels = anyLabels.Draw(t, "labels")
		m.Annotations = rapid.MapOfN(anyLabelKey, rapid.String(), 1, 3).Draw(t, "annotations")
	}
	s.Slot = Slot(rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}`).Draw(t, "slot"))
	s.Workload = Workload{APIVersion: "acme.dev/v1", Kind: "Probe"}
	if rapid.Bool().Draw(t, "with spec") {
		s.Workload.Spec, _ = EncodeJSON(anyObject(t, 4))
	}
	s.Timeout, s.StartTimeout = anyWait.Draw(t, "timeout"), anyWait.Draw(t, "startTimeout")
	s.Restart.Policy = rapid.SampledFrom([]RestartPolicy{"", Never, OnFailure, Always}).Draw(t, "restart")
	if s.Restart.Policy == Always {
		s.Restart.Interval = anyWait.Draw(t, "interval")
	}
	if rapid.Bool().Draw(t, "with backoff") {
		first := anyWait.Draw(t, "first")
		s.Backoff = &Backoff{First: first, Max: first + anyWait.Draw(t, "more"), Factor: rapid.Float64Range(1, 100).Draw(t, "factor"),
			Jitter: rapid.SampledFrom([]Jitter{"", NoJitter, Full, Equal, Decorrelated}).Draw(t, "jitter")}
	}
	s.Admission = rapid.SampledFrom([]Admission{"", DropIfRunning, Queue, Replace}).Draw(t, "admission")
	if s.Restart.Policy == OnFailure || s.Restart.Policy == Always {
		n := rapid.IntRange(1, MaxRetries).Draw(t, "maxRetries")
		s.MaxRetries = &n
	}
	if rapid.Bool().Draw(t, "with selector") {
		s.RunnerSelector = anySelector(t)
	}
	return task
}

func TestDecodeReversesEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task := anyTask(t)
		inJSON, err := task.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(inJSON)
		if err != nil || !reflect.DeepEqual(got, task) {
			t.Fatalf("by JSON: %v\n%s\ngot  %+v\nwant %+v", err, inJSON, got, task)
		}
		inYAML, err := EncodeYAML(task)
		if err != nil {
			t.Fatal(err)
		}
		got, err = Decode(inYAML)
		if err != nil || !reflect.DeepEqual(got, task) {
			again, _ := EncodeJSON(got)
			t.Fatalf("by YAML: %v\n%s\ngot  %s\nwant %s", err, inYAML, again, inJSON)
		}
	})
}

func TestDecodeOfWhatTheHostAnswersIsTheSubmission(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task := anyTask(t)
		code := 3
		task.Metadata.UID = NewUID(time.UnixMilli(1))
		task.Metadata.Generation = 2
		task.Metadata.ResourceVersion = "x.1"
		task.Metadata.CreationTimestamp = time.Unix(1, 2).UTC()
		task.Status = Status{Phase: Failed, Attempt: 1, ExitCode: &code, Outcome: &Outcome{Kind: OutcomeFailed}}
		doc, err := task.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(doc)
		if err != nil || !reflect.DeepEqual(got, task.Submission()) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, task.Submission())
		}
		var back Task
		if err := json.Unmarshal(doc, &back); err != nil || !reflect.DeepEqual(&back, task) {
			t.Fatalf("by encoding/json: %v\ngot  %+v\nwant %+v", err, &back, task)
		}
	})
}

func TestJSONIsThatOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task := anyTask(t)
		got, err := task.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(task); err != nil {
			t.Fatal(err)
		}
		if !sameJSON(got, want.Bytes()) {
			t.Fatalf("got  %s\nwant %s", got, want.Bytes())
		}
	})
}

func TestEqualHoldsForAnotherSpellingOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyTask(t), anyTask(t)
		inJSON, _ := a.JSON()
		var indented bytes.Buffer
		if err := json.Indent(&indented, inJSON, "", "\t"); err != nil {
			t.Fatal(err)
		}
		same, err := Decode(indented.Bytes())
		if err != nil || !a.Spec.Equal(&same.Spec) || !a.Metadata.Equal(&same.Metadata) {
			t.Fatalf("%v: differs from itself: %s", err, inJSON)
		}
		if a.Spec.Equal(&b.Spec) != b.Spec.Equal(&a.Spec) {
			t.Fatal("not symmetric")
		}
		if a.Spec.Slot != b.Spec.Slot && a.Spec.Equal(&b.Spec) {
			t.Fatal("another slot is equal")
		}
	})
}

func TestParseSelectorReversesString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySelector(t)
		got, err := ParseSelector(s.String())
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%q: %v\ngot  %+v\nwant %+v", s, err, got, s)
		}
		labels := anyLabels.Draw(t, "labels")
		if s.Matches(labels) != (s.Unmet(labels) == "") {
			t.Fatalf("%q and %v: matches %v, unmet %q", s, labels, s.Matches(labels), s.Unmet(labels))
		}
	})
}

// TestDistanceIsThatOfTheObviousRecursion compares with a version that follows the definition.
func TestDistanceIsThatOfTheObviousRecursion(t *testing.T) {
	var obvious func(a, b string) int
	obvious = func(a, b string) int {
		if a == "" || b == "" {
			return len(a) + len(b)
		}
		n := obvious(a[1:], b[1:])
		if a[0] != b[0] {
			n++
		}
		n = min(n, obvious(a[1:], b)+1, obvious(a, b[1:])+1)
		if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
			n = min(n, obvious(a[2:], b[2:])+1)
		}
		return n
	}
	word := rapid.StringMatching(`[abc]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := distance(a, b), obvious(a, b); got != want {
			t.Fatalf("%q and %q: got %d, want %d", a, b, got, want)
		}
	})
}

func TestEncodeYAMLIsForPeople(t *testing.T) {
	doc := `{"z":"text\nof lines\n","a":{"list":[1,{"b":true,"c":null}],"none":[],"empty":{}},"word":"yes","n":"12","big":12345678901234567890123}`
	got, err := EncodeYAML(json.RawMessage(doc))
	want := `z: |
  text
  of lines
a:
  list:
    - 1
    - b: true
      c: null
  none: []
  empty: {}
word: "yes"
"n": "12"
big: 12345678901234567890123
`
	if err != nil || string(got) != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, got, want)
	}
	if _, err := EncodeYAML(make(chan int)); err == nil || !strings.Contains(err.Error(), "chan") {
		t.Errorf("a channel: got %v", err)
	}
}
