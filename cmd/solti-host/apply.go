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
	c.Example = `  solti-host apply -f nightly-backup.yaml
  generate-tasks | solti-host apply -f - --dry-run`
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.submit(c.Context(), *files, func(ctx context.Context, host *client.Client, t *task.Task) (*task.Task, string, error) {
			if t.Metadata.Name == "" {
				return nil, "", task.FieldErrors{{Path: "metadata.name", Message: `must be set; to submit a task without a name use "solti-host create"`}}
			}
			stored, did, err := host.Apply(ctx, t, o)
			return stored, verb(string(did), o.DryRun), err
		})
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "check, route and build, but store nothing")
	return c
}

// verb says what was done, or would have been.
func verb(did string, dry bool) string {
	if dry {
		return did + " (dry run)"
	}
	return did
}

// submission returns a command that sends the tasks of files to a host, and the flag with the files.
func (a *app) submission(verb, short string) (*cobra.Command, *[]string) {
	c := &cobra.Command{Use: verb + " -f FILE", Short: short, Args: none}
	files := c.Flags().StringArrayP("file", "f", nil, "file with tasks in YAML or JSON; - is standard input; may be repeated")
	_ = c.MarkFlagFilename("file", "yaml", "yml", "json")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if len(*files) == 0 {
			return misuse(c, errors.New("-f FILE is missing"))
		}
		return nil
	}
	return a.hostFlags(a.documentFlag(c)), files
}

// submit reads all files before it sends the first task, and tells what became of each. What is wrong
// with one task does not keep it from sending the others.
func (a *app) submit(ctx context.Context, files []string,
	send func(context.Context, *client.Client, *task.Task) (*task.Task, string, error),
) error {
	all, err := a.sources(files)
	if err != nil {
		return err
	}
	host, err := a.connect()
	if err != nil {
		return err
	}
	defer host.Close()
	var stored []*task.Task
	failed := a.all(len(all), func(i int) error {
		t, did, err := send(ctx, host, all[i].task)
		if err != nil {
			return all[i].blame(err)
		}
		stored = append(stored, t)
		if !a.documents() {
			fmt.Fprintf(a.out, "task/%s %s%s\n", clean(nameOf(t)), did, standing(t))
		}
		return nil
	})
	if a.documents() {
		if err := a.showTasks(stored, len(all) > 1); err != nil {
			return err
		}
	}
	return failed
}

// nameOf is the name of a task, or a word for that of one that was not stored.
func nameOf(t *task.Task) string {
	if t.Metadata.Name == "" {
		return "(no name yet)"
	}
	return string(t.Metadata.Name)
}

// standing says where an answered submission stands if that is anything but on its way.
func standing(t *task.Task) string {
	s := t.Status
	switch {
	case s.Outcome != nil && s.Outcome.Kind == task.OutcomeRejected:
		return ", but rejected: " + firstLine(why(t), 200)
	case s.Outcome != nil:
		return ", over already: " + string(s.Phase)
	case s.Phase != task.Pending:
		return ""
	case s.Waiting == "slot" && t.Spec.Admission == task.Replace:
		return fmt.Sprintf(", takes slot %s when its owner has ended", clean(string(t.Spec.Slot)))
	case s.Waiting == "slot":
		return fmt.Sprintf(", queued: slot %s is busy", clean(string(t.Spec.Slot)))
	case s.Waiting != "":
		return ", waits for " + clean(s.Waiting)
	}
	return ""
}
