package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

func (a *app) version() *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Print the version of this program, and what it was built with.",
		Example: "  solti-host version -o json",
		Args:    none,
		RunE: func(*cobra.Command, []string) error {
			b := task.BuildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if a.documents() {
				return a.show(b, nil)
			}
			_, err := fmt.Fprintf(a.out, "solti-host %s (%s, %s)\n", b.Version, b.Go, b.Platform)
			return err
		},
	}
	return a.documentFlag(c)
}
