package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// guest is what guests used.
type guest struct {
	cpu       prometheus.Counter
	pages     prometheus.Histogram
	growths   prometheus.Counter
	opens     prometheus.Counter
	denied    prometheus.Counter
	quota     prometheus.Counter
	throttled prometheus.Counter

	bytes   *prometheus.CounterVec
	dropped *prometheus.CounterVec
	streams [2]stream // stdout, stderr
}

// A stream has the counters of one stream at hand.
type stream struct{ bytes, dropped prometheus.Counter }

func newGuest() guest {
	g := guest{
		cpu:       counter("guest_cpu_seconds_total", "Processor time of guests."),
		pages:     histogram("guest_peak_pages", "Most pages of 64 KiB that guests had.", []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536}),
		growths:   counter("guest_page_growths_total", "How often guests' memory grew."),
		opens:     counter("guest_opens_total", "Files and directories that guests opened."),
		denied:    counter("guest_denied_total", "What guests wanted of the file system and was not granted, such as ways out of it."),
		quota:     counter("guest_quota_hits_total", "What guests wanted to write beyond the quota of a mount."),
		throttled: counter("guest_output_throttled_seconds_total", "How long output has waited because of its rate."),
		bytes:     counters("guest_output_bytes_total", "Output of guests that was handed on.", "stream"),
		dropped:   counters("guest_output_dropped_bytes_total", "Output of guests beyond its limit.", "stream"),
	}
	for i := range g.streams {
		name := (wire.Stdout + wire.Stream(i)).String()
		g.streams[i] = stream{g.bytes.WithLabelValues(name), g.dropped.WithLabelValues(name)}
	}
	return g
}

func (g *guest) collectors() []prometheus.Collector {
	return []prometheus.Collector{g.cpu, g.pages, g.growths, g.opens, g.denied, g.quota, g.throttled, g.bytes, g.dropped}
}

// Output counts bytes of a stream that were handed on.
func (m *Metrics) Output(s wire.Stream, n int) { m.guest.streams[s-wire.Stdout].bytes.Add(float64(n)) }

// Dropped counts bytes of a stream that were not.
func (m *Metrics) Dropped(s wire.Stream, n int64) {
	m.guest.streams[s-wire.Stdout].dropped.Add(float64(n))
}

// What a worker can say at most. A memory of 65536 pages cannot grow more often; a system call takes at
// least some hundred nanoseconds.
const (
	maxPages = 1 << 16
	fastest  = 100 * time.Nanosecond
)

// Used counts what the guest of an attempt used, whose worker had it for so long.
func (m *Metrics) Used(u wire.Usage, took time.Duration) {
	calls := uint64(took/fastest) + 1
	m.guest.cpu.Add(min(u.CPU, took*time.Duration(runtime.NumCPU())+time.Second).Seconds())
	m.guest.pages.Observe(float64(min(u.PagesPeak, maxPages)))
	m.guest.growths.Add(float64(min(u.Growths, maxPages)))
	m.guest.opens.Add(float64(min(u.Opens, calls)))
	m.guest.denied.Add(float64(min(u.Denied, calls)))
	m.guest.quota.Add(float64(min(u.QuotaHits, calls)))
	m.guest.throttled.Add(u.Throttled.Seconds())
}
