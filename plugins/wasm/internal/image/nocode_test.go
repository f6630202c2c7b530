package image

import (
	"errors"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// Where native code cannot be executed nothing is compiled, and what is made for the interpreter is made once.
func TestWithoutNativeCodeModulesAreInterpreted(t *testing.T) {
	s := open(t, t.TempDir())
	s.noCode = errors.New("forbidden")
	w := inline(t, moduletest.Hello("hello"))
	first := s.must(t, w, Interpreted)
	defer first.Close()
	second := s.must(t, w, Interpreted)
	defer second.Close()
	if first != second || first.load.Native != nil || first.load.Shell != nil || first.load.Engine != wire.EngineInterpreter {
		t.Errorf("the images are %p with %+v and %p", first, first.load, second)
	}
}
