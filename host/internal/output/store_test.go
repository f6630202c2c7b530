package output

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

func TestRunWithoutOutputLeavesNoFile(t *testing.T) {
	s, dir := setup(t, Options{})
	k := newKey()
	sum := create(t, s, k).Close()
	if sum.Stdout != 0 || sum.Stderr != 0 || sum.Dropped != 0 || len(sum.Ref) == 0 {
		t.Errorf("summary %+v", sum)
	}
	if n := countFiles(t, dir); n != 0 {
		t.Errorf("%d files, want none", n)
	}
	if x := read(t, s, k, sum.Ref, mark{}, 0); len(x.chunks) != 0 {
		t.Errorf("got %d chunks", len(x.chunks))
	}
}

func TestSmallOutputIsReadBackByItsReference(t *testing.T) {
	s, dir := setup(t, Options{})
	var refs [20]Summary
	var keys [20]Key
	for i := range refs {
		keys[i] = newKey()
		w := create(t, s, keys[i])
		say(w, task.Stdout, "one\n")
		say(w, task.Stderr, "oops\n")
		say(w, task.Stdout, strings.Repeat("x", i))
		refs[i] = w.Close()
		if len(refs[i].Ref) > 200 {
			t.Errorf("reference of %d bytes", len(refs[i].Ref))
		}
	}
	if n := countFiles(t, dir); n != 1 {
		t.Errorf("%d files, want one", n)
	}
	s.Close()
	s = reopen(t, dir, Options{})
	for i := range refs {
		x := read(t, s, keys[i], refs[i].Ref, mark{}, 0)
		if got, want := string(x.stream[0]), "one\n"+strings.Repeat("x", i); got != want {
			t.Errorf("stdout %q, want %q", got, want)
		}
		if got := string(x.stream[1]); got != "oops\n" {
			t.Errorf("stderr %q", got)
		}
	}
}

func TestReferenceStaysSmall(t *testing.T) {
	s, _ := setup(t, Options{sharedSegment: 64 << 10})
	w, filler := create(t, s, newKey()), 0
	for range maxSmall {
		say(w, task.Stdout, strings.Repeat("y", 4000))
		for range 20 { // moves the shared segments on
			filler++
			f := create(t, s, newKey())
			say(f, task.Stdout, strings.Repeat("z", 8000))
			f.Close()
		}
	}
	sum := w.Close()
	if w.r.kept.place != inShared {
		t.Fatal("the run was promoted")
	}
	if len(sum.Ref) > 200 {
		t.Errorf("reference of %d bytes, want at most 200", len(sum.Ref))
	}
	rf, err := parseRef(sum.Ref)
	if err != nil || len(rf.pos) != maxSmall {
		t.Errorf("reference holds %d positions, %v", len(rf.pos), err)
	}
}

func TestOrderBetweenStreamsIsKept(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := reopen(t, dir, Options{})
		k := newKey()
		w := create(t, s, k)
		var want strings.Builder
		for i := range 40 {
			stream := task.Stream(1 + i%2)
			say(w, stream, "abc")
			want.WriteString(stream.String() + " ")
		}
		live := read(t, s, k, nil, mark{}, 0)
		sum := w.Close()
		for _, x := range []*transcript{live, read(t, s, k, sum.Ref, mark{}, 0)} {
			var got strings.Builder
			for _, c := range x.chunks {
				got.WriteString(c.Stream.String() + " ")
			}
			if got.String() != want.String() {
				t.Errorf("dir %q: order\n%s, want\n%s", dir, &got, &want)
			}
		}
	}
}

