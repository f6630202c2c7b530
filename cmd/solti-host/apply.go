package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) apply() *cobra.Command {
	var o client.ApplyOptions
	c, files := a.submission("apply", "Create tasks, or change those of the same name")
	c.Long = `Make tasks what files say: create those that are not there, change those that differ, leave the others alone.
Tasks need names. Labels and annotations change in place; any other change starts a new generation.`
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.submit(c.Context(), *files, func(ctx context.Context, host *client.Client, t *task.Task) (*task.Task, string, error) {
			if t.Metadata.Name == "" {
				return nil, "", task.FieldErrors{{Path: "metadata.name", Message: `must be set; to submit a task without a name use "solti-host create"`}}
			}
			stored, did, err := host.Apply(ctx, t, o)
			return stored, string(did), err
		})
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "check, route and build, but store nothing")
	return c
}

// submission returns a command that sends the tasks of files to a host, and the flag with the files.
func (a *app) submission(verb, short string) (*cobra.Command, *[]string) {
	c := &cobra.Command{Use: verb + " -f FILE", Short: short, Args: none}
	files := c.Flags().StringArrayP("file", "f", nil, "file with tasks in YAML or JSON; - is standard input; may be repeated")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if len(*files) == 0 {
			return misuse(c, errors.New("-f FILE is missing"))
		}
		return nil
	}
	return a.hostFlags(a.formatFlag(c)), files
}

// submit reads all files before it sends the first task, and tells what became of each.
func (a *app) submit(ctx context.Context, files []string,
	send func(context.Context, *client.Client, *task.Task) (*task.Task, string, error),
) error {
	type source struct {
		file string
		task *task.Task
	}
	var all []source
	for _, f := range files {
		tasks, err := a.readAll(f)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			all = append(all, source{f, t})
		}
	}
	host, err := a.connect()
	if err != nil {
		return err
	}
	defer host.Close()
	var stored []*task.Task
	for _, s := range all {
		t, did, err := send(ctx, host, s.task)
		if err != nil {
			return inDocument(s.file, named(s.task, err))
		}
		stored = append(stored, t)
		if a.format == table || a.format == wide {
			fmt.Fprintf(a.out, "task/%s %s\n", clean(string(t.Metadata.Name)), did)
		}
	}
	switch {
	case a.format == table || a.format == wide:
		return nil
	case len(stored) == 1:
		return a.show(stored[0], nil)
	default:
		return a.show(listOf(stored), nil)
	}
}

// named says which task of its file err is about, if it has a name.
func named(t *task.Task, err error) error {
	if t.Metadata.Name == "" {
		return err
	}
	return fmt.Errorf("task %s: %w", t.Metadata.Name, err)
}
