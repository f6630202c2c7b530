package content

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// An artifact is what a test makes a layout of: files by name. Blobs are added by content.
type artifact map[string][]byte

// m is a JSON object.
type m map[string]any

func newArtifact() artifact {
	return artifact{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
}

// blob adds a blob and returns its descriptor.
func (a artifact) blob(mediaType string, data []byte) m {
	d := Of(data)
	a["blobs/sha256/"+d.Hex()] = data
	return m{"mediaType": mediaType, "digest": string(d), "size": len(data)}
}

func (a artifact) json(mediaType string, v any) m {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return a.blob(mediaType, text)
}

// module adds an artifact for the operating system and returns the descriptor of its manifest.
func (a artifact) module(wasm []byte, os string) m {
	layer := a.blob(typeModule, wasm)
	return a.manifest(a.json(typeConfig, m{"architecture": "wasm", "os": os, "layerDigests": []any{layer["digest"]}}), layer)
}

func (a artifact) manifest(config m, layers ...m) m {
	return a.json(typeManifest, m{"schemaVersion": 2, "mediaType": typeManifest, "config": config, "layers": layers})
}

// index sets the layout's index.
func (a artifact) index(manifests ...m) artifact {
	a["index.json"], _ = json.Marshal(m{"schemaVersion": 2, "manifests": manifests})
	return a
}

func named(d m, name string) m {
	d = maps.Clone(d)
	d["annotations"] = m{annotationName: name}
	return d
}

func with(d m, key string, value any) m {
	d = maps.Clone(d)
	d[key] = value
	return d
}

// directory writes the layout as a directory.
func (a artifact) directory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range a {
		write(t, filepath.Join(dir, name), data)
	}
	return dir
}

// archive writes the layout as an archive, names in order.
func (a artifact) archive(t *testing.T, compressed bool) string {
	t.Helper()
	var entries []tar.Header
	for _, name := range slices.Sorted(maps.Keys(a)) {
		entries = append(entries, tar.Header{Name: "./" + name, Typeflag: tar.TypeReg, Size: int64(len(a[name])), Mode: 0o644})
	}
	return writeTar(t, a, entries, compressed)
}

// writeTar writes an archive of the entries, the content of which is the artifact's.
func writeTar(t *testing.T, a artifact, entries []tar.Header, compressed bool) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(a[filepath.Clean(h.Name)][:h.Size]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := out.Bytes()
	if compressed {
		data = squeeze(t, data)
	}
	path := filepath.Join(t.TempDir(), "layout.tar")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func squeeze(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
