package image

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
)

// acquire brings a workload's module into the store.
func (s *Studio) acquire(ctx context.Context, w *workload.Workload) (content.Digest, error) {
	m := &w.Module
	var d content.Digest
	var err error
	switch {
	case m.Path != "":
		var want content.Digest
		if m.SHA256 != "" {
			want = content.Digest("sha256:" + m.SHA256)
		}
		d, err = s.store.PutFile(ctx, m.Path, want)
	case m.Digest != "":
		d = content.Digest(m.Digest)
		if err = s.store.Missing(d); err != nil {
			err = fmt.Errorf("%w: run a task with its path once", err)
		}
	case m.OCI != nil:
		d, err = s.store.FromLayout(ctx, m.OCI.Layout, m.OCI.Reference)
	default:
		d, err = s.inline(ctx, m.Inline)
	}
	if err != nil {
		err = fmt.Errorf("spec.workload.spec.%s: %w", field(m, err), err)
	}
	if err != nil && permanent(err) {
		return "", &RefusedError{Reasons: []string{err.Error()}}
	}
	return d, err
}

// inline brings a module that is in the task itself into the store, unless it is there as it should be.
func (s *Studio) inline(ctx context.Context, text string) (content.Digest, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", err
	}
	d := content.Of(data)
	if file, err := s.store.Get(d); err == nil {
		return d, file.Close()
	}
	return s.store.Put(ctx, bytes.NewReader(data), d)
}

// field names the field that says where a module is to come from, or what it has to be.
func field(m *workload.Module, err error) string {
	switch {
	case m.Path != "" && errors.As(err, new(*content.DigestError)):
		return "module.sha256"
	case m.Path != "":
		return "module.path"
	case m.Digest != "":
		return "module.digest"
	case m.OCI != nil:
		return "module.oci"
	}
	return "module.inline"
}

// permanent reports whether what is wrong with a module's source will be so next time.
func permanent(err error) bool {
	var digest *content.DigestError
	var layout *content.LayoutError
	var size *content.SizeError
	return errors.As(err, &digest) || errors.As(err, &layout) || errors.As(err, &size)
}
