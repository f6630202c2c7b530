package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/host/task"
)

// pulled are the metrics that are read from their source when they are asked for.
type pulled struct {
	Sources
	phases   *prometheus.Desc
	overflow *prometheus.Desc
	info     *prometheus.Desc
	state    *prometheus.Desc
	crashes  *prometheus.Desc
}

func newPulled(s Sources) *pulled {
	return &pulled{
		Sources:  s,
		phases:   prometheus.NewDesc("solti_core_tasks_by_phase", "Tasks in each phase.", []string{"phase"}, nil),
		overflow: prometheus.NewDesc("solti_taskvisor_subscriber_overflows_total", "Events that subscribers have missed.", nil, nil),
		info:     prometheus.NewDesc("solti_plugin_info", "The plugin, as labels; always 1.", []string{"plugin", "version", "sha256"}, nil),
		state:    prometheus.NewDesc("solti_plugin_state", "1 for the state that the plugin is in.", []string{"plugin", "state"}, nil),
		crashes:  prometheus.NewDesc("solti_plugin_crashes_total", "Crashes since the host started.", []string{"plugin"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (p *pulled) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.phases, p.overflow, p.info, p.state, p.crashes} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (p *pulled) Collect(out chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	counts := p.Phases()
	for _, phase := range task.Phases {
		send(p.phases, prometheus.GaugeValue, float64(counts[phase]), string(phase))
	}
	send(p.overflow, prometheus.CounterValue, float64(p.BusLosses()))
	seen := map[string]bool{} // two files cannot have one name, but a rejected one may say so
	for _, pl := range p.Sources.Plugins() {
		if seen[pl.Name] {
			continue
		}
		seen[pl.Name] = true
		send(p.info, prometheus.GaugeValue, 1, pl.Name, pl.Version, short(pl.SHA256))
		send(p.crashes, prometheus.CounterValue, float64(pl.Crashes), pl.Name)
		for _, s := range task.PluginStates {
			v := 0.0
			if s == pl.State {
				v = 1
			}
			send(p.state, prometheus.GaugeValue, v, pl.Name, string(s))
		}
	}
}

func short(digest string) string { return digest[:min(len(digest), 12)] }
