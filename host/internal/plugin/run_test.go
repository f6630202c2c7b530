package plugin

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func TestGoodStreamsAreTold(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"g": {}})
	p := b.awaitReady("g")
	for do, want := range map[string]struct {
		out    string
		gaps   int64
		total  int64
		result pluginv1.Result
	}{
		"":            {"hello", 0, 5, pluginv1.Result_RESULT_SUCCEEDED},
		"empty":       {"", 0, 0, pluginv1.Result_RESULT_SUCCEEDED},
		"gap":         {"x", 100, 101, pluginv1.Result_RESULT_SUCCEEDED},
		"more":        {"xx", 8, 10, pluginv1.Result_RESULT_SUCCEEDED},
		"unknown":     {"", 0, 0, pluginv1.Result_RESULT_SUCCEEDED},
		"startfailed": {"", 0, 0, pluginv1.Result_RESULT_START_FAILED},
	} {
		r, c := run(t.Context(), p, do)
		got := within(t, 10*time.Second, c)
		if got.err != nil || r.text() != want.out || r.gaps != want.gaps || got.exit.Stdout != want.total || got.exit.Result != want.result {
			t.Errorf("%q: output %q, gaps %d, exit %+v, error %v; want %+v", do, r.text(), r.gaps, got.exit, got.err, want)
		}
	}
	r, c := run(t.Context(), p, "facts")
	within(t, 10*time.Second, c)
	if !maps.Equal(r.facts, map[string]string{"module": "sha256:0", "empty": ""}) {
		t.Errorf("facts %q", r.facts)
	}
	if s := b.of("g"); s.Generation != 1 {
		t.Errorf("good streams cost %d generations", s.Generation)
	}
}

// A stream that breaks the contract ends its plugin and nobody else: the run is lost, which is told
// when nothing of the plugin is alive any more.
func TestBrokenStreamsLoseTheRun(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"bad": {}, "good": {}}, func(o *Options) { o.Timing.Crash.Quarantine = 1 << 20 })
	good := b.awaitReady("good")
	for do, want := range map[string]string{
		"seq": "follows", "seq0": "follows", "early": "before Started", "started2": "second Started", "hole": "goes on at",
		"overlap": "goes on at", "nothing": "0 bytes", "chunk": "33792 bytes", "oversize": "larger than max",
		"exited2": "after Exited", "after": "after Exited", "noresult": "no result", "badresult": "no result",
		"unstarted": "without Started", "less": "counts 1 bytes", "noexit": "without Exited", "badstream": "no stream",
		"error": "odd", "fact0": "0 bytes, 1 to 64", "factname": "65 bytes", "factsize": "16385 bytes",
	} {
		p := b.awaitReady("bad")
		generation := p.Generation()
		pid := b.of("bad").PID
		_, c := run(t.Context(), p, do)
		got := within(t, 10*time.Second, c)
		var lost *LostError
		if !errors.As(got.err, &lost) || !strings.Contains(lost.Cause, want) {
			t.Errorf("%q: %v, want a LostError that says %q", do, got.err, want)
		}
		for _, left := range b.marked() {
			if left == pid {
				t.Errorf("%q: the plugin is alive after the run was lost", do)
			}
		}
		b.await("bad", "replaced", func(s task.Plugin) bool { return s.State == task.PluginReady && s.Generation > generation })
	}
	works(t, good)
	if s := b.of("good"); s.Generation != 1 || s.Crashes != 0 {
		t.Errorf("the other plugin suffered: %+v", s)
	}
}

func TestDeathDuringARunIsALoss(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"d": {}})
	_, c := run(t.Context(), b.awaitReady("d"), "die")
	got := within(t, 5*time.Second, c)
	var lost *LostError
	if !errors.As(got.err, &lost) || !strings.Contains(lost.Cause, "status 7") {
		t.Errorf("got %v, want a LostError that names status 7", got.err)
	}
}

