package runner

import (
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestWithoutTheRaceDetector(t *testing.T) {
	proctest.WithoutRace(t, "TestOutOfMemory", "TestBombsAreContained", "TestFastGivesUpWhatCannotBeCompiled",
		"TestWorkerRetires/after_growth", "TestEndsOfWorkersAreCounted", "TestGuestsThatLeaveNoTraceAreNotRunAgain",
		"TestAKillForWantOfMemoryIsToldAndNotFinal")
}
