package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host"
)

// settings adds the host's settings to c as flags, without those in except, and returns what a later
// call of the function finds of the configuration.
func (a *app) settings(c *cobra.Command, except ...string) func() host.ConfigSource {
	c.Flags().SortFlags = false
	config := c.Flags().String("config", "", "configuration file (default $SOLTI_CONFIG)")
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	values := map[string]*string{}
	for _, s := range host.Settings() {
		if slices.Contains(except, s.Flag) {
			continue
		}
		usage := s.Usage + " ($" + s.Env
		if s.Default != "" {
			usage += ", default " + s.Default
		}
		values[s.Flag] = c.Flags().String(s.Flag, "", usage+")")
	}
	for _, dir := range []string{"state-dir", "plugin-dir"} {
		_ = c.MarkFlagDirname(dir) // an error where the command has no such flag
	}
	return func() host.ConfigSource {
		src := host.ConfigSource{File: *config, Env: a.env, Flags: map[string]string{}, Defaults: map[string]string{}, Log: a.errs, Version: version}
		if src.File == "" {
			src.File = a.getenv("SOLTI_CONFIG")
		}
		for flag, v := range values {
			if c.Flags().Changed(flag) {
				src.Flags[flag] = *v
			}
		}
		return src
	}
}
