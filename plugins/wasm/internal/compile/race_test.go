package compile

import (
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestWithoutTheRaceDetector(t *testing.T) {
	proctest.WithoutRace(t, "TestAMemoryBombDiesAlone", "TestCodeFromTheCacheIsNotCompiledAgain",
		"TestAChildThatFailsIsACrashOfItsOwn/fatal", "TestAChildReachesNothing")
}
