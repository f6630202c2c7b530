package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/soltihq/solti-host/host/task"
)

// A count is a flag that takes a whole number of at least least.
type count struct {
	value *int
	least int
}

// String, Set and Type make a count a flag.
func (c count) String() string {
	if c.value == nil || *c.value == 0 {
		return ""
	}
	return strconv.Itoa(*c.value)
}

// Set takes a number.
func (c count) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", s)
	}
	if n < c.least {
		return fmt.Errorf("%d is below %d", n, c.least)
	}
	*c.value = n
	return nil
}

// Type names what the flag takes.
func (c count) Type() string { return "number" }

// A span is a flag that takes a time of 0 or more, as documents write it.
type span struct{ value *time.Duration }

// String, Set and Type make a span a flag.
func (d span) String() string {
	if d.value == nil || *d.value == 0 {
		return ""
	}
	return task.Duration(*d.value).String()
}

// Set takes a duration.
func (d span) Set(s string) error {
	var v task.Duration
	if err := v.UnmarshalText([]byte(s)); err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("%s is below 0s", s)
	}
	*d.value = v.D()
	return nil
}

// Type names what the flag takes.
func (d span) Type() string { return "duration" }

// A choice is a flag that takes one of a few words, or with more several, separated by commas.
type choice struct {
	value *[]string
	among []string
	more  bool
}

// String, Set and Type make a choice a flag.
func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return strings.Join(*c.value, ",")
}

// Set takes a word or several; repeated, it adds to them where more are allowed.
func (c choice) Set(s string) error {
	words := []string{s}
	if c.more {
		words = append(slices.Clone(*c.value), strings.Split(s, ",")...)
	}
	for _, w := range words {
		if !slices.Contains(c.among, w) {
			err := fmt.Errorf("%q is not one of %s", w, strings.Join(c.among, ", "))
			if like := task.Closest(w, c.among); like != "" {
				err = fmt.Errorf("%w; did you mean %s?", err, like)
			}
			return err
		}
	}
	*c.value = words
	return nil
}

// Type names what the flag takes.
func (c choice) Type() string {
	if c.more {
		return "words"
	}
	return "word"
}

// choose adds a flag for one of a few words, or with more for several of them.
func choose(c *cobra.Command, value *[]string, name, usage string, more bool, among ...string) {
	c.Flags().Var(choice{value, among, more}, name, usage)
	_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(among, cobra.ShellCompDirectiveNoFileComp))
}

// flagError says which flag of c is wrong, as it was written, and what may have been meant.
func flagError(c *cobra.Command, err error) error {
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s: %w", bad.GetFlag().Name, bad.Unwrap())
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if like := task.Closest(unknown.GetSpecifiedName(), names); like != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, like)
	}
	return err
}
