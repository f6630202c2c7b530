package orphan

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	const tail = " S 1 7 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 1"
	for _, name := range []string{"(sh)", "(a b)", "((a) S 1 2 3)", "(()", "())", "(\n)"} {
		got, err := parseStat([]byte("42 " + name + tail))
		if want := (stat{state: 'S', group: 7, session: 9, start: 4711}); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func TestReadStatOfThisProcess(t *testing.T) {
	got, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	session, err := unix.Getsid(0)
	if err != nil || got.session != session || got.group != unix.Getpgrp() {
		t.Errorf("got %+v, want session %d and group %d, %v", got, session, unix.Getpgrp(), err)
	}
}

func TestRunIDOfAProcess(t *testing.T) {
	if got, settled := runIDOf(os.Getpid(), "NO_SUCH_VARIABLE"); got != "" || !settled {
		t.Errorf("got %q, %v", got, settled)
	}
	if got, settled := runIDOf(1<<30, "ANY"); got != "" || !settled {
		t.Errorf("no such process: got %q, %v", got, settled)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (sh) S 1 7 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 1"))
	f.Add([]byte(")"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parseStat(data) })
}
