package config

import (
	"encoding/json"
	"time"
)

// A Config says how a host is to run. All paths are absolute and clean.
type Config struct {
	StateDir    string
	PluginDir   string
	Listen      string        // a loopback TCP address, or None
	LogLevel    string        // trace, debug, info, warn or error
	LogFormat   string        // text or json
	Concurrency int           // attempts at one time; 0 means no limit
	SlotQueue   int           // tasks that may wait for one slot, its owner not counted
	Grace       time.Duration // between asking an attempt to end and killing it
	Retention   Retention
	Output      Output
	PluginOrder []string
	Plugins     map[string]Plugin // by runner name
}

// None is the Listen of a host that has no TCP listener.
const None = "none"

// Retention says how long what is over is kept.
type Retention struct {
	RunTTL   time.Duration // finished runs
	TaskTTL  time.Duration // finished tasks without runs
	Interval time.Duration // between sweeps
	MaxRuns  int           // finished runs per task; 0 keeps none
}

// Output bounds what is kept of the output of tasks, in bytes.
type Output struct {
	PerRun int64 // of one run
	Total  int64 // of all runs
	Rate   int64 // per run and second; 0 means no limit
}

// A Plugin is the operator's word on one plugin.
type Plugin struct {
	Disabled     bool
	Required     bool              // the host is ready only when this plugin is
	Labels       map[string]string // win over those that the plugin declares
	Env          map[string]string // of the plugin's process
	TaskEnv      map[string]string // of its tasks; wins over the task's own
	Args         []string          // of the plugin's process
	StartTimeout time.Duration     // from launch to readiness; 0 means the host's default
	Settings     json.RawMessage   // for the plugin itself: one JSON object; nil means none
}
