package host

import (
	"encoding/json"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
)

// Options are the settings of a Host. The zero value is a host without plugins that keeps everything
// in memory.
type Options struct {
	StateDir    string                   // made 0700 if needed; empty means that nothing survives the process
	PluginDir   string                   // with the runner plugins; empty means none
	PluginOrder []string                 // plugins that are registered first, in this order; the others follow by name
	Plugins     map[string]PluginOptions // by name; none are needed

	Concurrency int           // attempts at one time; 0 means no limit
	SlotQueue   int           // tasks that may wait for one slot, its owner not counted; 0 means 100, negative none
	Grace       time.Duration // between asking an attempt to end and forcing it; 0 means 10 s
	Retention   Retention
	Output      OutputLimits

	Listen    string                // loopback TCP address for Serve, such as 127.0.0.1:0; "none" or empty means none
	Version   string                // of the program, shown by the API and told to plugins
	Log       hclog.Logger          // nil means none
	Metrics   prometheus.Registerer // where the host's collectors are registered; nil means a registry of the host's own
	Subreaper bool                  // adopt and reap orphans of plugins: for programs that are a host and nothing else
}

// PluginOptions are the operator's word on one plugin.
type PluginOptions struct {
	Disabled     bool
	Required     bool              // the host is ready only when this plugin is
	Labels       map[string]string // win over those that the plugin declares
	Env          map[string]string // of the plugin's process
	TaskEnv      map[string]string // of its tasks; wins over the task's own
	Args         []string          // of the plugin's process
	StartTimeout time.Duration     // from launch to readiness; 0 means 15 s
	Settings     json.RawMessage   // for the plugin itself: one JSON object; nil means none
}

// Retention says how long what is over is kept. Zero durations mean the defaults: 1 h, 1 h, 5 min.
type Retention struct {
	RunTTL   time.Duration // finished runs
	TaskTTL  time.Duration // finished tasks, once they have no runs left
	Interval time.Duration // between sweeps
	MaxRuns  int           // finished runs per task; 0 means 256
}

// OutputLimits bounds what is kept of the output of tasks, in bytes. The newest output stays.
type OutputLimits struct {
	PerRun int64 // of one run; 0 means 64 MiB
	Total  int64 // of all runs; 0 means 4 GiB
	Rate   int64 // per run and second; 0 means no limit
}
