package child

import (
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

// Modes returns what a child does by the argument that asks for it, which is the only one. Each returns the exit code.
func Modes() map[string]func() int {
	return map[string]func() int{compile.Mode: compile.Main, compile.CheckMode: compile.Main, wire.Mode: worker.Main}
}
