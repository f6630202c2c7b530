package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

func spec(policy task.RestartPolicy, retries int) *task.Spec {
	s := &task.Spec{
		Restart: task.Restart{Policy: policy},
		Backoff: &task.Backoff{First: task.Duration(time.Second), Max: task.Duration(time.Minute), Factor: 2, Jitter: task.NoJitter},
	}
	if policy == task.Always {
		s.Restart.Interval = task.Duration(7 * time.Second)
	}
	if retries > 0 {
		s.MaxRetries = &retries
	}
	return s
}

func TestAfterAttempt(t *testing.T) {
	const u = 0.5
	over := func(kind task.OutcomeKind, reason task.Reason, failures, losses int) Decision {
		return Decision{Over: true, Outcome: kind, Reason: reason, Streaks: Streaks{failures, losses}}
	}
	spent := func(d Decision) Decision { d.Spent = true; return d }
	again := func(cause Cause, wait time.Duration, failures, losses int) Decision {
		return Decision{Cause: cause, Wait: wait, Streaks: Streaks{failures, losses}}
	}
	const never, onFailure, always = task.Never, task.OnFailure, task.Always
	for _, c := range []struct {
		name    string
		policy  task.RestartPolicy
		retries int
		end     End
		before  Streaks
		want    Decision
	}{
		{"success", "", 0, Success, Streaks{}, over(task.OutcomeCompleted, task.ReasonSucceeded, 0, 0)},
		{"success, never", never, 0, Success, Streaks{}, over(task.OutcomeCompleted, task.ReasonSucceeded, 0, 0)},
		{"success after failures", onFailure, 3, Success, Streaks{3, 2}, over(task.OutcomeCompleted, task.ReasonSucceeded, 0, 0)},
		{"success, always", always, 3, Success, Streaks{3, 2}, again(CauseInterval, 7*time.Second, 0, 0)},

		{"failure", "", 0, Failure, Streaks{}, over(task.OutcomeFailed, task.ReasonFailed, 1, 0)},
		{"timeout, never", never, 0, TimedOut, Streaks{}, over(task.OutcomeFailed, task.ReasonTimeout, 1, 0)},
		{"panic, never", never, 0, Panicked, Streaks{}, over(task.OutcomePanicked, task.ReasonPanicked, 1, 0)},
		{"first failure", onFailure, 0, Failure, Streaks{}, again(CauseBackoff, time.Second, 1, 0)},
		{"third failure", onFailure, 0, Failure, Streaks{2, 3}, again(CauseBackoff, 4*time.Second, 3, 0)},
		{"timeout", always, 0, TimedOut, Streaks{1, 0}, again(CauseBackoff, 2*time.Second, 2, 0)},
		{"panic", onFailure, 0, Panicked, Streaks{}, again(CauseBackoff, time.Second, 1, 0)},
		{"last retry", onFailure, 2, Failure, Streaks{1, 0}, again(CauseBackoff, 2*time.Second, 2, 0)},
		{"retries spent", onFailure, 2, Failure, Streaks{2, 0}, spent(over(task.OutcomeFailed, task.ReasonRetriesSpent, 3, 0))},
		{"retries spent by a timeout", always, 2, TimedOut, Streaks{2, 0}, spent(over(task.OutcomeFailed, task.ReasonRetriesSpent, 3, 0))},
		{"retries spent by a panic", always, 1, Panicked, Streaks{1, 0}, spent(over(task.OutcomePanicked, task.ReasonRetriesSpent, 2, 0))},

		{"fatal, always", always, 5, Fatal, Streaks{1, 1}, over(task.OutcomeFatal, task.ReasonPermanent, 2, 0)},
		{"fatal, never", never, 0, Fatal, Streaks{}, over(task.OutcomeFatal, task.ReasonPermanent, 1, 0)},

		{"plugin lost, never", never, 0, LostPlugin, Streaks{}, over(task.OutcomeLost, task.ReasonPluginLost, 0, 1)},
		{"plugin lost", onFailure, 1, LostPlugin, Streaks{1, 0}, again(CauseLoss, 250*time.Millisecond, 1, 1)},
		{"plugin lost five times", always, 0, LostPlugin, Streaks{0, 4}, again(CauseLoss, 4*time.Second, 0, 5)},
		{"plugin lost too often", always, 0, LostPlugin, Streaks{0, 5}, over(task.OutcomeLost, task.ReasonPluginLost, 0, 6)},
		{"host lost, never", never, 0, LostHost, Streaks{}, over(task.OutcomeLost, task.ReasonHostLost, 0, 0)},
		{"host lost", onFailure, 1, LostHost, Streaks{1, 5}, again(CauseLoss, 0, 1, 5)},
	} {
		got := AfterAttempt(spec(c.policy, c.retries), c.end, c.before, u)
		if diff := got.Wait - c.want.Wait; diff == 1 { // of rounding at u
			got.Wait--
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestAfterAttemptDoesNotDecideAboutStops(t *testing.T) {
	for _, end := range []End{0, Stopped, LostHost + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("end %d was decided about", end)
				}
			}()
			AfterAttempt(spec(task.Never, 0), end, Streaks{}, 0)
		}()
	}
}

