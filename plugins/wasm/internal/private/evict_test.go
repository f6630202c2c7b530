package private

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fill makes files f0, f1, ... of a block each, f0 used longest ago.
func fill(t *testing.T, d *Dir, n int) {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("f%d", i)
		put(t, d, name, strings.Repeat("x", 4096))
		when := time.Now().Add(time.Duration(i-n) * time.Minute)
		if err := os.Chtimes(filepath.Join(d.Path(), name), when, when); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEvictRemovesWhatWasUsedLeastRecently(t *testing.T) {
	d := newDir(t)
	fill(t, d, 8)
	if err := d.Touch("f0"); err != nil {
		t.Fatal(err)
	}
	e, err := d.Evict(Budget{Files: 4})
	if err != nil || e.Removed != 4 || e.Files != 4 || e.Evicted < 4*4096 || e.Kept < 4*4096 {
		t.Errorf("evicted %+v, %v", e, err)
	}
	if names := ls(t, d.Path()); !slices.Equal(names, []string{"f0", "f5", "f6", "f7"}) {
		t.Errorf("left %q", names)
	}
}

func TestEvictMakesRoomInAdvance(t *testing.T) {
	d := newDir(t)
	fill(t, d, 17)
	items, err := d.List()
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Evict(Budget{Bytes: 16 * items[0].Disk})
	if err != nil || e.Files != 14 {
		t.Errorf("evicted %+v, %v; want 14 files left", e, err)
	}
	if e, err := d.Evict(Budget{Bytes: 16 * items[0].Disk}); err != nil || e.Removed != 0 {
		t.Errorf("evicted %+v, %v within the budget", e, err)
	}
	if e, err := d.Evict(Budget{}); err != nil || e.Removed != 0 {
		t.Errorf("evicted %+v, %v without a budget", e, err)
	}
}

func TestEvictKeepsWhatIsInUse(t *testing.T) {
	d := newDir(t)
	fill(t, d, 4)
	used, err := d.Open("f1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(d.Path()) // as another process would
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := other.Evict(Budget{Bytes: 1}, "f3"); err != nil {
		t.Fatal(err)
	}
	if names := ls(t, d.Path()); !slices.Equal(names, []string{"f1", "f3"}) {
		t.Errorf("left %q", names)
	}
	_ = used.Close()
	if _, err := other.Evict(Budget{Bytes: 1}); err != nil {
		t.Fatal(err)
	}
	if names := ls(t, d.Path()); len(names) != 0 {
		t.Errorf("left %q after it was closed", names)
	}
}
