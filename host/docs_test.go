package host_test

import (
	"os"
	"strings"
	"testing"
)

// What people copy from the page must be what the examples compile and run.
func TestThePageOnEmbeddingShowsTheExamples(t *testing.T) {
	page, err := os.ReadFile("../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the page has no code")
	}
	for _, b := range blocks {
		code, _, closed := strings.Cut(b, "```\n")
		if !closed || !strings.Contains(string(examples), code) {
			t.Errorf("no example has this code:\n%s", code)
		}
	}
}
