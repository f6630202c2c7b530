package image

import (
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
)

// CompileOptions returns how the module of a workload is looked at and compiled.
func CompileOptions(w *workload.Workload, s *settings.Settings) compile.Options {
	return newRequest(w, s).options
}
