package sdktest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) metricsChecks() []check {
	return []check{{"KeepTheRules", s.metricsKeepTheRules}}
}

// metricsKeepTheRules asks before and after a run, since some series begin with their first count.
func (s *suite) metricsKeepTheRules(t *testing.T) {
	p := start(t, s.Config)
	n, err := p.client.Name(p.within(t), &pluginv1.NameRequest{})
	if err != nil {
		t.Fatalf("Name: %v", err)
	}
	if !slices.Contains(n.Features, "metrics") {
		if _, err := p.client.Metrics(p.within(t), &pluginv1.MetricsRequest{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("Metrics without the feature metrics: %v, want UNIMPLEMENTED", err)
		}
		return
	}
	p.metrics(t, n.Name)
	if s.OK != nil {
		s.run(t, p, s.OK)
		p.metrics(t, n.Name)
	}
}

// metrics asks for the metrics of the runner called name and checks them.
func (p *process) metrics(t *testing.T, name string) {
	t.Helper()
	answer, err := p.client.Metrics(p.within(t), &pluginv1.MetricsRequest{})
	if err != nil {
		t.Fatalf("Metrics: %v", err)
	}
	if len(answer.Text) > sdk.MaxMetrics {
		t.Fatalf("the metrics have %d bytes, want at most %d", len(answer.Text), sdk.MaxMetrics)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(answer.Text))
	if err != nil {
		t.Fatalf("the metrics are not in the Prometheus text format: %v", err)
	}
	series := 0
	for _, f := range families {
		checkFamily(t, sdk.MetricPrefix(name), f)
		series += len(f.Metric)
	}
	if len(families) > sdk.MaxMetricFamilies || series > sdk.MaxMetricSeries {
		t.Errorf("%d families with %d series, want at most %d and %d", len(families), series, sdk.MaxMetricFamilies, sdk.MaxMetricSeries)
	}
}

var familyForm = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

func checkFamily(t *testing.T, prefix string, f *dto.MetricFamily) {
	t.Helper()
	rest, ok := strings.CutPrefix(f.GetName(), prefix)
	if !ok || !familyForm.MatchString(rest) || len(f.GetName()) > sdk.MaxMetricName {
		t.Errorf("family %s: want %s, a lower-case letter, and at most %d bytes", f.GetName(), prefix, sdk.MaxMetricName)
	}
	if f.GetType() == dto.MetricType_UNTYPED {
		t.Errorf("family %s has no type, want counter, gauge, histogram or summary", f.GetName())
	}
	if f.GetHelp() == "" || len(f.GetHelp()) > sdk.MaxMetricHelp {
		t.Errorf("family %s has %d bytes of help, want 1 to %d", f.GetName(), len(f.GetHelp()), sdk.MaxMetricHelp)
	}
	for _, m := range f.Metric {
		if len(m.Label) > sdk.MaxMetricLabels || m.TimestampMs != nil {
			t.Errorf("family %s: a series has %d labels, want at most %d, and no time", f.GetName(), len(m.Label), sdk.MaxMetricLabels)
		}
		for _, l := range m.Label {
			if l.GetName() == "plugin" || len(l.GetName()) > sdk.MaxMetricName || len(l.GetValue()) > sdk.MaxMetricName {
				t.Errorf("family %s: label %s is too long, or the host's", f.GetName(), l.GetName())
			}
		}
	}
}
