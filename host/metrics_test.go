package host_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

// A program that brings a host along may gather at any time, also before the plugins are there and after they
// are gone.
func TestARegistryOfTheProgramCanBeGatheredAtAnyTime(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	gather := func(when string) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Errorf("%s: %v", when, err)
		}
		for _, f := range families {
			if l := f.Metric[0].Label; len(l) == 0 {
				t.Errorf("%s: %s lacks the label of the program", when, f.GetName())
			}
		}
	}
	h := open(t, host.Options{PluginDir: plugins, Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"a_host": "one"}, registry)})
	gather("at the start")
	h.submit(shell("a", "true", nil))
	h.ends("a", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	gather("after a task")
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	gather("after the end")
}
