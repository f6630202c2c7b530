// Package router finds the runners that may take a task: by the kinds that they declare and by
// their labels, which the task's runnerSelector chooses from. It never asks a runner and never looks
// into a workload's spec.
//
// A [Table] is a snapshot: whoever registers, drops or relabels a runner makes another one. So it
// needs no lock, and two answers of one table never contradict each other.
//
// The order of registration is the order of preference. Several runners for one kind are in order;
// the first that also says yes to the task itself gets it.
package router
