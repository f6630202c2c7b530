package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

// A validation says whether the tasks in one file follow the rules.
type validation struct {
	File     string           `json:"file"`
	Valid    bool             `json:"valid"`
	Tasks    int              `json:"tasks"` // 0 if it is not valid
	Problems task.FieldErrors `json:"problems"`
}

func (a *app) validate() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check tasks without a host",
		Long: `Check the tasks in files (- is standard input) against all rules that do not depend on a plugin. To check a
workload against the schema of the plugin that would run it, ask a host: "solti-host create --dry-run -f FILE".

With -o every file is an item with its problems, also those that are not valid.`,
		Example: "  solti-host validate specs/*.yaml",
		Args:    some("FILE"),

		ValidArgsFunction: completeSpecs,
		RunE: func(_ *cobra.Command, files []string) error {
			items := []validation{}
			failed := a.all(len(files), func(i int) error {
				tasks, err := a.readAll(files[i])
				if a.documents() {
					items = append(items, checked(files[i], tasks, err))
					return told(err)
				}
				if err != nil {
					return err
				}
				noun := "tasks"
				if len(tasks) == 1 {
					noun = "task"
				}
				fmt.Fprintf(a.out, "%s: %d %s, valid\n", clean(files[i]), len(tasks), noun)
				return nil
			})
			if a.documents() {
				if err := a.show(map[string]any{"items": items}, nil); err != nil {
					return err
				}
			}
			return failed
		},
	}
	return a.documentFlag(c)
}

// checked returns what reading a file has shown.
func checked(file string, tasks []*task.Task, err error) validation {
	v := validation{File: file, Valid: err == nil, Tasks: len(tasks), Problems: task.FieldErrors{}}
	if err == nil {
		return v
	}
	if d, ok := errors.AsType[*documentError](err); ok && len(d.problems()) > 0 {
		v.Problems = d.problems()
	} else {
		v.Problems.Add("", "%v", err)
	}
	return v
}

// told is the exit code of err without its words, which are told elsewhere.
func told(err error) error {
	if err == nil {
		return nil
	}
	return exitError(code(err))
}
