package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// completion adds the command that prints what a shell needs.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd("completion")
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "Print what a shell needs to complete commands, flags and names"
			c.Long = c.Short + `: names of tasks and plugins too, asked of
the host that the flags or the environment name. The help of each shell's command says where to put it.`
			c.Example = "  source <(solti-host completion bash)"
		}
	}
}

// What a shell waits for names, and how many it gets.
const (
	completeTime = time.Second
	completeMost = 1000
)

// completeNames offers the names of tasks for a command that takes several.
func (a *app) completeNames(c *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return a.complete(c, given, prefix, func(ctx context.Context, host *client.Client) (names []string) {
		q := task.Query{Limit: task.MaxPage}
		for len(names) < completeMost {
			l, err := host.List(ctx, q)
			if err != nil {
				break
			}
			for _, t := range l.Items {
				if strings.HasPrefix(string(t.Metadata.Name), prefix) {
					names = append(names, string(t.Metadata.Name))
				}
			}
			if q.Continue = l.Metadata.Continue; q.Continue == "" {
				break
			}
		}
		return names
	})
}

// completeName offers the names of tasks for a command that takes one.
func (a *app) completeName(c *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeNames(c, given, prefix)
}

// completePlugin offers the names of plugins for a command that takes one.
func (a *app) completePlugin(c *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c, given, prefix, func(ctx context.Context, host *client.Client) (names []string) {
		plugins, _ := host.Plugins(ctx) // none where nobody answers
		for _, p := range plugins {
			names = append(names, p.Name)
		}
		return names
	})
}

// complete offers the names that the host has, without those that are there already. Without a host
// there is nothing to offer.
func (a *app) complete(c *cobra.Command, given []string, prefix string,
	ask func(context.Context, *client.Client) []string,
) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(c.Context(), completeTime)
	defer cancel()
	host, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer host.Close()
	names := slices.DeleteFunc(ask(ctx, host), func(n string) bool {
		return !strings.HasPrefix(n, prefix) || slices.Contains(given, n)
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeSpecs offers files with tasks.
func completeSpecs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}
