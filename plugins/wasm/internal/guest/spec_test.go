package guest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Before another version of the engine is used, the specification's suites are run with it: make wasm-spec does
// that and records it.
func TestSuitesWereRunWithThisVersion(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`github\.com/tetratelabs/wazero (v\S+)`).FindSubmatch(mod)
	if version == nil {
		t.Fatal("go.mod does not name the engine")
	}
	record, err := os.ReadFile(filepath.Join("spec", "suites.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(record)), "\n")
	if want := "wazero " + string(version[1]); lines[0] != want {
		t.Errorf("the suites were last run with %s, and go.mod has %s: run make wasm-spec", lines[0], want)
	}
	for _, suite := range []string{"ok v1", "ok v2", "ok extended-const", "ok tail-call"} {
		if !strings.Contains(string(record)+"\n", suite+"\n") {
			t.Errorf("no %q in the record of the suites:\n%s", suite, record)
		}
	}
}
