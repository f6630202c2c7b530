package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

func (a *app) plugin() *cobra.Command {
	c := &cobra.Command{
		Use:     "plugin",
		Short:   "Look at runner plugins",
		Long:    "Look at the runner plugins of a host: which there are, how they are, and what they take.",
		Example: "  solti-host plugin list",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.pluginList(), a.pluginInspect(), a.pluginExplain())
	return c
}

func (a *app) pluginList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List plugins in the order in which they are asked",
		Long: `List plugins in the order in which they are asked, then those that cannot be used, with the reason and
the remedy.`,
		Example: "  solti-host plugin list -o wide",
		Args:    none,
		RunE: func(c *cobra.Command, _ []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			plugins, err := host.Plugins(c.Context())
			if err != nil {
				return err
			}
			l := task.PluginList{APIVersion: task.APIVersion, Kind: "PluginList", Items: plugins}
			return a.show(l, func(t *tabular, wide bool) { pluginRows(t, plugins, wide) })
		},
	}
	return a.hostFlags(a.formatFlag(c))
}

func pluginRows(t *tabular, plugins []task.Plugin, wide bool) {
	head := []string{"NAME", "STATE", "VERSION", "KINDS", "RUNS"}
	if wide {
		head = append(head, "PID", "GENERATION", "CRASHES", "PATH")
	}
	t.row(append(head, "DETAIL")...)
	for _, p := range plugins {
		row := []string{p.Name, string(p.State), p.Version, kinds(p), strconv.Itoa(p.Runs)}
		if wide {
			row = append(row, pid(p), strconv.Itoa(p.Generation), strconv.Itoa(p.Crashes), p.Path)
		}
		t.row(append(row, firstLine(p.Reason, 100))...)
	}
}

func kinds(p task.Plugin) string {
	var names []string
	for _, k := range p.Kinds {
		names = append(names, k.APIVersion+" "+k.Kind)
	}
	return strings.Join(names, ",")
}

func pid(p task.Plugin) string {
	if p.PID == 0 {
		return ""
	}
	return strconv.Itoa(p.PID)
}

func (a *app) pluginInspect() *cobra.Command {
	c := &cobra.Command{
		Use:               "inspect NAME",
		Short:             "Show all that the host knows of a plugin",
		Long:              "Show all that the host knows of a plugin: its file, its process, and its last words where it has died.",
		Example:           "  solti-host plugin inspect subprocess",
		Args:              one("NAME"),
		ValidArgsFunction: a.completePlugin,
		RunE: func(c *cobra.Command, args []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			p, err := host.Plugin(c.Context(), args[0])
			if err != nil {
				return about("plugin", args[0], err)
			}
			return a.show(p, func(t *tabular, _ bool) { inspectRows(t, p, time.Now()) })
		},
	}
	return a.hostFlags(a.documentFlag(c))
}

func inspectRows(t *tabular, p *task.Plugin, now time.Time) {
	line := func(name, value string) {
		if value != "" {
			t.row(name+":", value)
		}
	}
	line("Name", p.Name)
	line("State", string(p.State))
	line("Reason", p.Reason)
	line("Path", p.Path)
	line("SHA-256", p.SHA256)
	line("Version", p.Version)
	line("Type", p.RunnerType)
	line("Required", strconv.FormatBool(p.Required))
	for _, k := range slices.Sorted(maps.Keys(p.Labels)) {
		line("Label", k+"="+p.Labels[k])
	}
	for _, k := range p.Kinds {
		line("Kind", k.APIVersion+" "+k.Kind)
	}
	line("Features", strings.Join(p.Features, ", "))
	line("PID", pid(*p))
	line("Generation", strconv.Itoa(p.Generation))
	line("Up", age(p.StartedAt, now))
	line("Runs", strconv.Itoa(p.Runs))
	line("Crashes", strconv.Itoa(p.Crashes))
	if p.NextAt.After(now) {
		line("Next start", "in "+short(p.NextAt.Sub(now)))
	}
	if e := p.LastExit; e != nil {
		line("Last exit", fmt.Sprintf("%s ago, %s, %s", age(e.At, now), e.Cause, exitStatus(e)))
		for words := range strings.Lines(e.Stderr) {
			line("Last words", strings.TrimSuffix(words, "\n"))
		}
	}
}

func exitStatus(e *task.PluginExit) string {
	if e.Signal != "" {
		return e.Signal
	}
	return "exit code " + strconv.Itoa(e.ExitCode)
}

func (a *app) pluginExplain() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain SPEC",
		Short: "Say who would run a task, and why the others would not",
		Long: `Say who would run the task in the file SPEC (- is standard input), and why the others would not. Nothing is
stored. The exit code is 1 if nobody would.`,
		Example: "  solti-host plugin explain nightly-backup.yaml",

		ValidArgsFunction: completeSpecs,
		Args:              one("SPEC"),
		RunE: func(c *cobra.Command, args []string) error {
			spec, err := a.readOne(args[0])
			if err != nil {
				return err
			}
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			e, err := host.Explain(c.Context(), spec.task)
			if err != nil {
				return spec.blame(err)
			}
			if err := a.show(e, func(t *tabular, _ bool) { explainRows(t, e) }); err != nil {
				return err
			}
			if e.Error != nil || e.Runner == "" {
				return exitError(exitFailed)
			}
			return nil
		},
	}
	return a.hostFlags(a.documentFlag(c))
}

func explainRows(t *tabular, e *task.Explanation) {
	t.row("RUNNER", "TAKES IT", "WHY NOT")
	for _, r := range e.Runners {
		takes := "no"
		switch {
		case r.Runner == e.Runner:
			takes = "first"
		case r.Accepts:
			takes = "yes"
		}
		t.row(r.Runner, takes, r.Reason)
	}
	if e.Error != nil {
		t.row(string(e.Error.Reason), "", e.Error.Message)
	}
}
