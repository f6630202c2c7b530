package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) runs() *cobra.Command {
	c := &cobra.Command{
		Use:               "runs NAME",
		Short:             "List the attempts of a task, oldest first",
		Long:              "List the attempts of a task, oldest first: how each ended, and how much it wrote.",
		Example:           "  solti-host runs nightly-backup -o wide",
		Args:              one("NAME"),
		ValidArgsFunction: a.completeName,
		RunE: func(c *cobra.Command, args []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			l, err := allRuns(c.Context(), host, task.Name(args[0]))
			if err != nil {
				return aboutTask(task.Name(args[0]), err)
			}
			return a.show(l, func(t *tabular, wide bool) { runRows(t, l.Items, wide, time.Now()) })
		},
	}
	return a.hostFlags(a.formatFlag(c))
}

// allRuns reads page after page of the runs of the task that has the name now.
func allRuns(ctx context.Context, host *client.Client, name task.Name) (*task.RunList, error) {
	q := task.RunQuery{Limit: task.MaxPage}
	all, err := host.Runs(ctx, name, q)
	for err == nil && all.Metadata.Continue != "" {
		q.UID, q.Continue = all.UID, all.Metadata.Continue
		var l *task.RunList
		if l, err = host.Runs(ctx, name, q); err == nil {
			l.Items = append(all.Items, l.Items...)
			all = l
		}
	}
	return all, err
}

func runRows(t *tabular, runs []task.Run, wide bool, now time.Time) {
	head := []string{"ATTEMPT", "PHASE", "STARTED", "TOOK", "EXIT", "OUTPUT"}
	if wide {
		head = append(head, "RUN", "RUNNER", "KIND", "GENERATION")
	}
	t.row(append(head, "DETAIL")...)
	for _, r := range runs {
		row := []string{
			strconv.Itoa(r.Attempt), string(r.Phase), age(r.StartedAt, now) + " ago", took(r, now), exitText(r),
			outputText(r),
		}
		if wide {
			row = append(row, string(r.RunID), r.Runner, r.Workload, strconv.FormatInt(r.Generation, 10))
		}
		t.row(append(row, runDetail(r))...)
	}
}

func took(r task.Run, now time.Time) string {
	if r.Active() {
		return short(now.Sub(r.StartedAt))
	}
	return short(r.FinishedAt.Sub(r.StartedAt))
}

func exitText(r task.Run) string {
	switch {
	case r.Signal != "":
		return r.Signal
	case r.ExitCode != nil:
		return strconv.Itoa(*r.ExitCode)
	default:
		return ""
	}
}

// outputText is how much a run wrote, which is known when it has ended.
func outputText(r task.Run) string {
	if r.Active() {
		return ""
	}
	return bytesText(r.StdoutBytes + r.StderrBytes)
}

func runDetail(r task.Run) string {
	if r.Error == nil {
		return ""
	}
	if r.Error.Message == "" {
		return string(r.Error.Reason)
	}
	return firstLine(r.Error.Message, 60)
}

// bytesText prints a number of bytes in the unit that fits.
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "B"
	}
	f, unit := float64(n)/1024, 0
	for ; f >= 1024; f /= 1024 {
		unit++
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + units[unit:unit+1] + "iB"
}
