package inspect

import (
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/child"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, child.Modes()) }
