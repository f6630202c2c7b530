package content

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Media types.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.wasm.config.v0+json"
	typeModule   = "application/wasm"
)

// A descriptor names a blob, as OCI documents do.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Digest       Digest            `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations"`
	Platform     *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
}

// An index lists manifests, or further indexes.
type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

// A manifest is an artifact.
type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// A config says what a module was built for.
type config struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	LayerDigests []string `json:"layerDigests"`
}

// module finds the layer that is the module.
func (l *layout) module(reference string) (descriptor, error) {
	var mark struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := l.document("oci-layout", &mark); err != nil {
		return descriptor{}, err
	}
	if !strings.HasPrefix(mark.Version, "1.") {
		return descriptor{}, l.errorf("oci-layout: version %.40q is not known", mark.Version)
	}
	chosen, err := l.find(reference)
	if err != nil {
		return descriptor{}, err
	}
	return l.layer(chosen)
}

// layer checks an artifact and returns its only layer.
func (l *layout) layer(of descriptor) (descriptor, error) {
	var m manifest
	if err := l.decode(of, &m); err != nil {
		return descriptor{}, err
	}
	switch {
	case m.SchemaVersion != 2 || m.MediaType != "" && m.MediaType != typeManifest:
		return descriptor{}, l.errorf("manifest %s: is of version %d and type %.80q, want 2 and %s", of.Digest, m.SchemaVersion, m.MediaType, typeManifest)
	case m.Config.MediaType != typeConfig:
		return descriptor{}, l.errorf("manifest %s: its configuration is of type %.80q: this is no WebAssembly artifact, whose type is %s; push the module with a tool for such artifacts, not as a container image", of.Digest, m.Config.MediaType, typeConfig)
	case len(m.Layers) != 1:
		return descriptor{}, l.errorf("manifest %s: has %d layers; a WebAssembly artifact has exactly one", of.Digest, len(m.Layers))
	case m.Layers[0].MediaType != typeModule:
		return descriptor{}, l.errorf("manifest %s: its layer is of type %.80q, want %s", of.Digest, m.Layers[0].MediaType, typeModule)
	}
	layer := m.Layers[0]
	if err := l.checkConfig(m.Config, layer); err != nil {
		return descriptor{}, err
	}
	return layer, l.check(layer)
}

// checkConfig wants a module for what we run.
func (l *layout) checkConfig(d, layer descriptor) error {
	var c config
	if err := l.decode(d, &c); err != nil {
		return err
	}
	switch {
	case c.OS == "wasip2" || c.OS == "wasip3":
		return l.errorf("is built for %s: components are not supported; build it for wasip1 (Go: GOOS=wasip1, Rust: --target wasm32-wasip1)", c.OS)
	case c.OS != "wasip1":
		return l.errorf("configuration %s: os is %.40q, want wasip1", d.Digest, c.OS)
	case c.Architecture != "wasm":
		return l.errorf("configuration %s: architecture is %.40q, want wasm", d.Digest, c.Architecture)
	case len(c.LayerDigests) > 1 || len(c.LayerDigests) == 1 && c.LayerDigests[0] != string(layer.Digest):
		return l.errorf("configuration %s: names other layers than its manifest does", d.Digest)
	}
	return nil
}

// check wants a descriptor that can be followed.
func (l *layout) check(d descriptor) error {
	if !d.Digest.valid() {
		return l.errorf("digest %.90q is not one that is supported: sha256: and 64 lower-case hexadecimal digits", string(d.Digest))
	}
	if d.Size < 0 {
		return l.errorf("blob %s: size %d is negative", d.Digest, d.Size)
	}
	return nil
}

// blob opens what a descriptor names. Its size is right; its digest is for the reader to check.
func (l *layout) blob(d descriptor) (io.ReadCloser, error) {
	if err := l.check(d); err != nil {
		return nil, err
	}
	file, size, err := l.open("blobs/sha256/" + d.Digest.Hex())
	if err != nil {
		return nil, err
	}
	if size != d.Size {
		return nil, errors.Join(l.errorf("blob %s: has %d bytes, its descriptor says %d", d.Digest, size, d.Size), file.Close())
	}
	return file, nil
}

// decode reads the document that a descriptor names, and makes sure that it is the right one.
func (l *layout) decode(d descriptor, into any) error {
	if l.documents++; l.documents > maxDocuments {
		return l.errorf("has more than %d documents to follow", maxDocuments)
	}
	if d.Size > maxDocument {
		return l.errorf("blob %s: %d bytes are too many for a document, which may have %d", d.Digest, d.Size, maxDocument)
	}
	file, err := l.blob(d)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return fmt.Errorf("read blob %s: %w", d.Digest, err)
	}
	sum := sha256.New()
	sum.Write(text)
	if got := digestOf(sum); got != d.Digest {
		return l.errorf("%v", &DigestError{"blob", d.Digest, got})
	}
	return l.unmarshal("blob "+string(d.Digest), text, into)
}

// document reads a document that has a name of its own.
func (l *layout) document(name string, into any) error {
	file, _, err := l.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return l.unmarshal(name, text, into)
}

func (l *layout) unmarshal(name string, text []byte, into any) error {
	if len(text) > maxDocument {
		return l.errorf("%s: is larger than %d bytes", name, maxDocument)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return l.errorf("%s: %v", name, err)
	}
	return nil
}

func (l *layout) open(name string) (io.ReadCloser, int64, error) {
	file, size, err := l.files.open(name)
	foreign := (*FileError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, l.errorf("%s is missing", name)
	case errors.As(err, &foreign):
		return nil, 0, l.errorf("%s %s", name, foreign.Problem)
	}
	return file, size, err
}