func TestRotationKeepsTheNewest(t *testing.T) {
	s, dir := setup(t, Options{RunCap: 64 << 10, segment: 8 << 10, Small: 1 << 10})
	k := newKey()
	w := create(t, s, k)
	line := strings.Repeat("0123456789abcdef", 64) // 1 KiB
	for range 1024 {
		say(w, task.Stdout, line)
	}
	sum := w.Close()
	if sum.Stdout != 1<<20 {
		t.Errorf("produced %d", sum.Stdout)
	}
	x := read(t, s, k, sum.Ref, mark{}, 0)
	if x.gaps != sum.Dropped || x.whys[whyRotated] != sum.Dropped || sum.Dropped == 0 {
		t.Errorf("gaps of %d %v, dropped %d", x.gaps, x.whys, sum.Dropped)
	}
	if x.chunks[0].Gap == 0 || len(x.chunks) < 2 {
		t.Errorf("the gap does not come first")
	}
	if kept := sum.Stdout - sum.Dropped; kept < 40<<10 || kept > 64<<10 {
		t.Errorf("kept %d bytes of data under a cap of 64 KiB", kept)
	}
	if n := sizeFiles(t, dir); n != s.spool.Load() || n > 64<<10+2<<10 {
		t.Errorf("%d bytes on disk, counted %d", n, s.spool.Load())
	}
}

func TestFilesArePrivateWhateverTheUmask(t *testing.T) {
	defer setUmask(setUmask(0o277))
	dir := filepath.Join(t.TempDir(), "spool")
	setUmask(0o077)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	setUmask(0o277)
	s := reopen(t, dir, Options{Small: 10})
	k := newKey()
	w := create(t, s, k)
	say(w, task.Stdout, "small")
	say(w, task.Stdout, strings.Repeat("large", 10))
	w.Close()
	seen := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", d.Name(), got, want)
		}
		seen++
		return err
	})
	if err != nil || seen < 6 {
		t.Errorf("saw %d files and directories, %v", seen, err)
	}
}

func TestNoPathLeadsOut(t *testing.T) {
	s, dir := setup(t, Options{Small: 1})
	outside := t.TempDir()
	k := newKey()
	if err := os.Symlink(outside, filepath.Join(dir, k.UID.String())); err != nil {
		t.Fatal(err)
	}
	w := create(t, s, k)
	say(w, task.Stdout, "large enough")
	if sum := w.Close(); sum.Dropped != sum.Stdout {
		t.Errorf("kept output behind a link: %+v", sum)
	}
	if n := countFiles(t, outside); n != 0 {
		t.Errorf("%d files outside", n)
	}
	if err := s.Remove(k.UID); err == nil {
		if _, err := os.Stat(outside); err != nil {
			t.Error(err)
		}
	}
}

func TestKeyIsUsedOnce(t *testing.T) {
	s, _ := setup(t, Options{})
	k := newKey()
	w := create(t, s, k)
	if _, err := s.Create(k, "again"); !errors.Is(err, task.ErrExists) {
		t.Errorf("second Create: %v", err)
	}
	w.Close()
	if _, err := s.Create(k, "again"); !errors.Is(err, task.ErrExists) {
		t.Errorf("Create after Close: %v", err)
	}
	if _, err := s.Create(Key{}, "none"); err == nil {
		t.Error("Create took the zero key")
	}
	s.Close()
	if _, err := s.Create(newKey(), "late"); !errors.Is(err, task.ErrClosed) {
		t.Errorf("Create after the store's Close: %v", err)
	}
}

func TestWriteRepairsOffsets(t *testing.T) {
	s, _ := setup(t, Options{})
	k := newKey()
	w := create(t, s, k)
	now := time.Now()
	w.Write(task.Stdout, 0, []byte("hello"), now)
	w.Write(task.Stdout, 0, []byte("hello"), now)    // again
	w.Write(task.Stdout, 3, []byte("lo you"), now)   // overlaps
	w.Write(task.Stdout, 12, []byte("there"), now)   // leaves three out
	w.Gap(task.Stdout, 10, 5, "late", now)           // is known
	w.Gap(task.Stdout, 15, 5, "plugin lost it", now) // two are known
	w.Write(task.Stdout, -1, []byte("bad"), now)
	w.Write(task.Stdout, 1<<62, []byte("bad"), now)
	w.Write(7, 0, []byte("bad"), now)
	w.Write(task.Stdout, 20, []byte("!"), now)
	sum := w.Close()
	x := read(t, s, k, sum.Ref, mark{}, 0)
	if got, want := string(x.stream[0]), "hello you???there???!"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if sum.Stdout != 21 || sum.Dropped != 6 || x.whys["plugin lost it"] != 3 || x.whys[whyMissing] != 3 {
		t.Errorf("summary %+v, gaps %v", sum, x.whys)
	}
}

