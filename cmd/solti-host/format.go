package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/soltihq/solti-host/host/task"
)

// A format is the form of results: "" is a table.
type format string

const (
	table  format = ""
	wide   format = "wide"
	asJSON format = "json"
	asYAML format = "yaml"
)

// A formatFlag is a flag that takes one of some formats.
type formatFlag struct {
	value *format
	among []string
}

// String, Set and Type make a formatFlag a flag.
func (f formatFlag) String() string {
	if f.value == nil {
		return ""
	}
	return string(*f.value)
}

// Set takes a format's name.
func (f formatFlag) Set(s string) error {
	if !slices.Contains(f.among, s) {
		return fmt.Errorf("%q is not one of %s", s, strings.Join(f.among, ", "))
	}
	*f.value = format(s)
	return nil
}

// Type names what the flag takes.
func (f formatFlag) Type() string { return "format" }

// A noFormat is a flag that is there to say why it is not: its text.
type noFormat string

// String, Set and Type make a noFormat a flag.
func (noFormat) String() string { return "" }

// Set refuses every format.
func (n noFormat) Set(string) error { return errors.New(string(n)) }

// Type names what the flag takes.
func (noFormat) Type() string { return "format" }

// formatFlag adds -o to a command that prints a table.
func (a *app) formatFlag(c *cobra.Command) *cobra.Command {
	return a.output(c, "json, yaml or wide (default a table)", asJSON, asYAML, wide)
}

// documentFlag adds -o to a command that prints text.
func (a *app) documentFlag(c *cobra.Command) *cobra.Command {
	return a.output(c, "json or yaml (default text for people)", asJSON, asYAML)
}

func (a *app) output(c *cobra.Command, usage string, among ...format) *cobra.Command {
	var words []string
	for _, f := range among {
		words = append(words, string(f))
	}
	c.Flags().VarP(formatFlag{&a.format, words}, "output", "o", usage)
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// documents reports whether the result is to be a document.
func (a *app) documents() bool { return a.format == asJSON || a.format == asYAML }

// showTasks prints tasks as one document: a list if several were asked for, else the one there is.
func (a *app) showTasks(tasks []*task.Task, several bool) error {
	switch {
	case several:
		return a.show(listOf(tasks), nil)
	case len(tasks) == 1:
		return a.show(tasks[0], nil)
	}
	return nil
}

// show prints v as the flags ask: as JSON or YAML, or as the table that rows fills.
func (a *app) show(v any, rows func(t *tabular, wide bool)) error {
	switch a.format {
	case asJSON:
		return printJSON(a.out, v)
	case asYAML:
		return printYAML(a.out, v)
	}
	t := newTable(a.out)
	rows(t, a.format == wide)
	return t.w.Flush()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printYAML prints what JSON would say, in the same order.
func printYAML(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	doc, err := yamlNode(d)
	if err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return err
	}
	return e.Close()
}

// yamlNode returns the next value of d.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch x := tok.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.MappingNode}
		if x == '[' {
			n.Kind = yaml.SequenceNode
		}
		for d.More() { // names and values alternate, as they do in a mapping's content
			item, err := yamlNode(d)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, item)
		}
		_, err := d.Token() // its end
		return n, err
	case string:
		return textNode(x), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: x.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatBool(x)}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	}
}

// textNode returns s without quotes where neither a parser nor a terminal could take it for
// something else.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsFunc(strings.ReplaceAll(s, "\n", ""), harmful) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// A tabular prints rows in aligned columns.
type tabular struct{ w *tabwriter.Writer }

func newTable(w io.Writer) *tabular { return &tabular{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)} }

// row prints one line. Cells are made harmless; an empty one becomes a hyphen.
func (t *tabular) row(cells ...string) {
	for i, c := range cells {
		if cells[i] = clean(c); c == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}