// What a task started in a session of its own is dead when its run is told to be lost.
func TestLossIsToldAfterTheTasksDied(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"f": {}})
	p := b.awaitReady("f")
	r, c := run(t.Context(), p, "task")
	<-r.first
	before := b.marked()
	for len(before) < 3 { // the plugin, a task and its children
		time.Sleep(time.Millisecond)
		before = b.marked()
	}
	b.crash("f")
	if got := within(t, 8*time.Second, c); got.err == nil {
		t.Fatal("the run was not lost")
	}
	for _, pid := range b.marked() {
		for _, old := range before {
			if pid == old {
				t.Errorf("process %d is alive after the run was told to be lost", pid)
			}
		}
	}
}

func TestRefusalsStartNothing(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"r": {}})
	p := b.awaitReady("r")
	_, c := run(t.Context(), p, "refused")
	var refused *task.Error
	if got := within(t, 5*time.Second, c); !errors.As(got.err, &refused) || refused.Reason != task.ReasonMissingField {
		t.Errorf("refused: %v", got.err)
	}
	_, c = run(t.Context(), p, "capacity")
	var full *CapacityError
	if got := within(t, 5*time.Second, c); !errors.As(got.err, &full) || full.RetryAfter <= 0 {
		t.Errorf("capacity: %v", got.err)
	}
	if s := b.of("r"); s.Generation != 1 {
		t.Errorf("refusals cost %d generations", s.Generation)
	}
}

func TestOwnLimitIsKeptWithoutACall(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"m": mode("max1")})
	p := b.awaitReady("m")
	ctx, cancel := context.WithCancel(t.Context())
	r, c := run(ctx, p, "forever")
	<-r.started
	var full *CapacityError
	if _, err := p.Run(t.Context(), attemptOf(p, ""), newRecorder()); !errors.As(err, &full) {
		t.Errorf("a second run: %v", err)
	}
	cancel()
	if got := within(t, 5*time.Second, c); got.err != nil {
		t.Error(got.err)
	}
	works(t, p)
}

func TestStopEndsARun(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"s": {}})
	p := b.awaitReady("s")
	for do, bound := range map[string]time.Duration{
		"forever":    time.Second,            // at once
		"untilforce": 400 * time.Millisecond, // grace and slack
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		r, c := run(ctx, p, do)
		<-r.started
		began := time.Now()
		cancel(&task.StopError{Reason: task.ReasonTimeout})
		got := within(t, 10*time.Second, c)
		if got.err != nil || got.exit.Result != pluginv1.Result_RESULT_CANCELED {
			t.Errorf("%s: %+v, %v", do, got.exit, got.err)
		}
		if took := time.Since(began); do == "untilforce" && took < bound || took > bound+3*time.Second {
			t.Errorf("%s: took %s, want about %s", do, took, bound)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if exit, err := p.Run(ctx, attemptOf(p, "forever"), newRecorder()); err != nil || exit.Result != pluginv1.Result_RESULT_CANCELED {
		t.Errorf("a run stopped before it began: %+v, %v", exit, err)
	}
}

// A run that ignores even force is kept while its plugin answers, and ends with it.
func TestStragglerIsKept(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"s": {}})
	p := b.awaitReady("s")
	ctx, cancel := context.WithCancel(t.Context())
	r, c := run(ctx, p, "stubborn")
	<-r.started
	cancel()
	for !strings.Contains(b.log.String(), "does not end") {
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case got := <-c:
		t.Fatalf("the run ended: %+v", got)
	default:
	}
	works(t, p)
	b.crash("s")
	var lost *LostError
	if got := within(t, 5*time.Second, c); !errors.As(got.err, &lost) {
		t.Errorf("got %v", got.err)
	}
}

