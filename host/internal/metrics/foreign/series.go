package foreign

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A series implements prometheus.Metric with what a plugin told. It is shared by scrapes that overlap,
// and never changed.
type series struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair // in order
	told   *dto.Metric
}

func newSeries(d *prometheus.Desc, labels []*dto.LabelPair, told *dto.Metric) series {
	return series{desc: d, labels: labels, told: told}
}

// Desc implements prometheus.Metric.
func (s series) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s series) Write(out *dto.Metric) error {
	out.Label = slices.Clone(s.labels) // a registry that adds labels appends to it
	out.Counter, out.Gauge = s.told.Counter, s.told.Gauge
	out.Histogram, out.Summary = s.told.Histogram, s.told.Summary
	return nil
}

// A describer makes one description for series of a family with the same labels in a row.
type describer struct {
	last  *prometheus.Desc
	names []string
}

func (d *describer) of(f *dto.MetricFamily, labels []*dto.LabelPair) *prometheus.Desc {
	same := d.last != nil && slices.EqualFunc(d.names, labels, func(name string, l *dto.LabelPair) bool { return name == l.GetName() })
	if !same {
		d.names = make([]string, len(labels))
		for i, l := range labels {
			d.names[i] = l.GetName()
		}
		d.last = prometheus.NewDesc(f.GetName(), f.GetHelp(), d.names, nil)
	}
	return d.last
}
