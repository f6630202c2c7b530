package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) validate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check tasks without a host",
		Long: `Check the tasks in files (- is standard input) against all rules that do not depend on a plugin. To check a
workload against the schema of the plugin that would run it, ask a host: "solti-host create --dry-run -f FILE".`,
		Args: some("FILE"),
		RunE: func(_ *cobra.Command, files []string) error {
			failed := false
			for _, f := range files {
				tasks, err := a.readAll(f)
				if err != nil {
					a.exit(err) // tell, and go on to the next file
					failed = true
					continue
				}
				noun := "tasks"
				if len(tasks) == 1 {
					noun = "task"
				}
				fmt.Fprintf(a.out, "%s: %d %s, valid\n", f, len(tasks), noun)
			}
			if failed {
				return exitError(exitMisuse)
			}
			return nil
		},
	}
}
