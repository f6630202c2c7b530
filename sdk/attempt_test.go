package sdk

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func startAttempt(t *testing.T, grace time.Duration) *attempt {
	t.Helper()
	a := newAttempt(&pluginv1.RunTaskRequest{
		RunId: "r", StopGrace: durationpb.New(grace),
	}, hclog.NewNullLogger())
	t.Cleanup(func() { a.end() })
	return a
}

// forcedAfter returns how long from now the attempt is forced.
func forcedAfter(a *attempt) time.Duration {
	began := time.Now()
	<-a.force
	return time.Since(began)
}

func reasonOf(t *testing.T, ctx context.Context) StopReason {
	t.Helper()
	stop := (*StopError)(nil)
	if !errors.As(context.Cause(ctx), &stop) {
		t.Fatalf("the cause is %v", context.Cause(ctx))
	}
	return stop.Reason
}

func TestStopAsksThenForces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAttempt(t, 0)
		if !a.run.Deadline().IsZero() || a.run.StopReason() != StopUnknown {
			t.Error("there is a deadline before the stop")
		}
		a.stop(StopTimeout, 7*time.Second)
		if got := reasonOf(t, a.ctx); got != StopTimeout || a.run.StopReason() != StopTimeout {
			t.Errorf("reason %v, want timeout", got)
		}
		if got := time.Until(a.run.Deadline()); got != 7*time.Second {
			t.Errorf("deadline in %v, want 7s", got)
		}
		if got := forcedAfter(a); got != 7*time.Second {
			t.Errorf("forced after %v, want 7s", got)
		}
	})
}

func TestSecondStopOnlyShortens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAttempt(t, 0)
		a.stop(StopCanceled, time.Minute)
		a.stop(StopShutdown, 3*time.Second)
		a.stop(StopTimeout, time.Hour)
		if got := forcedAfter(a); got != 3*time.Second {
			t.Errorf("forced after %v, want 3s", got)
		}
		if got := reasonOf(t, a.ctx); got != StopCanceled {
			t.Errorf("reason %v, want the first", got)
		}
	})
}

func TestStopWithoutGraceForcesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAttempt(t, 0)
		a.stop(StopCanceled, time.Minute)
		a.stop(StopCanceled, 0)
		if got := forcedAfter(a); got != 0 {
			t.Errorf("forced after %v, want at once", got)
		}
		a.stop(StopCanceled, 0) // closes nothing twice
	})
}

func TestAbandonedAttempts(t *testing.T) {
	for end, want := range map[connEnd]struct {
		reason StopReason
		after  time.Duration
	}{
		connOpen:   {StopCanceled, 0},
		connLost:   {StopHostLost, 2 * time.Second},
		connClosed: {StopShutdown, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := startAttempt(t, 2*time.Second)
			a.abandon(end)
			if got := reasonOf(t, a.ctx); got != want.reason {
				t.Errorf("%d: reason %v, want %v", end, got, want.reason)
			}
			if got := forcedAfter(a); got != want.after {
				t.Errorf("%d: forced after %v, want %v", end, got, want.after)
			}
			if _, err := a.stdout.Write([]byte("x")); !errors.Is(err, ErrStreamBroken) {
				t.Errorf("%d: writing returns %v", end, err)
			}
		})
	}
}

func TestNoStopAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAttempt(t, 0)
		if a.end() {
			t.Error("ended as stopped")
		}
		a.stop(StopCanceled, 0)
		select {
		case <-a.force:
			t.Error("forced after its end")
		default:
		}
	})
}
