package foreign

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/soltihq/solti-host/sdk"
)

// taken is what passes of an answer, and what does not.
type taken struct {
	series  []prometheus.Metric
	dropped map[Reason]dropped // nil means nothing
}

// dropped are the series that one reason keeps out.
type dropped struct {
	series int
	first  string // name of the first family that it was about, at most sdk.MaxMetricName bytes
}

func (t *taken) drop(r Reason, f *dto.MetricFamily, series int) {
	if t.dropped == nil {
		t.dropped = make(map[Reason]dropped)
	}
	d := t.dropped[r]
	if d.series == 0 {
		d.first = f.GetName()[:min(len(f.GetName()), sdk.MaxMetricName)]
	}
	d.series += series
	t.dropped[r] = d
}

// A judgement is the answer of one plugin on its way.
type judgement struct {
	taken
	plugin   string
	prefix   string
	own      []string        // names of the host
	families map[string]bool // names that passed; true for those that also take _count, _sum and _bucket
}

// judge takes what keeps the rules, in the order of names: what is beyond a limit is always the same.
func judge(plugin string, own []string, families map[string]*dto.MetricFamily) taken {
	j := judgement{plugin: plugin, prefix: sdk.MetricPrefix(plugin), own: own, families: make(map[string]bool)}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		if why := j.family(f); why != "" {
			j.drop(why, f, len(f.Metric))
			continue
		}
		compound := f.GetType() == dto.MetricType_HISTOGRAM || f.GetType() == dto.MetricType_SUMMARY
		j.families[name] = compound
		j.all(f)
	}
	return j.taken
}

// rest is what follows the prefix of a plugin: a letter first, so that no prefix begins like another.
var rest = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

// family says why a whole family is dropped; empty means that it is not.
func (j *judgement) family(f *dto.MetricFamily) Reason {
	name := f.GetName()
	after, ok := strings.CutPrefix(name, j.prefix)
	switch {
	case !ok || len(name) > sdk.MaxMetricName || !rest.MatchString(after) || j.occupied(name):
		return BadName
	case len(f.GetHelp()) > sdk.MaxMetricHelp:
		return BadHelp
	case len(j.families) == sdk.MaxMetricFamilies:
		return TooMany
	}
	switch f.GetType() {
	case dto.MetricType_COUNTER, dto.MetricType_GAUGE, dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY:
		return ""
	default:
		return BadType
	}
}

// occupied reports whether a name means a family of the host, or a part of a histogram or summary that
// passed before: those sort before their parts.
func (j *judgement) occupied(name string) bool {
	for _, own := range j.own {
		if strings.HasPrefix(name, own) {
			return true
		}
	}
	for _, part := range []string{"_count", "_sum", "_bucket"} {
		if whole, ok := strings.CutSuffix(name, part); ok && j.families[whole] {
			return true
		}
	}
	return false
}

// all takes the series of a family.
func (j *judgement) all(f *dto.MetricFamily) {
	seen := make(map[string]bool, len(f.Metric))
	var descs describer
	for _, m := range f.Metric {
		labels, ok := j.labels(m.GetLabel())
		key := keyOf(labels)
		var why Reason
		switch {
		case !ok:
			why = BadLabel
		case m.TimestampMs != nil:
			why = BadTime
		case !sound(f.GetType(), m):
			why = BadValue
		case seen[key]:
			why = Duplicate
		case len(j.series) == sdk.MaxMetricSeries:
			why = TooMany
		}
		if why != "" {
			j.drop(why, f, 1)
			continue
		}
		seen[key] = true
		j.series = append(j.series, newSeries(descs.of(f, labels), labels, m))
	}
}

// labels returns the labels of a series in order, with that of the host, or false if one is not taken.
func (j *judgement) labels(said []*dto.LabelPair) ([]*dto.LabelPair, bool) {
	if len(said) > sdk.MaxMetricLabels {
		return nil, false
	}
	labels := make([]*dto.LabelPair, 0, len(said)+1)
	for _, l := range said {
		name := l.GetName()
		switch {
		case name == labelPlugin, name == "le", name == "quantile", strings.HasPrefix(name, "__"),
			len(name) > sdk.MaxMetricName, len(l.GetValue()) > sdk.MaxMetricName:
			return nil, false
		}
		labels = append(labels, l)
	}
	host := labelPlugin
	labels = append(labels, &dto.LabelPair{Name: &host, Value: &j.plugin})
	slices.SortFunc(labels, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
	for i := range labels[1:] {
		if labels[i].GetName() == labels[i+1].GetName() {
			return nil, false
		}
	}
	return labels, true
}

// labelPlugin is the label that the host adds.
const labelPlugin = "plugin"

// keyOf returns a text that is equal for equal labels alone: no label has the byte 0xff.
func keyOf(labels []*dto.LabelPair) string {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(l.GetName())
		b.WriteByte(0xff)
		b.WriteString(l.GetValue())
		b.WriteByte(0xff)
	}
	return b.String()
}
