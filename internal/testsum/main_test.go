package main

import (
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name, in string
		failed   bool
		want     []string
		not      []string
	}{{
		name: "passes are counted and silent",
		in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.1}`,
		want: []string{"ok    p", "1 passed, 0 failed\n"},
		not:  []string{"chatter"},
	}, {
		name: "a failure tells its output",
		in: `{"Action":"output","Package":"p","Test":"TestA","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
		failed: true,
		want:   []string{"got 1, want 2\n", "0 passed, 1 failed\n"},
	}, {
		name: "a package that dies fails the test it was in",
		in: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: here\n"}
{"Action":"pass","Package":"q","Test":"TestB"}
{"Action":"fail","Package":"p"}`,
		failed: true,
		want:   []string{"panic: here\n", "1 passed, 1 failed\n"},
	}, {
		name: "a build that fails is a failure",
		in: `{"ImportPath":"p","Action":"build-output","Output":"x.go:1: syntax error\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
{"Action":"pass","Package":"q","Test":"TestB"}`,
		failed: true,
		want:   []string{"syntax error", "1 passed, 0 failed\n"},
	}, {
		name:   "no test at all is a failure",
		in:     "",
		failed: true,
		want:   []string{"0 passed, 0 failed\n"},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			failed, err := summarize(strings.NewReader(tt.in), &out)
			if err != nil || failed != tt.failed {
				t.Errorf("got %v, %v, want %v, nil", failed, err, tt.failed)
			}
			for _, w := range tt.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("output lacks %q:\n%s", w, out.String())
				}
			}
			for _, n := range tt.not {
				if strings.Contains(out.String(), n) {
					t.Errorf("output has %q:\n%s", n, out.String())
				}
			}
		})
	}
}
