package fence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The place of a host that is dead goes when the next host opens its own, unless something lives in it;
// that of a host that is alive stays, although it is empty.
func TestCgroupsOfDeadHostsAreSwept(t *testing.T) {
	open := func(name string) *Cgroups {
		t.Helper()
		c, err := OpenCgroups(fmt.Sprintf("%s%d", name, os.Getpid()))
		if err != nil {
			t.Skipf("no cgroups here: %v", err)
		}
		return c
	}
	dead, alive, busy := open("dead"), open("alive"), open("busy")
	if _, err := dead.Make("p-1"); err != nil {
		t.Fatal(err)
	}
	g, err := busy.Make("p-1")
	if err != nil {
		t.Fatal(err)
	}
	pids := inGroup(t, g)
	if err := errors.Join(dead.claim.Close(), busy.claim.Close()); err != nil { // as their deaths would
		t.Fatal(err)
	}
	next := open("next")
	if err := next.Kill(bounded(t)); err != nil { // makes it anew, and claims it again
		t.Fatal(err)
	}
	last := open("last")
	for c, stays := range map[*Cgroups]bool{dead: false, alive: true, busy: true, next: true, last: true} {
		if _, err := os.Stat(c.root); errors.Is(err, fs.ErrNotExist) == stays {
			t.Errorf("%s stays: %t, want %t", filepath.Base(c.root), !stays, stays)
		}
	}
	if err := killGroup(bounded(t), busy.root); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
	if err := errors.Join(alive.Close(), next.Close(), last.Close()); err != nil {
		t.Error(err)
	}
}
