package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) list() *cobra.Command {
	var q task.Query
	var slot, labels string
	var phases []string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List tasks by name",
		Long:    "List tasks by name: all of them, or those that all of the flags fit.",
		Example: "  solti-host list --phase running,pending -l team=infra",
		Args:    none,
		RunE: func(c *cobra.Command, _ []string) error {
			if q.Slot = task.Slot(slot); slot != "" {
				if err := q.Slot.Validate(); err != nil {
					return misuse(c, fmt.Errorf("--slot: %w", err))
				}
			}
			for _, p := range phases {
				q.Phases = append(q.Phases, task.Phase(p))
			}
			if labels != "" {
				s, err := task.ParseSelector(labels)
				if err != nil {
					return misuse(c, fmt.Errorf("--selector: %w", err))
				}
				q.Labels = s
			}
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			l, err := listAll(c.Context(), host, q)
			if err != nil {
				return err
			}
			return a.show(l, func(t *tabular, wide bool) { taskRows(t, l.Items, wide, time.Now()) })
		},
	}
	f := c.Flags()
	f.StringVar(&slot, "slot", "", "only tasks of this slot")
	f.StringVarP(&labels, "selector", "l", "", "only tasks with these labels, as in 'app=web,tier in (a,b),!canary'")
	f.Var(count{&q.Limit, 0}, "limit", "at most so many tasks; 0 means all (default 0)")
	f.BoolVar(&q.System, "system", false, "also the host's own tasks")
	choose(c, &phases, "phase", "only tasks in these phases: "+phaseWords(", "), true, strings.Split(phaseWords(","), ",")...)
	for _, name := range []string{"slot", "selector", "limit"} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return a.hostFlags(a.formatFlag(c))
}

// phaseWords are the phases of tasks with sep between them.
func phaseWords(sep string) string {
	var words []string
	for _, p := range task.Phases {
		words = append(words, string(p))
	}
	return strings.Join(words, sep)
}

// listAll reads page after page until there are q.Limit tasks or no more; 0 means all.
func listAll(ctx context.Context, host *client.Client, q task.Query) (*task.List, error) {
	all, limit := listOf(nil), q.Limit
	for {
		q.Limit = task.MaxPage
		if limit > 0 {
			q.Limit = min(limit-len(all.Items), task.MaxPage)
		}
		l, err := host.List(ctx, q)
		if err != nil {
			return nil, err
		}
		all.Items, all.Metadata = append(all.Items, l.Items...), l.Metadata
		q.Continue = l.Metadata.Continue
		if q.Continue == "" || limit > 0 && len(all.Items) >= limit {
			return all, nil
		}
	}
}
