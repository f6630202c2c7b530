package task

import (
	"strings"
	"testing"
)

func TestWrittenZerosAreNotDefaults(t *testing.T) {
	const head = "apiVersion: solti.io/v1\nkind: Task\nmetadata: {name: a}\nspec:\n  slot: a\n  workload: {apiVersion: solti.io/v1, kind: Subprocess, spec: {timeout: 0, first: 0}}\n"
	for text, want := range map[string]string{
		"  timeout: 0s":                             "spec.timeout: must be above 0",
		"  startTimeout: 0s":                        "spec.startTimeout: must be above 0",
		"  backoff: {first: 0s}":                    "spec.backoff.first: must be above 0",
		"  backoff: {max: 0s}":                      "spec.backoff.max: must be above 0",
		"  backoff: {factor: 0}":                    "spec.backoff.factor: must be above 0",
		"  timeout: null":                           "",
		"  backoff: {}":                             "",
		"  backoff: {first: null}":                  "",
		"  backoff: {first: 1s, max: 2s}":           "",
		"  timeout: 1s":                             "",
		"  restart: {policy: always, interval: 0s}": "",
	} {
		_, err := Decode([]byte(head + text + "\n"))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 7")):
			t.Errorf("%s: got %v, want line 7 and %q", text, err, want)
		}
	}
}
