package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// Figures are what others count.
type Figures struct {
	Cache   cache.Stats
	Modules content.Stats
	Pool    pool.Stats
	Workers int   // alive
	PSS     int64 // bytes of memory that they take, about
	Native  bool  // modules are compiled here, not interpreted
}

// A figure is one series that is read.
type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	label []string
	value func(*Figures) float64
}

// pulled are the series that are read when they are asked for.
type pulled struct {
	figures func() (Figures, bool)
	info    *prometheus.Desc
	all     []figure
}

func newPulled(figures func() (Figures, bool)) *pulled {
	p := &pulled{
		figures: figures,
		info:    prometheus.NewDesc(prefix+"info", "What runs modules, as labels; always 1.", []string{"engine", "wazero"}, nil),
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	add := func(kind prometheus.ValueType, name, help string, value func(*Figures) float64) {
		p.all = append(p.all, figure{prometheus.NewDesc(prefix+name, help, nil, nil), kind, nil, value})
	}
	add(counter, "cache_corrupt_total", "Files of the cache that were not what they should be.", func(f *Figures) float64 { return float64(f.Cache.Corrupt) })
	add(counter, "cache_quarantined_total", "Of them, those that were moved away.", func(f *Figures) float64 { return float64(f.Cache.Quarantined) })
	add(counter, "cache_evicted_bytes_total", "Bytes on disk that were freed for other code.", func(f *Figures) float64 { return float64(f.Cache.EvictedBytes) })
	add(counter, "cache_write_errors_total", "Native code that could not be kept on disk.", func(f *Figures) float64 { return float64(f.Cache.WriteErrors) })
	add(gauge, "cache_disk_bytes", "Bytes of the cache on disk.", func(f *Figures) float64 { return float64(f.Cache.DiskBytes) })
	add(gauge, "cache_memory_bytes", "Bytes of native code in memory.", func(f *Figures) float64 { return float64(f.Cache.MemoryBytes) })
	add(counter, "modules_damaged_total", "Files of the module store that were damaged, and moved away.", func(f *Figures) float64 { return float64(f.Modules.Damaged) })
	add(gauge, "modules_disk_bytes", "Bytes of the module store on disk.", func(f *Figures) float64 { return float64(f.Modules.Bytes) })
	add(gauge, "pool_idle_workers", "Workers that wait.", func(f *Figures) float64 { return float64(f.Pool.Idle) })
	add(gauge, "pool_idle_bytes", "Memory that they take.", func(f *Figures) float64 { return float64(f.Pool.IdleBytes) })
	add(gauge, "workers", "Workers that are alive.", func(f *Figures) float64 { return float64(f.Workers) })
	add(gauge, "workers_pss_bytes", "Memory that they take, about; what they share counts once.", func(f *Figures) float64 { return float64(f.PSS) })
	takes := prometheus.NewDesc(prefix+"pool_takes_total", "Workers that were asked for, by whether one waited.", []string{"result"}, nil)
	p.all = append(p.all,
		figure{takes, counter, []string{"hit"}, func(f *Figures) float64 { return float64(f.Pool.Hits) }},
		figure{takes, counter, []string{"miss"}, func(f *Figures) float64 { return float64(f.Pool.Misses) }},
	)
	return p
}

// Describe implements prometheus.Collector.
func (p *pulled) Describe(out chan<- *prometheus.Desc) {
	out <- p.info
	for _, f := range p.all {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector. Before the first attempt there is nothing but zeros, and no word
// on the engine.
func (p *pulled) Collect(out chan<- prometheus.Metric) {
	figures, ok := p.figures()
	for _, f := range p.all {
		out <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(&figures), f.label...)
	}
	if !ok {
		return
	}
	engine := wire.EngineInterpreter
	if figures.Native {
		engine = wire.EngineCompiler
	}
	out <- prometheus.MustNewConstMetric(p.info, prometheus.GaugeValue, 1, engine.String(), compile.EngineVersion())
}