var ends = []End{Success, Failure, TimedOut, Fatal, Panicked, LostPlugin, LostHost}

// TestALifeOfATask runs lives and compares with a model that looks at the whole history each time.
func TestALifeOfATask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := spec(rapid.SampledFrom([]task.RestartPolicy{"", task.Never, task.OnFailure, task.Always}).Draw(t, "policy"),
			rapid.IntRange(0, 4).Draw(t, "retries"))
		var history []End
		var streaks Streaks
		for range 30 {
			end := rapid.SampledFrom(ends).Draw(t, "end")
			history = append(history, end)
			u := anyU.Draw(t, "u")
			d := AfterAttempt(s, end, streaks, u)
			if want := slowStreaks(history); d.Streaks != want {
				t.Fatalf("%v: streaks %+v, want %+v", history, d.Streaks, want)
			}
			if got, want := d.Over, slowOver(s, history); got != want {
				t.Fatalf("%v: over %v, want %v", history, got, want)
			}
			checkShape(t, s, d)
			if d.Over {
				return
			}
			streaks = d.Streaks
		}
	})
}

// slowStreaks counts from the end of the history.
func slowStreaks(history []End) (s Streaks) {
	for i := len(history) - 1; i >= 0 && history[i] != Success; i-- {
		if end := history[i]; end != LostPlugin && end != LostHost {
			s.Failures++
		}
	}
	for i := len(history) - 1; i >= 0 && (history[i] == LostPlugin || history[i] == LostHost); i-- {
		if history[i] == LostPlugin {
			s.Losses++
		}
	}
	return s
}

func slowOver(s *task.Spec, history []End) bool {
	streaks := slowStreaks(history)
	restarts := s.Restart.Policy == task.OnFailure || s.Restart.Policy == task.Always
	switch history[len(history)-1] {
	case Success:
		return s.Restart.Policy != task.Always
	case Fatal:
		return true
	case LostHost:
		return !restarts
	case LostPlugin:
		return !restarts || streaks.Losses == 6
	default:
		return !restarts || s.MaxRetries != nil && streaks.Failures == *s.MaxRetries+1
	}
}

// checkShape checks what holds for every decision.
func checkShape(t *rapid.T, s *task.Spec, d Decision) {
	if d.Over != (d.Outcome != "") || d.Over != (d.Reason != "") || d.Over == (d.Cause != 0) {
		t.Fatalf("half a decision: %+v", d)
	}
	if d.Over && d.Wait != 0 || !d.Over && d.Spent {
		t.Fatalf("parts of both decisions: %+v", d)
	}
	longest := map[Cause]time.Duration{CauseBackoff: s.Backoff.Max.D(), CauseInterval: s.Restart.Interval.D(), CauseLoss: MaxLossWait}
	if d.Wait < 0 || d.Wait > longest[d.Cause] {
		t.Fatalf("wait out of range: %+v", d)
	}
}

func TestOnArrival(t *testing.T) {
	for _, c := range []struct {
		a             task.Admission
		busy          bool
		queued, limit int
		want          Arrival
	}{
		{task.DropIfRunning, false, 0, 0, Start},
		{task.Queue, false, 0, 0, Start},
		{task.Replace, false, 0, 0, Start},
		{"", true, 0, 9, Reject},
		{task.DropIfRunning, true, 0, 9, Reject},
		{task.Queue, true, 0, 0, Full},
		{task.Queue, true, 0, 1, Enqueue},
		{task.Queue, true, 1, 1, Full},
		{task.Queue, true, 2, 1, Full},
		{task.Replace, true, 0, 0, TakeHead},
		{task.Replace, true, 100, 1, TakeHead},
	} {
		if got := OnArrival(c.a, c.busy, c.queued, c.limit); got != c.want {
			t.Errorf("%q busy=%v %d/%d: got %d, want %d", c.a, c.busy, c.queued, c.limit, got, c.want)
		}
	}
}

func TestCausesHaveNames(t *testing.T) {
	for cause, want := range map[Cause]string{CauseInterval: "interval", CauseBackoff: "backoff", CauseLoss: "loss", 0: "none"} {
		if got := cause.String(); got != want {
			t.Errorf("%d: got %s, want %s", cause, got, want)
		}
	}
}

func BenchmarkAfterAttempt(b *testing.B) {
	s := spec(task.OnFailure, 0)
	for i := 0; b.Loop(); i++ {
		AfterAttempt(s, Failure, Streaks{Failures: i % 50}, 0.5)
	}
}
