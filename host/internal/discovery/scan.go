package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Prefix begins the file name of every plugin; what follows is its name.
const Prefix = "solti-runner-"

// MaxSize bounds the size of a plugin's file, in bytes.
const MaxSize = 256 << 20

// maxEntries bounds the entries of a plugins directory that are looked at.
const maxEntries = 10_000

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// ValidName reports whether s can be the name of a plugin: [a-z][a-z0-9-]{0,62}.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// A File is a plugin that is safe to start.
type File struct {
	Name   string // what follows Prefix
	Path   string // absolute, of the file itself: no part of it is a symlink
	SHA256 string // of its bytes, in hexadecimal
	Size   int64  // bytes

	stamp stamp // of the file when its bytes were read
}

// A Rejection is a plugin that is not registered.
type Rejection struct {
	Name   string
	Path   string // empty where there is no file
	Reason string // what is wrong
	Remedy string // what would mend it; may be empty
}

// Error returns reason and remedy.
func (r *Rejection) Error() string {
	if r.Remedy == "" {
		return r.Reason
	}
	return r.Reason + "; " + r.Remedy
}

// A Result is what a scan found.
type Result struct {
	Dir      string      // the directory with all symlinks resolved
	Accepted []File      // in the order of registration
	Rejected []Rejection // sorted by name
}

// Scan looks at the plugins in dir. First come those named in order, in that order, then the others
// by name. A name in order that is repeated or has no file is among the rejected.
//
// The error says that the directory as a whole cannot be used: it is missing, unsafe or unreadable.
func Scan(dir string, order []string) (Result, error) {
	real, err := checkDir(dir)
	if err != nil {
		return Result{}, fmt.Errorf("plugins directory: %w", err)
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		return Result{}, fmt.Errorf("plugins directory: %w", err)
	}
	if len(entries) > maxEntries {
		return Result{}, fmt.Errorf("plugins directory: %s has %d entries, at most %d are allowed", real, len(entries), maxEntries)
	}
	r := Result{Dir: real}
	for _, e := range entries { // sorted by name
		if name, ok := pluginName(e); ok {
			r.add(real, name)
		} else if why := misnamed(e); why != nil {
			why.Path = filepath.Join(real, e.Name())
			r.Rejected = append(r.Rejected, *why)
		}
	}
	r.arrange(order)
	return r, nil
}

// pluginName returns the name of the plugin in an entry, if it looks like one.
func pluginName(e fs.DirEntry) (string, bool) {
	name, ok := strings.CutPrefix(e.Name(), Prefix)
	return name, ok && ValidName(name) && !e.IsDir()
}

// misnamed says what is wrong with an entry that is called like a plugin and cannot be one; nil means
// that it is not meant to be one.
func misnamed(e fs.DirEntry) *Rejection {
	name, ok := strings.CutPrefix(e.Name(), Prefix)
	switch {
	case !ok:
		return nil
	case e.IsDir():
		return &Rejection{Name: name, Reason: "it is a directory", Remedy: "put the binary itself into the plugins directory"}
	case !ValidName(name) && !strings.ContainsAny(name, ".~"): // side files of a plugin, such as its checksum or a backup
		return &Rejection{
			Name: name, Reason: fmt.Sprintf("%q is no name for a plugin", name),
			Remedy: "begin it with a letter and use a-z, 0-9 and hyphens only, at most 63",
		}
	}
	return nil
}

func (r *Result) add(dir, name string) {
	f, err := Check(dir, name)
	if err == nil {
		r.Accepted = append(r.Accepted, f)
		return
	}
	var why *Rejection
	if !errors.As(err, &why) {
		why = &Rejection{Reason: err.Error()}
	}
	why.Name, why.Path = name, filepath.Join(dir, Prefix+name)
	r.Rejected = append(r.Rejected, *why)
}

// arrange puts the accepted into the order of registration and reports mistakes in it.
func (r *Result) arrange(order []string) {
	place := make(map[string]int, len(order))
	known := func(name string) bool {
		return slices.ContainsFunc(r.Accepted, func(f File) bool { return f.Name == name }) ||
			slices.ContainsFunc(r.Rejected, func(j Rejection) bool { return j.Name == name })
	}
	var mistakes []Rejection
	for i, name := range order {
		if _, ok := place[name]; ok {
			mistakes = append(mistakes, Rejection{
				Name: name, Reason: fmt.Sprintf("the configured order names %q twice", name),
				Remedy: "name it once",
			})
			continue
		}
		place[name] = i
		if !known(name) {
			mistakes = append(mistakes, Rejection{
				Name:   name,
				Reason: fmt.Sprintf("the configured order names %q, but %s has no file %s%s", name, r.Dir, Prefix, name),
				Remedy: "install the plugin or take it out of the order",
			})
		}
	}
	slices.SortStableFunc(r.Accepted, func(a, b File) int {
		return rank(place, a.Name) - rank(place, b.Name)
	})
	r.Rejected = append(r.Rejected, mistakes...)
	slices.SortStableFunc(r.Rejected, func(a, b Rejection) int { return strings.Compare(a.Name, b.Name) })
}

// rank returns the place of a name; all names without one share the last.
func rank(place map[string]int, name string) int {
	if i, ok := place[name]; ok {
		return i
	}
	return len(place) + maxEntries
}
