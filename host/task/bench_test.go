package task

import (
	"os"
	"testing"
)

// nightly returns the example of a full spec, in YAML and in JSON.
func nightly(tb testing.TB) (yaml, json []byte) {
	tb.Helper()
	yaml, err := os.ReadFile("../../examples/specs/nightly-backup.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	t, err := Decode(yaml)
	if err != nil {
		tb.Fatal(err)
	}
	json, err = t.JSON()
	if err != nil {
		tb.Fatal(err)
	}
	return yaml, json
}

func BenchmarkDecodeJSON(b *testing.B) {
	_, doc := nightly(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := Decode(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeYAML(b *testing.B) {
	doc, _ := nightly(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRefused(b *testing.B) {
	_, doc := nightly(b)
	doc = append([]byte(`{"extra":1,`), doc[1:]...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(doc); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkEncodeJSON(b *testing.B) {
	doc, _ := nightly(b)
	t, _ := Decode(doc)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.JSON(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSpecEqual(b *testing.B) {
	yaml, json := nightly(b)
	x, _ := Decode(yaml)
	y, _ := Decode(json)
	b.ReportAllocs()
	for b.Loop() {
		if !x.Spec.Equal(&y.Spec) {
			b.Fatal("differ")
		}
	}
}

func BenchmarkParseSelector(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSelector("app=web,tier in (a,b),!canary"); err != nil {
			b.Fatal(err)
		}
	}
}
