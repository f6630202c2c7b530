package plugin

import (
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// An Observer is told what happens to plugins, for metrics. Its methods are called from many
// goroutines and must return at once.
type Observer interface {
	// PluginState is told every change of a state.
	PluginState(plugin string, s task.PluginState)
	// PluginStarted is told every plugin that became ready, and how long that took.
	PluginStarted(plugin string, took time.Duration)
	// PluginExited is told every end of a process: clean, crash, startTimeout, unresponsive, killed.
	PluginExited(plugin, cause string)
	// PluginCall is told every call but liveness, with the name of the method and of the gRPC code.
	PluginCall(plugin, method, code string, took time.Duration)
	// PluginLog is told the lines that a plugin logged.
	PluginLog(plugin, level string)
	// PluginLogDropped is told how many lines were dropped.
	PluginLogDropped(plugin string, lines int)
}

// nobody is the Observer of those who want none.
type nobody struct{}

func (nobody) PluginState(string, task.PluginState)             {}
func (nobody) PluginStarted(string, time.Duration)              {}
func (nobody) PluginExited(string, string)                      {}
func (nobody) PluginCall(string, string, string, time.Duration) {}
func (nobody) PluginLog(string, string)                         {}
func (nobody) PluginLogDropped(string, int)                     {}

// logCounter is what the log of one plugin's process counts into.
type logCounter struct {
	observer Observer
	plugin   string
}

func (c logCounter) LogLine(level string) { c.observer.PluginLog(c.plugin, level) }
func (c logCounter) LogDropped(lines int) { c.observer.PluginLogDropped(c.plugin, lines) }
