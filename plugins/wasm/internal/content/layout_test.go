package content

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var wasm = []byte("\x00asm\x01\x00\x00\x00 a module")

func TestALayoutOfEitherFormIsTaken(t *testing.T) {
	a := newArtifact()
	a.index(a.module(wasm, "wasip1"))
	for name, path := range map[string]string{
		"directory": a.directory(t), "archive": a.archive(t, false), "compressed archive": a.archive(t, true),
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t, Options{})
			for range 2 { // the second time from the store
				d, err := s.FromLayout(t.Context(), path, "")
				if err != nil || d != Of(wasm) {
					t.Fatalf("%v, %v", d, err)
				}
			}
			if got := read(t, s, Of(wasm)); !bytes.Equal(got, wasm) {
				t.Errorf("got %q", got)
			}
			if left := files(t, dir); len(left) != 1 {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestAReferencePicksAnArtifact(t *testing.T) {
	a := newArtifact()
	other := []byte("\x00asm other")
	third := []byte("\x00asm third")
	one, two := a.module(wasm, "wasip1"), a.module(other, "wasip1")
	inner := a.module(third, "wasip1")
	foreign := with(a.module([]byte("p2"), "wasip2"), "platform", m{"os": "wasip2", "architecture": "wasm"})
	nested := a.json(typeIndex, m{"schemaVersion": 2, "mediaType": typeIndex, "manifests": []m{
		with(inner, "platform", m{"os": "wasip1", "architecture": "wasm"}), foreign,
		with(a.module([]byte("attestation"), "unknown"), "annotations", m{"vnd.docker.reference.type": "attestation-manifest"}),
	}})
	a.index(named(one, "registry.example:5000/team/one:v1"), named(one, "latest"), named(two, "registry.example/two:v2"), named(nested, "nested"))
	path := a.directory(t)
	s, _ := newStore(t, Options{})
	for reference, want := range map[string][]byte{
		"registry.example:5000/team/one:v1": wasm, "v1": wasm, "latest": wasm, "v2": other, "nested": third,
		one["digest"].(string): wasm, "v2@" + two["digest"].(string): other, inner["digest"].(string): third,
		nested["digest"].(string): third,
	} {
		if d, err := s.FromLayout(t.Context(), path, reference); err != nil || d != Of(want) {
			t.Errorf("%s: %v, %v", reference, d, err)
		}
	}
	for reference, want := range map[string]string{
		"":                                   "holds 3 artifacts; name one: registry.example:5000/team/one:v1",
		"v3":                                 `nothing in it is called "v3"; it has registry.example:5000/team/one:v1, latest`,
		"5000/team/one:v1":                   "nothing in it",
		"v1@" + two["digest"].(string):       "nothing in it",
		"v1@sha256:1":                        "64 hexadecimal digits",
		string(Of([]byte("not there"))):      "no manifest",
		"sha512:" + strings.Repeat("0", 128): "nothing in it",
	} {
		if d, err := s.FromLayout(t.Context(), path, reference); !isLayoutError(err, want) {
			t.Errorf("%q: %v, %v; want %q", reference, d, err, want)
		}
	}
}

func isLayoutError(err error, want string) bool {
	return errors.As(err, new(*LayoutError)) && strings.Contains(err.Error(), want)
}

// badLayouts are layouts by name, and what the error says of each.
type badLayouts map[string]badLayout

type badLayout struct {
	layout artifact
	want   string
}

func (all badLayouts) add(name, want string, build func(a artifact)) {
	a := newArtifact()
	build(a)
	all[name] = badLayout{a, want}
}

// hostile are layouts that must not be taken, and what is said of them.
func hostile() badLayouts {
	cases := badLayouts{}
	add := cases.add
	add("no mark", "oci-layout is missing", func(a artifact) { delete(a.index(a.module(wasm, "wasip1")), "oci-layout") })
	add("other version", `version "2.0.0"`, func(a artifact) {
		a.index(a.module(wasm, "wasip1"))["oci-layout"] = []byte(`{"imageLayoutVersion":"2.0.0"}`)
	})
	add("no index", "index.json is missing", func(artifact) {})
	add("empty index", "holds no manifest", func(a artifact) { a.index() })
	add("index is no JSON", "index.json: ", func(a artifact) { a["index.json"] = []byte("{") })
	add("index with something after it", "index.json: ", func(a artifact) { a["index.json"] = append(a.index(a.module(wasm, "wasip1"))["index.json"], "{}"...) })
	add("huge index", "larger than", func(a artifact) { a["index.json"] = bytes.Repeat([]byte(" "), maxDocument+1) })
	add("component", "components are not supported; build it for wasip1", func(a artifact) { a.index(a.module(wasm, "wasip2")) })
	add("other system", `os is "linux"`, func(a artifact) { a.index(a.module(wasm, "linux")) })
	add("container image", "not as a container image", func(a artifact) {
		a.index(a.manifest(a.json("application/vnd.oci.image.config.v1+json", m{}), a.blob(typeModule, wasm)))
	})
	add("other layer", "its layer is of type", func(a artifact) {
		a.index(a.manifest(a.json(typeConfig, m{"os": "wasip1", "architecture": "wasm"}), a.blob("application/octet-stream", wasm)))
	})
	add("two layers", "has 2 layers", func(a artifact) {
		layer := a.blob(typeModule, wasm)
		a.index(a.manifest(a.json(typeConfig, m{"os": "wasip1", "architecture": "wasm"}), layer, layer))
	})
	add("no layer", "has 0 layers", func(a artifact) { a.index(a.manifest(a.json(typeConfig, m{"os": "wasip1", "architecture": "wasm"}))) })
	add("configuration of another layer", "names other layers", func(a artifact) {
		a.index(a.manifest(a.json(typeConfig, m{"os": "wasip1", "architecture": "wasm", "layerDigests": []string{"sha256:0"}}), a.blob(typeModule, wasm)))
	})
	return cases
}

// forged are layouts whose blobs are not what their descriptors say.
func forged() badLayouts {
	cases := badLayouts{}
	add := cases.add
	add("manifest changed", "its digest is", func(a artifact) {
		d := a.module(wasm, "wasip1")
		blob := a["blobs/sha256/"+Digest(d["digest"].(string)).Hex()]
		copy(blob[2:], "SCHEMA")
		a.index(d)
	})
	add("manifest missing", "is missing", func(a artifact) {
		a.index(m{"mediaType": typeManifest, "digest": string(Of([]byte("none"))), "size": 4})
	})
	add("size wrong", "its descriptor says 3", func(a artifact) { a.index(with(a.module(wasm, "wasip1"), "size", 3)) })
	add("size negative", "is negative", func(a artifact) { a.index(with(a.module(wasm, "wasip1"), "size", -1)) })
	add("size enormous", "too many for a document", func(a artifact) { a.index(with(a.module(wasm, "wasip1"), "size", int64(1)<<62)) })
	add("size no number", "index.json: ", func(a artifact) { a.index(with(a.module(wasm, "wasip1"), "size", "12")) })
	for _, digest := range []string{"sha256:../../../../etc/passwd", "sha512:" + strings.Repeat("0", 128), "", "../index.json",
		strings.ToUpper(string(Of(wasm))), "sha256:" + strings.Repeat("A", 64)} {
		add("digest "+digest, "is not one that is supported", func(a artifact) { a.index(with(a.module(wasm, "wasip1"), "digest", digest)) })
	}
	add("nested too deep", "nested more than", func(a artifact) {
		d := a.module(wasm, "wasip1")
		for range maxNesting + 1 {
			d = a.json(typeIndex, m{"schemaVersion": 2, "manifests": []m{d}})
		}
		a.index(d)
	})
	add("too many manifests", "has more than 4096 manifests", func(a artifact) {
		many := make([]m, maxEntries+1)
		for i := range many {
			many[i] = m{"size": 1}
		}
		a.index(many...)
	})
	add("nested again and again", "documents to follow", func(a artifact) {
		inner := a.json(typeIndex, m{"schemaVersion": 2, "manifests": []m{a.module(wasm, "wasip1")}})
		many := make([]m, maxDocuments+1)
		for i := range many {
			many[i] = inner
		}
		a.index(many...)
	})
	return cases
}

func TestHostileLayoutsAreRefused(t *testing.T) {
	s, dir := newStore(t, Options{})
	for _, set := range []badLayouts{hostile(), forged()} {
		for name, c := range set {
			for form, path := range map[string]string{"directory": c.layout.directory(t), "archive": c.layout.archive(t, name > "n")} {
				t.Run(name+" in a "+form, func(t *testing.T) {
					if d, err := s.FromLayout(t.Context(), path, ""); !isLayoutError(err, c.want) {
						t.Errorf("%v, %v; want %q", d, err, c.want)
					}
				})
			}
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func TestAForgedLayerIsNotStored(t *testing.T) {
	a := newArtifact()
	a.index(a.module(wasm, "wasip1"))
	a["blobs/sha256/"+Of(wasm).Hex()] = bytes.Repeat([]byte("x"), len(wasm))
	s, dir := newStore(t, Options{})
	for _, path := range []string{a.directory(t), a.archive(t, true)} {
		if _, err := s.FromLayout(t.Context(), path, ""); !errors.As(err, new(*DigestError)) {
			t.Errorf("error %v", err)
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func TestLargeLayersAreRefused(t *testing.T) {
	a := newArtifact()
	a.index(a.module(wasm, "wasip1"))
	s, _ := newStore(t, Options{Module: int64(len(wasm) - 1)})
	if _, err := s.FromLayout(t.Context(), a.directory(t), ""); !errors.As(err, new(*SizeError)) {
		t.Errorf("error %v", err)
	}
}

// A link within a layout may lead anywhere, and its target may be changed after it was looked at.
func TestLinksInADirectoryAreNotFollowed(t *testing.T) {
	s, _ := newStore(t, Options{})
	layer := "blobs/sha256/" + Of(wasm).Hex()
	for _, name := range []string{"oci-layout", "index.json", layer, "blobs", "blobs/sha256"} {
		a := newArtifact()
		a.index(a.module(wasm, "wasip1"))
		path := a.directory(t)
		at := filepath.Join(path, name)
		moved := filepath.Join(t.TempDir(), "moved")
		if err := errors.Join(os.Rename(at, moved), os.Symlink(moved, at)); err != nil {
			t.Fatal(err)
		}
		if d, err := s.FromLayout(t.Context(), path, ""); !isLayoutError(err, "symbolic link") {
			t.Errorf("%s: %v, %v", name, d, err)
		}
		if err := errors.Join(os.Remove(at), unix.Mkfifo(at, 0o600)); err != nil {
			t.Fatal(err)
		}
		if d, err := s.FromLayout(t.Context(), path, ""); !isLayoutError(err, "is not a") {
			t.Errorf("fifo %s: %v, %v", name, d, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, "/dev/zero", filepath.Join(t.TempDir(), "none")} {
		if d, err := s.FromLayout(t.Context(), path, ""); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", path, d, err)
		}
	}
}
