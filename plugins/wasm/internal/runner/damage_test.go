package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// asItIs keeps a module as it is: else what was made of it is in the store as well, and is run.
var asItIs = object{"normalize": false}

// damaged runs a module, and damages the file that the store has of it.
func damaged(t *testing.T, state string, module []byte) {
	t.Helper()
	s := newSubjectIn(t, state, nil)
	s.run(t, inline(module, asItIs)).succeeded(t, "whole\n")
	s.close(t)
	path := filepath.Join(state, "wasm/modules/sha256", content.Of(module).Hex())
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedModuleIsTold(t *testing.T) {
	state, module := t.TempDir(), moduletest.Hello("whole\n")
	d := content.Of(module)
	damaged(t, state, module)
	second := newSubjectIn(t, state, nil)
	var log bytes.Buffer
	second.runner.log = hclog.New(&hclog.LoggerOptions{Output: &log})
	h := second.build(t, object{"module": object{"digest": string(d)}, "normalize": false})
	for range 2 {
		h.run(t).want(t, startFailed, false, "module", "damaged", "moved away", "hand it in again")
	}
	if figures, _ := second.runner.figures(); figures.Modules.Damaged != 1 {
		t.Errorf("%d damaged modules are counted, want 1", figures.Modules.Damaged)
	}
	second.run(t, inline(module, asItIs)).succeeded(t, "whole\n")
	h.run(t).succeeded(t, "whole\n")
	second.close(t)
	if n := strings.Count(log.String(), "was damaged"); n != 1 {
		t.Errorf("the log tells it %d times, want once:\n%s", n, &log)
	}
}

// Who brings the module along need not know that the store's was damaged.
func TestDamagedModuleThatComesAgainIsRun(t *testing.T) {
	state, module := t.TempDir(), moduletest.Hello("whole\n")
	damaged(t, state, module)
	s := newSubjectIn(t, state, nil)
	s.run(t, inline(module, asItIs)).succeeded(t, "whole\n")
	if figures, _ := s.runner.figures(); figures.Modules.Damaged != 1 {
		t.Errorf("%d damaged modules are counted, want 1", figures.Modules.Damaged)
	}
}
