package task

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func validTask() *Task {
	return &Task{APIVersion: APIVersion, Kind: KindTask, Spec: Spec{
		Slot: "s", Workload: Workload{APIVersion: "acme.dev/v1", Kind: "Probe"},
	}}
}

func TestValidateLooksAtTheWorkloadsSpec(t *testing.T) {
	for spec, want := range map[string]string{
		``:                 `<nil>`,
		`{}`:               `<nil>`,
		` {"a": [1]} `:     `<nil>`,
		`[]`:               `spec.workload.spec: must be an object, not an array`,
		`{"a":1,"a":2}`:    `spec.workload.spec: must be valid JSON in UTF-8, without duplicate names`,
		"{\"a\":\"\xff\"}": `spec.workload.spec: must be valid JSON in UTF-8, without duplicate names`,
		`{`:                `spec.workload.spec: must be valid JSON in UTF-8, without duplicate names`,
		strings.Repeat(`{"a":`, MaxDepth) + `1` + strings.Repeat(`}`, MaxDepth):     `<nil>`,
		strings.Repeat(`{"a":`, MaxDepth+1) + `1` + strings.Repeat(`}`, MaxDepth+1): `spec.workload.spec: must not be nested deeper than 128 levels`,
		`{"a":"` + strings.Repeat("x", MaxDocument) + `"}`:                          `spec.workload.spec: must be at most 4194304 bytes long`,
	} {
		task := validTask()
		task.Spec.Workload.Spec = []byte(spec)
		got := "<nil>"
		if err := task.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", clip(spec), got, want)
		}
	}
}

func TestValidateRefusesEmbeddedUnlessAsked(t *testing.T) {
	task := validTask()
	task.Spec.Workload = Workload{APIVersion: Embedded.APIVersion, Kind: Embedded.Name}
	if err := task.Validate(); err == nil || !strings.Contains(err.Error(), "cannot be submitted: ") {
		t.Errorf("got %v", err)
	}
	if err := task.ValidateEmbedded(); err != nil {
		t.Errorf("got %v", err)
	}
	if err := task.Spec.Validate(); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestValidateRefusesNumbersThatJSONDoesNotHave(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0.999} {
		task := validTask()
		task.Spec.Backoff = &Backoff{Factor: f}
		var got FieldErrors
		if !errors.As(task.Validate(), &got) || len(got) != 1 || got[0].Path != "spec.backoff.factor" {
			t.Errorf("factor %v: got %v", f, got)
		}
	}
}

func TestValidateBoundsAnnotations(t *testing.T) {
	task := validTask()
	task.Metadata.Annotations = map[string]string{"a": strings.Repeat("x", MaxAnnotations-1)}
	if err := task.Validate(); err != nil {
		t.Errorf("just small enough: %v", err)
	}
	task.Metadata.Annotations["b"] = ""
	if err := task.Metadata.Validate(); err == nil || err.Error() != "metadata.annotations: must be at most 262144 bytes in all, not 262145" {
		t.Errorf("too large: got %v", err)
	}
}

func TestNames(t *testing.T) {
	check := func(what, text string, err error, want bool) {
		t.Helper()
		if (err == nil) != want {
			t.Errorf("%s %s: got %v, want valid %v", what, clip(text), err, want)
		}
	}
	for text, want := range map[string]bool{
		"a": true, "a-b.c1": true, "1": true, strings.Repeat("a", 253): true,
		"": false, "A": false, "-a": false, "a-": false, "a..b": false, "a.-b": false, ".a": false, "a.": false, "a_b": false,
		strings.Repeat("a", 254): false, "ä": false,
	} {
		check("name", text, Name(text).Validate(), want)
	}
	for text, want := range map[string]bool{
		"a": true, "A._-": true, "...": true, strings.Repeat("a", 64): true, "-": true,
		"": false, ".": false, "..": false, "a/b": false, "a\x00": false, strings.Repeat("a", 65): false,
	} {
		check("slot", text, Slot(text).Validate(), want)
	}
	for text, want := range map[string]bool{
		"a": true, "sub-1": true, strings.Repeat("a", 63): true,
		"": false, "1a": false, "A": false, "a_b": false, strings.Repeat("a", 64): false,
	} {
		check("runner", text, RunnerName(text).Validate(), want)
	}
	for text, want := range map[string]bool{
		"a": true, "A.b_c-1": true, "acme.dev/a": true, strings.Repeat("a", 63): true,
		"": false, "/a": false, "a/": false, "a/b/c": false, "_a": false, "a.": false, "A/b": false, strings.Repeat("a", 64): false,
	} {
		check("label key", text, checkLabelKey(text), want)
	}
	for text, want := range map[string]bool{
		"": true, "a": true, "A.b_c-1": true, strings.Repeat("a", 63): true,
		"-a": false, "a b": false, strings.Repeat("a", 64): false,
	} {
		check("label value", text, checkLabelValue(text), want)
	}
	for kind, want := range map[Kind]bool{
		{"solti.io/v1", "Task"}: true, {"a.b/v1beta-2", "X"}: true,
		{"", "X"}: false, {"a.b", "X"}: false, {"a/v1", "X"}: false, {"a.b/V1", "X"}: false, {"a.b/v1-", "X"}: false,
		{"a.b/", "X"}: false, {"a.b/v1/x", "X"}: false, {"a.b/v1", "x"}: false, {"a.b/v1", ""}: false,
		{"a.b/v1", "X-Y"}: false, {"a.b/v1", "X" + strings.Repeat("y", 63)}: false,
	} {
		check("kind", kind.String(), kind.Validate(), want)
	}
}

func TestClosest(t *testing.T) {
	fields := []string{"slot", "workload", "timeout", "startTimeout", "restart", "backoff", "maxRetries"}
	for word, want := range map[string]string{
		"Slot": "slot", "slto": "slot", "timeOut": "timeout", "retries": "maxRetries", "backof": "backoff",
		"zzz": "", "": "", strings.Repeat("slot", 1000): "",
	} {
		if got := Closest(word, fields); got != want {
			t.Errorf("%s: got %q, want %q", clip(word), got, want)
		}
	}
}
