package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

func (a *app) get() *cobra.Command {
	c := &cobra.Command{
		Use:               "get NAME...",
		Short:             "Show tasks",
		Long:              "Show tasks, each in a row, or with -o as documents that hold all that the host knows of them.",
		Example:           "  solti-host get nightly-backup -o yaml",
		Args:              some("NAME"),
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, names []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			var tasks []*task.Task
			failed := a.each(names, func(name task.Name) error {
				t, err := host.Get(c.Context(), name)
				if err == nil {
					tasks = append(tasks, t)
				}
				return err
			})
			switch {
			case a.documents():
				err = a.showTasks(tasks, len(names) > 1)
			case len(tasks) > 0:
				err = a.show(nil, func(t *tabular, wide bool) { taskRows(t, tasks, wide, time.Now()) })
			}
			if err != nil {
				return err
			}
			return failed
		},
	}
	return a.hostFlags(a.formatFlag(c))
}

// listOf returns tasks as the API would list them.
func listOf(tasks []*task.Task) *task.List {
	if tasks == nil {
		tasks = []*task.Task{}
	}
	return &task.List{APIVersion: task.APIVersion, Kind: "TaskList", Items: tasks}
}

// taskRows prints one task a row.
func taskRows(t *tabular, tasks []*task.Task, wide bool, now time.Time) {
	head := []string{"NAME", "SLOT", "PHASE", "ATTEMPT", "AGE"}
	if wide {
		head = append(head, "KIND", "RUNNER", "UID")
	}
	t.row(append(head, "DETAIL")...)
	for _, x := range tasks {
		row := []string{
			string(x.Metadata.Name), string(x.Spec.Slot), string(x.Status.Phase),
			strconv.Itoa(x.Status.Attempt), age(x.Metadata.CreationTimestamp, now),
		}
		if wide {
			row = append(row, x.Spec.Workload.Kind, x.Status.Runner, x.Metadata.UID.String())
		}
		t.row(append(row, detail(x, now))...)
	}
}

// detail says in a few words why a task stands where it does.
func detail(t *task.Task, now time.Time) string {
	s := t.Status
	switch {
	case s.Outcome != nil && s.Outcome.Kind == task.OutcomeCompleted:
		return ""
	case s.Outcome != nil:
		return strings.TrimSuffix(string(s.Outcome.Reason)+": "+firstLine(why(t), 60), ": ")
	case !t.Metadata.DeletionTimestamp.IsZero():
		return "being deleted"
	case s.Waiting != "" && s.NextAt.After(now):
		return fmt.Sprintf("next attempt in %s", short(s.NextAt.Sub(now)))
	case s.Waiting != "":
		return "waits for " + s.Waiting
	default:
		return ""
	}
}

// why says in words how the last attempt of a task ended.
func why(t *task.Task) string {
	s := t.Status
	switch {
	case s.Outcome != nil && s.Outcome.Message != "":
		return s.Outcome.Message
	case s.Error != nil && s.Error.Message != "":
		return s.Error.Message
	case s.Signal != "":
		return "killed by " + s.Signal
	case s.ExitCode != nil && *s.ExitCode != 0: // a success before a cancellation explains nothing
		return "exit code " + strconv.Itoa(*s.ExitCode)
	case s.Error != nil:
		return string(s.Error.Reason)
	default:
		return ""
	}
}

// age is the time since at, or a hyphen's nothing if there is none.
func age(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return short(now.Sub(at))
}

// short prints d in its largest fitting unit, or two: 950ms, 12s, 3m4s, 5h, 12d.
func short(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < 10*time.Minute:
		return task.Duration(d.Round(time.Second)).String()
	case d < 10*time.Hour:
		return task.Duration(d.Round(time.Minute)).String()
	case d < 100*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	default:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
}
