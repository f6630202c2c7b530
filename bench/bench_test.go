package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The numbers of a short run mean nothing. It proves that every measurement still runs, and that no
// follower is left with less than it was told.
func TestShortRunMeasuresEverything(t *testing.T) {
	for _, built := range []string{"../bin/solti-host", "../bin/embed/wasm-worker"} {
		if _, err := os.Stat(built); err != nil {
			t.Skipf("no %s: run make build first", built)
		}
	}
	file := filepath.Join(t.TempDir(), "bench.json")
	var out, errs bytes.Buffer
	if code := run([]string{"-bin", "../bin", "-short", "-json", file}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, &errs, &out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, tab := range got.Tables {
		rows[tab.Measurement] += len(tab.Rows)
	}
	for _, m := range measurements() {
		if rows[m.name] == 0 {
			t.Errorf("%s: no rows in %s", m.name, b)
		}
	}
	if got.Machine.CPUs == 0 || got.Machine.Go == "" {
		t.Errorf("machine: %+v", got.Machine)
	}
}

func TestUnknownMeasurementIsMisuse(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"troughput"}, &out, &errs); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	if want := `no measurement "troughput"`; !strings.Contains(errs.String(), want) {
		t.Errorf("got %q, want it to say %s", &errs, want)
	}
}

func TestCheckerFindsWhatIsMissing(t *testing.T) {
	whole := []byte(strings.Repeat(pattern, 3000)) // more than one wall
	c := newChecker()
	if n := c.take(whole); n != len(whole) {
		t.Errorf("took %d bytes of a whole pattern of %d", n, len(whole))
	}
	for _, at := range []int{0, 1, 62, 63, 64, 65520, 66150} {
		c := newChecker()
		if n := c.take(append(append([]byte(nil), whole[:at]...), whole[at+5:]...)); n != at {
			t.Errorf("5 bytes missing at %d: took %d", at, n)
		}
		c.skip(5)
		if n := c.take(whole[at+5:]); n != len(whole)-at-5 {
			t.Errorf("after a gap at %d: took %d of %d", at, n, len(whole)-at-5)
		}
	}
	if err := newChecker().jump('\r'); err == nil {
		t.Error("jump to a byte that is not in the pattern: no error")
	}
}

func TestAreaIsTheInnermostThatIsKnown(t *testing.T) {
	for _, tt := range []struct{ want, frames string }{
		{"go: allocation", "ff memclr\n 1 runtime.mallocgc\n 2 encoding/json.Marshal\n"},
		{"encoding/json", "1 runtime.memmove\n 2 encoding/json.Marshal\n 3 net/http.(*conn).serve\n"},
		{"host/internal/store/bolt", "1 github.com/soltihq/solti-host/host/internal/store/bolt.(*Store).Apply\n"},
		{"kernel and others", "1 do_syscall_64\n"},
	} {
		if got := area(tt.frames); got != tt.want {
			t.Errorf("area of %q is %q, want %q", tt.frames, got, tt.want)
		}
	}
}
