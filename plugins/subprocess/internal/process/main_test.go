package process

import (
	"os"
	"runtime"
	"testing"
)

func TestMain(m *testing.M) {
	runtime.LockOSThread() // as main does, see Engine
	os.Exit(m.Run())
}
