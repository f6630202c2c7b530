package plugin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/sdk"
)

// tells returns settings with which the hostile plugin has metrics, of a sort.
func tells(what string) Settings { return mode("metrics", "HOSTILE_METRICS", what) }

// Whatever a plugin does when it is asked for metrics, the others are heard, nobody waits longer than the
// deadline, and work goes on.
func TestMetricsOfHostilePlugins(t *testing.T) {
	t.Parallel()
	plugins := map[string]Settings{"none": {}}
	for _, what := range []string{"good", "absent", "garbage", "full", "toolarge", "enormous", "fails", "hang", "freeze", "die"} {
		plugins[what] = tells(what)
	}
	b := newSet(t, plugins, func(o *Options) { o.Timing.Liveness.Every = time.Minute })
	for name := range plugins {
		b.awaitReady(name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	began := time.Now()
	answers := make(map[string]MetricsAnswer)
	for _, a := range b.Metrics(ctx) {
		answers[a.Plugin] = a
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the answers took %s, the deadline was 3 s", took)
	}
	for name, want := range map[string]error{
		"good": nil, "garbage": nil, "full": nil, "toolarge": ErrTooLarge, "enormous": ErrTooLarge,
		"hang": context.DeadlineExceeded, "freeze": context.DeadlineExceeded, "die": ErrDown,
	} {
		if a, ok := answers[name]; !ok || a.Generation != 1 || !errors.Is(a.Err, want) || len(a.Text) > sdk.MaxMetrics {
			t.Errorf("%s: answered %t, generation %d, %d bytes, error %v, want %v", name, ok, a.Generation, len(a.Text), a.Err, want)
		}
	}
	if got := answers["fails"].Err; got == nil || got.Error() != "no counters today" {
		t.Errorf("an error of the plugin's own: %v", got)
	}
	if a := answers["full"]; len(a.Text) != sdk.MaxMetrics {
		t.Errorf("the largest answer has %d bytes, want %d", len(a.Text), sdk.MaxMetrics)
	}
	for _, name := range []string{"none", "absent"} {
		if a, ok := answers[name]; ok {
			t.Errorf("%s has no metrics, and answers %v", name, a)
		}
	}
	works(t, b.plugin("good"))
	works(t, b.plugin("enormous"))
}

// A plugin is asked only while it is ready, and each of its generations answers for itself.
func TestMetricsFollowGenerations(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"good": tells("good")})
	b.awaitReady("good").Restart()
	deadline := time.Now().Add(15 * time.Second)
	for {
		answers := b.Metrics(t.Context())
		if slices.ContainsFunc(answers, func(a MetricsAnswer) bool { return a.Generation == 2 && strings.Contains(string(a.Text), "x_total") }) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the second generation does not tell: %v", answers)
		}
		<-time.After(10 * time.Millisecond)
	}
	b.halt()
	if answers := b.Metrics(t.Context()); len(answers) > 0 {
		t.Errorf("after the end: %v", answers)
	}
}
