package cache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestWhatIsPutComesBack(t *testing.T) {
	c, dir := newCache(t, Options{})
	k := keyOf("a")
	if _, err := c.Get(k); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 3*chunk/16+1)
	for _, data := range [][]byte{native, {}, {7}, large} {
		put(t, c, k, data)
		for _, from := range []*Cache{c, openCache(t, dir, Options{})} {
			e, err := from.Get(k)
			if err != nil {
				t.Fatal(err)
			}
			check(t, e, data)
		}
	}
	if st := c.Stats(); st.Hits != 4 || st.Misses != 1 || st.Live != 1 || st.MemoryBytes != weight(large) || st.Files != 1 || st.DiskBytes < int64(len(large)) {
		t.Errorf("%+v", st)
	}
}

func TestEntriesAreSharedAndReleased(t *testing.T) {
	c, dir := newCache(t, Options{Hot: -1})
	put(t, c, keyOf("a"), native)
	if st := c.Stats(); st.Live != 0 {
		t.Errorf("nobody uses it and nothing is kept: %+v", st)
	}
	one, err := c.Get(keyOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Get(keyOf("a"))
	if err != nil || one.File() != two.File() {
		t.Fatalf("not shared: %v", err)
	}
	check(t, one, native)
	if err := os.Remove(fileOf(dir, keyOf("a"))); err != nil {
		t.Fatal(err)
	}
	three, err := c.Get(keyOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, two, native)
	check(t, three, native)
	if st := c.Stats(); st.Live != 0 || st.MemoryBytes != 0 {
		t.Errorf("%+v", st)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c, _ := newCache(t, Options{Hot: 2 * weight(native)})
	keys := []Key{keyOf("a"), keyOf("b"), keyOf("c")}
	for _, k := range keys {
		put(t, c, k, native)
	}
	if st := c.Stats(); st.Live != 2 {
		t.Errorf("%+v", st)
	}
	if has(c, keys[0]) || !has(c, keys[1]) {
		t.Error("not the coldest was let go of")
	}
	e, err := c.Get(keys[1])
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, keys[0], native)
	if has(c, keys[2]) || !has(c, keys[1]) {
		t.Error("a use does not make it hot")
	}
	check(t, e, native)
}

// has reports whether the code is in memory.
func has(c *Cache, k Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live[k] != nil
}

func TestTheDiskIsBounded(t *testing.T) {
	c, dir := newCache(t, Options{Bytes: 10 * 16384})
	data := bytes.Repeat([]byte("x"), 12000)
	for i := range 30 {
		put(t, c, keyOf(fmt.Sprint(i)), data)
	}
	st := c.Stats()
	if st.DiskBytes > 10*16384 || st.Evicted < 20 || st.EvictedBytes < st.Evicted*12000 {
		t.Errorf("%+v", st)
	}
	again := openCache(t, dir, Options{})
	e, err := again.Get(keyOf("29"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, e, data)
	if _, err := again.Get(keyOf("0")); !errors.Is(err, ErrMiss) {
		t.Errorf("the oldest: %v", err)
	}
}

func TestADiskThatFailsCostsNothingNow(t *testing.T) {
	c, dir := newCache(t, Options{Bytes: 100})
	put(t, c, keyOf("a"), native)
	e, err := c.Get(keyOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, e, native)
	if st := c.Stats(); st.WriteErrors != 1 {
		t.Errorf("%+v", st)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestPutRefuses(t *testing.T) {
	c, _ := newCache(t, Options{Entry: 100})
	none, small, large := NamedFile{}, memory(t, []byte("x")), memory(t, make([]byte, 101))
	for _, shell := range []NamedFile{none, {shellName, small}} {
		if _, err := c.Put(keyOf("a"), NamedFile{entryName, large}, shell); err == nil || !strings.Contains(err.Error(), "more than 100") {
			t.Errorf("too large: %v", err)
		}
	}
	for _, shell := range []*os.File{large, memory(t, nil)} {
		if _, err := c.Put(keyOf("a"), NamedFile{entryName, small}, NamedFile{shellName, shell}); err == nil {
			t.Error("a shell that is too large or empty: no error")
		}
	}
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../x", "a/..", "a//b", "a/", "a b", "a\x00", "é", strings.Repeat("x", 600)} {
		if _, err := c.Put(keyOf("a"), NamedFile{name, small}, none); err == nil {
			t.Errorf("name %q: no error", name)
		}
		if _, err := c.Put(keyOf("a"), NamedFile{entryName, small}, NamedFile{name, small}); err == nil {
			t.Errorf("name %q of the shell: no error", name)
		}
	}
	if _, err := c.Get(keyOf("a")); !errors.Is(err, ErrMiss) {
		t.Errorf("%v", err)
	}
}

// Code without a shell is kept as well, and none comes back with it.
func TestCodeWithoutAShell(t *testing.T) {
	c, dir := newCache(t, Options{})
	put(t, c, keyOf("a"), native)
	for range 2 { // in place of what was there
		e, err := c.Put(keyOf("a"), NamedFile{entryName, memory(t, other)}, NamedFile{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
	}
	for _, from := range []*Cache{c, openCache(t, dir, Options{})} {
		e, err := from.Get(keyOf("a"))
		if err != nil {
			t.Fatal(err)
		}
		holds(t, NamedFile{e.Name(), e.File()}, NamedFile{entryName, nil}, other)
		if e.Shell() != (NamedFile{}) || from.Stats().MemoryBytes != int64(len(other)) {
			t.Errorf("shell %+v, %+v", e.Shell(), from.Stats())
		}
		_ = e.Close()
	}
}

func TestManyAtOnce(t *testing.T) {
	_, dir := newCache(t, Options{})
	seed := openCache(t, dir, Options{})
	for i := range 4 {
		put(t, seed, keyOf(fmt.Sprint(i)), append([]byte{byte(i)}, native...))
	}
	c := openCache(t, dir, Options{Hot: weight(native) + 1})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 20 {
				i := (g + n) % 4
				if n == 10 && g < 4 {
					put(t, c, keyOf(fmt.Sprint(i)), append([]byte{byte(i)}, native...))
				}
				e, err := c.Get(keyOf(fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
					return
				}
				check(t, e, append([]byte{byte(i)}, native...))
			}
		})
	}
	wg.Wait()
	if st := c.Stats(); st.Live > 1 || st.Corrupt != 0 || st.Hits != 160 {
		t.Errorf("%+v", st)
	}
}

func TestNotes(t *testing.T) {
	c, dir := newCache(t, Options{})
	k := keyOf("a")
	if _, err := c.Note(k); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	for _, text := range []string{"first", "", "second"} {
		if err := c.PutNote(k, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Note(k); err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
	}
	put(t, c, k, native) // has nothing to do with the note
	if got, err := c.Note(k); err != nil || string(got) != "second" {
		t.Errorf("%q, %v", got, err)
	}
	if err := c.PutNote(k, make([]byte, maxNote+1)); err == nil {
		t.Error("a note of any size is taken")
	}
	rewrite(t, filepath.Join(dir, note.file(k)), func(d []byte) []byte { return bytes.Replace(d, []byte("second"), []byte("SECOND"), 1) })
	if _, err := c.Note(k); !errors.Is(err, ErrMiss) || c.Stats().Corrupt != 1 {
		t.Errorf("tampered: %v, %+v", err, c.Stats())
	}
}

// FuzzFile feeds Get with any bytes: it finds no code in them.
func FuzzFile(f *testing.F) {
	for _, shell := range []int64{0, 3, 1 << 62, -1} {
		h, err := header{Kind: code, Key: keyOf("a").String(), Name: entryName, Size: 4, ShellName: shellName, Shell: shell}.prefix()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(h, make([]byte, 36+max(0, min(shell, 9)))...))
		f.Add(h)
	}
	f.Add([]byte(magic))
	f.Add([]byte(former + "\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, dir := newCache(t, Options{})
		if err := os.WriteFile(fileOf(dir, keyOf("a")), data, 0o400); err != nil {
			t.Fatal(err)
		}
		corrupt := int64(1)
		if len(data) >= prefixLen && bytes.HasPrefix(data, []byte(former)) {
			corrupt = 0
		}
		if _, err := c.Get(keyOf("a")); !errors.Is(err, ErrMiss) || c.Stats().Corrupt != corrupt {
			t.Errorf("%v, %+v", err, c.Stats())
		}
	})
}

func BenchmarkGetFromDisk(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "c")
	c, err := Open(dir, secret, Options{Hot: -1})
	if err != nil {
		b.Fatal(err)
	}
	e, err := c.Put(keyOf("a"), NamedFile{entryName, memory(b, make([]byte, 64<<20))}, NamedFile{})
	if err != nil {
		b.Fatal(err)
	}
	_ = e.Close()
	b.SetBytes(64 << 20)
	for b.Loop() {
		e, err := c.Get(keyOf("a"))
		if err != nil {
			b.Fatal(err)
		}
		_ = e.Close()
	}
}
