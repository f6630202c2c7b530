package sdk_test

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/sdk"
)

// A probeRunner counts what it probes.
type probeRunner struct {
	registry *prometheus.Registry
	probes   *prometheus.CounterVec
}

func newProbeRunner() *probeRunner {
	r := &probeRunner{
		registry: prometheus.NewRegistry(),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "solti_runner_probe_probes_total", Help: "Probes that were made.",
		}, []string{"result"}),
	}
	r.registry.MustRegister(r.probes)
	return r
}

// Metrics makes the runner an [sdk.Metered]: a registry is handed over as it is.
func (r *probeRunner) Metrics() sdk.Gatherer { return r.registry }

func (r *probeRunner) Name() sdk.Info {
	return sdk.Info{Name: "probe", Kinds: []sdk.Kind{{APIVersion: "acme.dev/v1", Kind: "Probe"}}}
}

func (r *probeRunner) Supports(context.Context, *sdk.Spec) error { return nil }

func (r *probeRunner) BuildTask(context.Context, *sdk.Build) (sdk.Task, error) {
	return taskFunc(func(context.Context, *sdk.Run) error {
		r.probes.WithLabelValues("ok").Inc()
		return nil
	}), nil
}

// A runner with metrics of its own. The host shows them as solti_runner_probe_probes_total{plugin="probe",result="ok"}.
func ExampleMetered() {
	r := newProbeRunner()
	task, _ := r.BuildTask(context.Background(), nil)
	_ = task.Run(context.Background(), nil)
	families, _ := r.Metrics().Gather()
	fmt.Println(families[0].GetName(), families[0].Metric[0].GetCounter().GetValue())
	// Output: solti_runner_probe_probes_total 1
}
