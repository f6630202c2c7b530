package metrics

import (
	"math"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

func none() (Figures, bool) { return Figures{}, false }

// value returns a series without labels; of a histogram its sum.
func (m *Metrics) value(t *testing.T, name string) float64 {
	t.Helper()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != prefix+name {
			continue
		}
		if f.GetType() == dto.MetricType_HISTOGRAM {
			return f.Metric[0].GetHistogram().GetSampleSum()
		}
		return f.Metric[0].GetCounter().GetValue()
	}
	t.Fatalf("no series %s", name)
	return 0
}

// A guest that broke out can say what it likes. Counters do not leap for it.
func TestWhatAWorkerCannotHaveDoneIsNotCounted(t *testing.T) {
	m := New(none)
	const all = math.MaxUint64
	m.Used(wire.Usage{CPU: 1 << 62, PagesPeak: all, Growths: all, Opens: all, Denied: all, QuotaHits: all}, time.Second)
	for name, most := range map[string]float64{
		"guest_cpu_seconds_total": 2000, "guest_peak_pages": maxPages, "guest_page_growths_total": maxPages,
		"guest_opens_total": 1e7 + 1, "guest_denied_total": 1e7 + 1, "guest_quota_hits_total": 1e7 + 1,
	} {
		if got := m.value(t, name); got <= 0 || got > most {
			t.Errorf("%s is %v, want at most %v", name, got, most)
		}
	}
	m.Attempt(Trapped, "a kind of its own")
	m.WorkerLoaded(wire.Ready{Engine: 77}, time.Second)
	if n := len(collect(t, m, "traps_total")); n != len(traps) {
		t.Errorf("%d kinds of traps, want %d", n, len(traps))
	}
	if n := len(collect(t, m, "worker_starts_total")); n != 2 {
		t.Errorf("%d engines, want 2", n)
	}
}

func collect(t *testing.T, m *Metrics, name string) []*dto.Metric {
	t.Helper()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == prefix+name {
			return f.Metric
		}
	}
	return nil
}

// Output is counted on the way of every piece.
func BenchmarkOutput(b *testing.B) {
	m := New(none)
	b.ReportAllocs()
	for b.Loop() {
		m.Output(wire.Stdout, 4096)
	}
}
