package sdktest_test

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/sdk"
)

// Metrics gathers one counter, as good runners do.
func (r subjectRunner) Metrics() sdk.Gatherer {
	return counting(prometheus.CounterOpts{Name: sdk.MetricPrefix(r.name) + "things_total", Help: "Things."})
}

// A boastful runner has metrics in the host's name.
type boastful struct{ subjectRunner }

func (boastful) Metrics() sdk.Gatherer {
	return counting(prometheus.CounterOpts{Name: "solti_plugin_starts_total", Help: "Launches of plugins that became ready."})
}

func counting(o prometheus.CounterOpts) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(o))
	return registry
}
