package sdk

import (
	"slices"
	"strings"
	"testing"
	"time"
)

type decoded struct {
	File    string            `json:"file"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
	Wait    time.Duration     `json:"wait"`
	Retries int               `json:"retries"`
	Inner   struct {
		On bool `json:"on"`
	} `json:"inner"`
}

func TestDecode(t *testing.T) {
	var got decoded
	spec := Spec{Raw: []byte(`{"file": "/x", "args": ["a"], "env": {"K": "v"}, "wait": "1m30s", "inner": {"on": true}}`)}
	if err := spec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.File != "/x" || got.Args[0] != "a" || got.Env["K"] != "v" || got.Wait != 90*time.Second || !got.Inner.On {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeNamesTheField(t *testing.T) {
	for _, test := range []struct{ raw, path, text string }{
		{`{"fil": 1}`, "fil", "unknown field"},
		{`{"File": "x"}`, "File", "unknown field"},
		{`{"args": ["a", 2]}`, "args[1]", "a string"},
		{`{"args": "a"}`, "args", "an array"},
		{`{"inner": {"on": "yes"}}`, "inner.on", "a boolean"},
		{`{"retries": 1.5}`, "retries", ""},
		{`{"wait": 5}`, "wait", "such as 90s"},
		{`{"wait": "soon"}`, "wait", "not a duration"},
		{`{"file": "a", "file": "b"}`, "file", "duplicate"},
		{`{"file": `, "", ""},
		{`[]`, "", "an object"},
	} {
		spec := Spec{Raw: []byte(test.raw)}
		err := spec.Decode(new(decoded))
		v, ok := err.(Violations) //nolint:errorlint // exactly this
		if !ok || len(v) != 1 {
			t.Errorf("%s: got %v", test.raw, err)
			continue
		}
		if v[0].Path != test.path && test.raw != `{"file": ` || !strings.Contains(v[0].Message, test.text) {
			t.Errorf("%s: got %q: %q, want %q: ...%s...", test.raw, v[0].Path, v[0].Message, test.path, test.text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"args": ["a", 2]}`))
	f.Add([]byte(`{"wait": "9999999999999h"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		spec := Spec{Raw: raw}
		if err := spec.Decode(new(decoded)); err != nil && len(violationsIn(err)) == 0 {
			t.Errorf("%q: error %v names nothing", raw, err)
		}
	})
}

func TestMergeEnv(t *testing.T) {
	got := MergeEnv(map[string]string{"B": "1", "A": "1"}, nil, map[string]string{"A": "2", "C": ""})
	if want := []string{"A=2", "B=1", "C="}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if MergeEnv() == nil {
		t.Error("no variables give nil, which os/exec takes for the plugin's own environment")
	}
}

func TestClip(t *testing.T) {
	for in, want := range map[string]string{"abc": "abc", "abcdef": "abcd", "abcé": "abc", "a\xffb": "a\uFFFD"} {
		if got := clip(in, 4); got != want {
			t.Errorf("clip(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	r := newRecent[int](2)
	for i, key := range []string{"a", "b", "a", "c", "d"} {
		r.put(key, i)
	}
	for key, want := range map[string]bool{"a": false, "b": false, "c": true, "d": true} {
		if _, got := r.get(key); got != want {
			t.Errorf("%s is known: %v, want %v", key, got, want)
		}
	}
}
