package spawn

import (
	"os"
	"strings"
	"testing"
)

// TestChildrenAreOfTheBinaryThatIsGiven gives a child as many files as it can have: none of them may take the
// place of the binary before it is started.
func TestChildrenAreOfTheBinaryThatIsGiven(t *testing.T) {
	binary, err := os.Open(Self)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewOf(binary, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := binary.Close(); err != nil {
		t.Fatal(err)
	}
	files := make([]*os.File, firstHigh-FirstFile)
	for i := range files {
		files[i] = os.Stderr
	}
	if e := end(t, start(t, s, &Command{Args: []string{"exit", "7"}, Files: files})); e.Code != 7 {
		t.Errorf("%s: %s", e, e.Stderr)
	}
	if s.Path() == Self {
		t.Errorf("path %s is our own", s.Path())
	}
	_, err = s.Start(&Command{Args: []string{"exit", "0"}, Files: append(files, os.Stderr)})
	if err == nil || !strings.Contains(err.Error(), "98 files are too many") {
		t.Errorf("one file too many: %v", err)
	}
}
