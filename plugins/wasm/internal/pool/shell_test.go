package pool

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A shelled module has a shell that the engine has no native code for.
type shelled struct{ *module }

func (m shelled) Load() (wire.Load, func(), error) {
	load, release, err := m.module.Load()
	load.Native, load.NativeName = m.file, "code/of-the-module"
	load.Shell, load.ShellName = m.file, "code/of-the-shell"
	return load, release, err
}

// That a worker could not do with the shell is not told by its guests, so the log tells it.
func TestAModuleThatIsLoadedWholeIsTold(t *testing.T) {
	var log bytes.Buffer
	p := newPool(t, Options{Log: hclog.New(&hclog.LoggerOptions{Output: &log})})
	p.mustRun(t, p.mustTake(t, hello(t, "a"), ""), true)
	if strings.Contains(log.String(), "whole") {
		t.Errorf("without a shell it is told that there was one: %s", &log)
	}
	w, err := p.Take(t.Context(), shelled{hello(t, "b")}, "")
	if err != nil {
		t.Fatal(err)
	}
	p.mustRun(t, w, true)
	if !strings.Contains(log.String(), "loads its module whole") || !strings.Contains(log.String(), "did not take") {
		t.Errorf("the log tells %q", &log)
	}
}
