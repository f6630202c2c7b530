package runner

import (
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

const (
	succeeded   = pluginv1.Result_RESULT_SUCCEEDED
	failed      = pluginv1.Result_RESULT_FAILED
	canceled    = pluginv1.Result_RESULT_CANCELED
	startFailed = pluginv1.Result_RESULT_START_FAILED
	oomKilled   = pluginv1.Result_RESULT_OOM_KILLED
)

func TestSuccess(t *testing.T) {
	s := newSubject(t, nil)
	s.run(t, inline(moduletest.Hello("hello\n"))).succeeded(t, "hello\n")
}
