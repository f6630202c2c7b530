package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// A Source says where settings come from and on which machine.
type Source struct {
	File       string            // path of a YAML file; empty means none
	Env        []string          // NAME=value, as os.Environ returns it
	Flags      map[string]string // by Setting.Flag; only those that were given
	Defaults   map[string]string // by Setting.Key; win over Setting.Default
	Dir        string            // what relative paths in flags and variables start from
	Root       bool              // the host runs as root
	Executable string            // path of the running program; empty means unknown

	// CheckPluginDir says why programs must not be started from a directory. Nil means that nobody asks.
	CheckPluginDir func(dir string) error
}

// Load returns the configuration that s adds up to. Its error is a task.FieldErrors that holds every
// problem; paths in it are those of the file behind its name, a variable, or a flag.
func Load(s Source) (*Config, error) {
	l := &loader{source: s, settings: Settings(), config: &Config{Plugins: map[string]Plugin{}}, origin: map[string]string{}}
	l.file = l.readFile()
	for _, setting := range l.settings {
		l.apply(setting)
	}
	l.checkPlugins()
	l.checkPaths()
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return l.config, nil
}

// A loader collects values and problems.
type loader struct {
	source   Source
	settings []Setting
	config   *Config
	file     map[string]value  // what the file says, by key
	origin   map[string]string // where the value of a key came from
	problems task.FieldErrors
}

// apply sets one setting from the strongest source that has it.
func (l *loader) apply(s Setting) {
	texts, from := l.find(s)
	l.origin[s.Key] = from
	if len(texts) == 0 && !s.List {
		return
	}
	if err := s.set(l.config, texts); err != nil {
		l.problems.Add(from, "%v", err)
	}
}

// find returns the texts of a setting and the place they came from.
func (l *loader) find(s Setting) (texts []string, from string) {
	if text, ok := l.source.Flags[s.Flag()]; ok {
		return l.outside(s, text), "--" + s.Flag()
	}
	if text := lookup(l.source.Env, s.Env()); text != "" {
		return l.outside(s, text), s.Env()
	}
	if v, ok := l.file[s.Key]; ok {
		return v.texts, l.inFile(s.Key)
	}
	if text, ok := l.source.Defaults[s.Key]; ok {
		return l.outside(s, text), s.Key
	}
	switch s.Key {
	case "stateDir":
		dir, err := DefaultStateDir(l.source.Root, l.source.Env)
		if err != nil {
			l.problems.Add(s.Key, "%v", err)
			return nil, s.Key
		}
		return []string{dir}, s.Key
	case "pluginDir":
		return []string{defaultPluginDir(l.source.Executable)}, s.Key
	}
	return l.outside(s, s.Default), s.Key
}

// outside splits the text of a flag or variable, and makes a path absolute as a shell would.
func (l *loader) outside(s Setting, text string) []string {
	switch {
	case s.List && text == "":
		return nil
	case s.List:
		return strings.Split(text, ",")
	case (s.Key == "stateDir" || s.Key == "pluginDir") && text != "" && !filepath.IsAbs(text):
		return []string{filepath.Join(l.source.Dir, text)}
	}
	return []string{text}
}

func (l *loader) inFile(key string) string { return l.source.File + ": " + key }

// lookup returns the value of a variable, the last one if there are several.
func lookup(env []string, name string) string {
	for _, e := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// maxSocket is the longest path of a Unix socket, in bytes.
func maxSocket() int {
	if runtime.GOOS == "linux" {
		return 107
	}
	return 103
}

// checkPaths finds what cannot work before anything is created.
func (l *loader) checkPaths() {
	state, plugins := l.config.StateDir, l.config.PluginDir
	if state == "" || plugins == "" {
		return // reported already
	}
	if socket := filepath.Join(state, task.GRPCSocketFile); len(socket) > maxSocket() {
		l.problems.Add(l.origin["stateDir"], "the socket %s would have a path of %d bytes, and %d is the system's limit: choose a shorter directory",
			socket, len(socket), maxSocket())
	}
	if err := checkStateDir(state); err != nil {
		l.problems.Add(l.origin["stateDir"], "%v", err)
	}
	if err := l.checkPluginDir(plugins); err != nil {
		l.problems.Add(l.origin["pluginDir"], "%v", err)
	}
	if inside(state, plugins) {
		l.problems.Add(l.origin["stateDir"], "%s lies in the plugin directory %s: what tasks write must not be where programs are started from", state, plugins)
	}
}

// checkStateDir refuses a directory that a host would refuse. One that is not there will be made.
func checkStateDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s is writable for group or others (mode %04o), who could replace its files: chmod go-w %s",
			dir, info.Mode().Perm(), dir)
	}
	return nil
}

// checkPluginDir refuses a directory that somebody has named and that is none, and one that is not safe.
func (l *loader) checkPluginDir(dir string) error {
	if l.origin["pluginDir"] != "pluginDir" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
	}
	if l.source.CheckPluginDir == nil {
		return nil
	}
	return l.source.CheckPluginDir(dir)
}

// inside reports whether path is dir or lies below it, links resolved as far as there are any.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(resolve(dir), resolve(path))
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// resolve returns path without links in the part of it that exists.
func resolve(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolve(parent), filepath.Base(path))
}
