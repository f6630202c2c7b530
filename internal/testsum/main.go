// Testsum reads the output of "go test -json" on standard input and prints what a person wants of
// it: one line a package, the full output of what failed, and as the last line the number of tests
// that passed and failed. It exits with 1 if anything failed, a build included, and if there was no
// test at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	failed, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// An event is one line of test2json, or of the build before it.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64
	Output     string
}

// A summary counts tests, subtests not, and keeps the output of those that have not passed.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	broken                  bool // a package failed, for whatever reason
	kept                    map[string]*strings.Builder
}

// summarize copies what matters from in to out and reports whether anything failed.
func summarize(in io.Reader, out io.Writer) (failed bool, err error) {
	s := &summary{out: out, kept: map[string]*strings.Builder{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // go itself said something
			continue
		}
		s.take(e)
	}
	if s.skipped > 0 {
		fmt.Fprintf(out, "%d skipped\n", s.skipped)
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", s.passed, s.failed)
	return s.broken || s.failed > 0 || s.passed == 0, lines.Err()
}

func (s *summary) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "build-fail":
		s.broken = true
	case "output":
		s.keep(key, e.Output)
	case "pass", "fail", "skip":
		s.end(key, e)
		delete(s.kept, key)
	}
}

func (s *summary) keep(key, output string) {
	b := s.kept[key]
	if b == nil {
		b = new(strings.Builder)
		s.kept[key] = b
	}
	b.WriteString(output)
}

func (s *summary) end(key string, e event) {
	if e.Test == "" {
		s.endPackage(key, e)
		return
	}
	if e.Action == "fail" {
		if b := s.kept[key]; b != nil {
			fmt.Fprint(s.out, b)
		}
	}
	if strings.Contains(e.Test, "/") {
		return
	}
	switch e.Action {
	case "pass":
		s.passed++
	case "fail":
		s.failed++
	case "skip":
		s.skipped++
	}
}

func (s *summary) endPackage(key string, e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(s.out, "ok    %-60s %6.2fs\n", e.Package, e.Elapsed)
	case "fail":
		s.broken = true
		if b := s.kept[key]; b != nil {
			fmt.Fprint(s.out, b) // a panic or a timeout is the package's output
		}
		s.unfinished(e.Package)
	}
}

// unfinished tells what the tests said that were running when their package died.
func (s *summary) unfinished(pkg string) {
	for key, b := range s.kept {
		test, ok := strings.CutPrefix(key, pkg+" ")
		if !ok || test == "" {
			continue
		}
		if !strings.Contains(test, "/") {
			s.failed++
		}
		fmt.Fprint(s.out, b)
		delete(s.kept, key)
	}
}
