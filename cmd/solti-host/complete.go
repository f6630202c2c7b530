package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

// completeTime bounds what a shell waits for names.
const completeTime = time.Second

// completeNames offers the names of tasks.
func (a *app) completeNames(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(c.Context(), completeTime)
	defer cancel()
	host, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer host.Close()
	l, err := host.List(ctx, task.Query{Limit: task.MaxPage})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range l.Items {
		if n := string(t.Metadata.Name); strings.HasPrefix(n, prefix) {
			names = append(names, n)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completePlugins offers the names of plugins.
func (a *app) completePlugins(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(c.Context(), completeTime)
	defer cancel()
	host, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer host.Close()
	plugins, err := host.Plugins(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, p := range plugins {
		if strings.HasPrefix(p.Name, prefix) {
			names = append(names, p.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
