package worker_test

import (
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestWithoutTheRaceDetector(t *testing.T) {
	proctest.WithoutRace(t, "TestGoProgram", "TestTableBombEndsTheWorkerAlone", "TestSleepersAreSmall")
}
