package content

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHostileArchivesAreRefused(t *testing.T) {
	a := newArtifact()
	a.index(a.module(wasm, "wasip1"))
	reg := func(name string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(a[filepath.Clean(name)])), Mode: 0o644}
	}
	many := make([]tar.Header, maxEntries+1)
	for i := range many {
		many[i] = tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}
	}
	s, dir := newStore(t, Options{})
	for want, entries := range map[string][]tar.Header{
		"is there twice":      {reg("index.json"), reg("./index.json")},
		"lies outside":        {reg("../index.json")},
		"entry \"/a\" lies":   {{Name: "/a", Typeflag: tar.TypeReg}},
		"neither a file nor":  {{Name: "index.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
		"\"hard\" is neither": {reg("oci-layout"), {Name: "hard", Typeflag: tar.TypeLink, Linkname: "oci-layout"}},
		"\"dev\" is neither":  {{Name: "dev", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5}},
		"more than":           many,
		"oci-layout is miss":  {reg("index.json")},
	} {
		if d, err := s.FromLayout(t.Context(), writeTar(t, a, entries, false), ""); !isLayoutError(err, want) {
			t.Errorf("%v, %v; want %q", d, err, want)
		}
	}
	whole, err := os.ReadFile(a.archive(t, false))
	if err != nil {
		t.Fatal(err)
	}
	packed := squeeze(t, whole)
	for want, data := range map[string][]byte{
		"is cut off":          cutInContent(whole),
		"neither a directory": []byte(strings.Repeat("not an archive ", 100)),
		"cannot be decomp":    packed[:len(packed)-9],
		"decompressed: gzip":  append([]byte{0x1f, 0x8b}, make([]byte, 100)...),
		"oci-layout is":       nil,
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.tar"), data)
		if d, err := s.FromLayout(t.Context(), path, ""); !isLayoutError(err, want) {
			t.Errorf("%v, %v; want %q", d, err, want)
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// cutInContent cuts an archive within the content of its first file.
func cutInContent(whole []byte) []byte { return whole[:512+3] }

func TestADecompressionBombIsRefused(t *testing.T) {
	s, dir := newStore(t, Options{Module: 1 << 20})
	s.module = 1 - unpackedSpare + 1<<20 // so that a small bomb will do
	bomb := write(t, filepath.Join(t.TempDir(), "bomb.tar.gz"), squeeze(t, make([]byte, 16<<20)))
	if _, err := s.FromLayout(t.Context(), bomb, ""); !errors.As(err, new(*SizeError)) {
		t.Errorf("error %v", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("PK"))
	f.Add(append([]byte{0x1f, 0x8b, 8}, make([]byte, 20)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, dir := newStore(t, Options{Module: 1 << 16})
		path := write(t, filepath.Join(t.TempDir(), "a.tar"), data)
		d, err := s.FromLayout(t.Context(), path, "")
		if left := files(t, dir); err != nil && len(left) != 0 || err == nil && Of(read(t, s, d)) != d {
			t.Errorf("%v, %v, left %q", d, err, left)
		}
	})
}