// A plugin that hangs when it is asked to stop a run is killed.
func TestPluginThatHangsInStopIsKilled(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"s": {}}, func(o *Options) {
		o.Timing.Liveness, o.Timing.Call = Liveness{Every: time.Hour, Deadline: 200 * time.Millisecond}, 200*time.Millisecond
	})
	p := b.awaitReady("s")
	ctx, cancel := context.WithCancel(t.Context())
	r, c := run(ctx, p, "freeze")
	<-r.started
	cancel()
	var lost *LostError
	if got := within(t, 8*time.Second, c); !errors.As(got.err, &lost) || got.took > 6*time.Second {
		t.Errorf("got %v after %s", got.err, got.took)
	}
	s := b.await("s", "ready again", func(s task.Plugin) bool { return s.State == task.PluginReady && s.Generation == 2 })
	if s.LastExit.Cause != "unresponsive" {
		t.Errorf("cause %q", s.LastExit.Cause)
	}
}

func TestUnaryCallsAreTypedAndBounded(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"u": {}, "all": mode("", "HOSTILE_ALL", "1")}, func(o *Options) {
		o.Timing.Call = 20 * time.Second
	})
	p := b.awaitReady("u")
	var refused *task.Error
	if err := p.Supports(t.Context(), work("")); err != nil {
		t.Error(err)
	}
	if err := p.Supports(t.Context(), work("no")); !errors.As(err, &refused) || refused.Message != "not today" {
		t.Errorf("no: %v", err)
	}
	if err := p.Supports(t.Context(), work("big")); !errors.As(err, &refused) || refused.Reason != task.ReasonInternal {
		t.Errorf("big: %v", err)
	}
	if err := b.awaitReady("all").Supports(t.Context(), work("no")); err != nil {
		t.Errorf("a kind that is always taken was asked about: %v", err)
	}
	if err := p.Build(t.Context(), "h", work(""), true); err != nil {
		t.Error(err)
	}
	err := p.Build(t.Context(), "h", work("invalid"), false)
	if !errors.As(err, &refused) || refused.Reason != task.ReasonInvalidSpec || len(refused.Violations) != 1 ||
		refused.Violations[0].Path != "spec.workload.spec.do" {
		t.Errorf("invalid: %v", err)
	}
	var full *CapacityError
	if err := p.Build(t.Context(), "h", work("full"), false); !errors.As(err, &full) || full.RetryAfter != 70*time.Millisecond {
		t.Errorf("full: %v", err)
	}
	if err := p.Build(t.Context(), "h", work("plain"), false); !errors.As(err, &refused) || refused.Reason != task.ReasonInternal {
		t.Errorf("plain: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if err := p.Supports(ctx, work("")); err == nil || err.Error() != "enough" {
		t.Errorf("canceled: %v", err)
	}
}

func TestCallsHaveADeadline(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"u": {}}, func(o *Options) { o.Timing.Call = 300 * time.Millisecond })
	p := b.awaitReady("u")
	began := time.Now()
	if err := p.Supports(t.Context(), work("slow")); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*task.Error)) {
		t.Errorf("slow: %v", err)
	} else if took := time.Since(began); took > 2*time.Second {
		t.Errorf("slow: took %s", took)
	}
}

func TestReleasesAreSent(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"r": {}})
	p := b.awaitReady("r")
	p.Release("one")
	p.Release("two")
	for !strings.Contains(b.log.String(), "released two") {
		time.Sleep(time.Millisecond)
	}
	if !strings.Contains(b.log.String(), "released one") {
		t.Error("the first handle was not released")
	}
	p.Release("three") // must not outlive the set
}

func TestManyRunsAtOnce(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"m": {}})
	p := b.awaitReady("m")
	runs := 200
	if long {
		runs = 20_000
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for range runs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r := newRecorder()
			if exit, err := p.Run(t.Context(), attemptOf(p, ""), r); err != nil || exit.Stdout != 5 || r.text() != "hello" {
				t.Errorf("%+v, %v", exit, err)
			}
		})
	}
	wg.Wait()
	if n := b.of("m").Runs; n != 0 {
		t.Errorf("%d runs are left", n)
	}
}