func TestFollowerOfAnAnnouncedRun(t *testing.T) {
	s, _ := setup(t, Options{})
	k := newKey()
	rd := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
	got := make(chan *transcript)
	go func() { got <- drain(t, rd, mark{}) }()
	w := create(t, s, k)
	say(w, task.Stdout, "here")
	w.Close()
	if x := <-got; string(x.stream[0]) != "here" {
		t.Errorf("got %q", x.stream[0])
	}
	never := s.Follow(newKey(), nil, task.Cursor{}, Filter{Follow: true})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("gone")
	cancel(why)
	if _, err := never.Next(ctx); !errors.Is(err, why) {
		t.Errorf("got %v, want the cause", err)
	}
	never.Close()
	never.Close()
	if n := len(s.runs); n != 1 {
		t.Errorf("%d runs left, want the ended one", n)
	}
}

func TestStoreCloseWakesFollowers(t *testing.T) {
	s, _ := setup(t, Options{})
	w := create(t, s, newKey())
	rd := s.Follow(w.r.key, nil, task.Cursor{}, Filter{Follow: true})
	defer rd.Close()
	done := make(chan error)
	go func() {
		_, err := rd.Next(context.Background())
		done <- err
	}()
	s.Close()
	if err := <-done; !errors.Is(err, task.ErrClosed) {
		t.Errorf("got %v", err)
	}
	say(w, task.Stdout, "too late")
	if sum := w.Close(); sum.Dropped != 8 {
		t.Errorf("summary %+v", sum)
	}
}

func TestDamagedReference(t *testing.T) {
	s, _ := setup(t, Options{})
	for _, b := range [][]byte{{0}, {0xff, 1}, {refVersion | 2, 1}, {refVersion | 2, 1, 1, 200}, {refVersion | 9, 0, 0}} {
		rd := s.Follow(newKey(), b, task.Cursor{}, Filter{})
		if _, err := rd.Next(t.Context()); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("reference %v: %v", b, err)
		}
		rd.Close()
	}
}

func countFiles(t testing.TB, dir string) (n int) {
	t.Helper()
	walk(t, dir, func(fs.FileInfo) { n++ })
	return n
}

func sizeFiles(t testing.TB, dir string) (n int64) {
	t.Helper()
	walk(t, dir, func(info fs.FileInfo) { n += info.Size() })
	return n
}

func walk(t testing.TB, dir string, file func(fs.FileInfo)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			file(info)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEndedRunsLeaveMemory(t *testing.T) {
	s, _ := setup(t, Options{})
	k := newKey()
	var first Summary
	for i := range maxRecent + 100 {
		k.Attempt = i + 1
		w := create(t, s, k)
		if i == 0 {
			say(w, task.Stdout, "first")
		}
		sum := w.Close()
		if i == 0 {
			first = sum
		}
	}
	if n := len(s.runs); n != maxRecent {
		t.Errorf("%d runs in memory, want %d", n, maxRecent)
	}
	k.Attempt = 1
	if x := read(t, s, k, first.Ref, mark{}, 0); string(x.stream[0]) != "first" {
		t.Errorf("got %q", x.stream[0])
	}
	rd := s.Follow(k, first.Ref, task.Cursor{Stdout: 2}, Filter{Follow: true})
	if x := drain(t, rd, mark{2, 0}); string(x.stream[0]) != "rst" {
		t.Errorf("got %q", x.stream[0])
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil || !strings.Contains(err.Error(), "output directory") {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shared"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("opened a directory whose shared segments are a file")
	}
}
