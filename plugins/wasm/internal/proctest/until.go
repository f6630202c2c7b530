package proctest

import (
	"testing"
	"time"
)

// Patience bounds what a test waits for. It is long because machines can be busy.
const Patience = 90 * time.Second

// Until waits until cond holds, and ends the test if it does not within [Patience]. It asks every millisecond, in the
// goroutine of its caller, which is the test's.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
	}
}
