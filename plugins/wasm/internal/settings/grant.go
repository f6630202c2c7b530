package settings

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// Check says what a task wishes that the operator does not grant. Its error names all fields at fault and
// the settings that would allow them.
func (s *Settings) Check(w *workload.Workload) error {
	var v sdk.Violations
	s.checkModule(&v, &w.Module)
	for i, m := range w.Mounts {
		if !s.allows(m) {
			v.Add(fmt.Sprintf("mounts[%d].host", i),
				"%s is not below a directory that the operator allows with mode %s; see plugins.wasm.settings.mounts", m.Host, m.Mode)
		}
	}
	for i, name := range w.Listeners {
		if _, ok := s.Listeners[name]; !ok {
			v.Add(fmt.Sprintf("listeners[%d]", i), "%q is not a listener of the operator; see plugins.wasm.settings.listeners", name)
		}
	}
	for i, f := range w.Features {
		if !slices.Contains(s.Features, f) {
			v.Add(fmt.Sprintf("features[%d]", i), "%s is not allowed by the operator; see plugins.wasm.settings.features", f)
		}
	}
	if w.Limits.Memory > s.Limits.Memory {
		v.Add("limits.memory", "%s is more than the operator's %s; see plugins.wasm.settings.limits.memory", w.Limits.Memory, s.Limits.Memory)
	}
	return v.Err()
}

func (s *Settings) checkModule(v *sdk.Violations, m *workload.Module) {
	const unpinned = "; the operator can allow it with plugins.wasm.settings.modules.unpinned"
	switch {
	case s.Modules.Unpinned:
	case m.Path != "" && m.SHA256 == "":
		v.Add("module.sha256", "is required for a path: write what sha256sum prints"+unpinned)
	case m.OCI != nil && !strings.HasPrefix(m.OCI.Reference, "sha256:"):
		v.Add("module.oci.reference", "must be a digest, sha256:..., since a tag may come to mean something else"+unpinned)
	}
}

// allows reports whether a mount is granted. It compares names only: links are followed when the directory
// is opened, and what it really is gets checked then, with [Settings.Within].
func (s *Settings) allows(m workload.Mount) bool { return s.Within(m.Host, m.Mode) }

// Within reports whether a directory, by its clean path, is one that the operator allows in that mode, or
// below one.
func (s *Settings) Within(dir string, mode workload.MountMode) bool {
	dir = filepath.Clean(dir)
	return slices.ContainsFunc(s.Mounts, func(m Mount) bool {
		if mode == workload.ReadWrite && m.Mode != workload.ReadWrite {
			return false
		}
		return dir == m.Path || m.Path == "/" || strings.HasPrefix(dir, m.Path+"/")
	})
}
