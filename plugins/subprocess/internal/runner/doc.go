// Package runner offers processes to the host: it turns the workloads of kind Subprocess into commands
// of package process, and how these end into the results of package sdk.
//
// # Environment
//
// A task's environment is made of layers, of which a later one wins: a small base that depends on
// nothing but the user the plugin runs as, the task's own variables, those that the operator gives to
// the runner, those of the one attempt. On top are the marks that tell to which run a process belongs,
// which nobody can change. Nothing comes from the plugin's own environment but TZ.
package runner
