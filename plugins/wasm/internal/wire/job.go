package wire

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// A Clock is what a guest may know of the time.
type Clock uint8

// The clocks.
const (
	ClockReal   Clock = iota // wall and monotonic time, to the microsecond
	ClockCoarse              // the same to the millisecond
	ClockNone                // begins at a fixed moment, goes on by a fixed step with every reading, and sleeps at once
)

// A Job is one attempt.
type Job struct {
	Entry string   // exported function to call; empty means _start
	Args  []string // the program's name first
	Env   []string // NAME=value
	Stdin *os.File // nil means an empty one

	Mounts    []Mount
	Listeners []Listener

	Clock  Clock
	Seeded bool     // random bytes come from Seed
	Seed   [32]byte // of the random bytes, if Seeded

	OpenFiles uint32        // files and connections the guest may hold open; 0 means 64
	CPU       time.Duration // processor time of the worker during the job; the kernel ends it with SIGXCPU. 0 means no limit
	Last      bool          // the worker exits after the Status
}

// A Mount is a directory that the guest sees.
type Mount struct {
	Guest    string   // path in the guest
	Dir      *os.File // the directory
	Writable bool
	Quota    uint64 // how many bytes the job may add; 0 means no limit
	Links    bool   // the guest may make symbolic and hard links
}

// A Listener is a listening socket that the guest may accept from.
type Listener struct {
	Name string
	File *os.File
}

// Descriptors are what came with a job, as the worker sees them. They are the receiver's to close.
type Descriptors struct {
	Stdin     int   // -1 if there is none
	Mounts    []int // one for each of Job.Mounts
	Listeners []int // one for each of Job.Listeners
}

func (j Job) encode() (*encoder, []*os.File, error) {
	e := encode(kindJob)
	var files []*os.File
	e.string(j.Entry)
	e.strings(j.Args)
	e.strings(j.Env)
	e.bool(j.Stdin != nil)
	if j.Stdin != nil {
		files = append(files, j.Stdin)
	}
	e.uint(uint64(len(j.Mounts)))
	for _, m := range j.Mounts {
		e.string(m.Guest)
		e.bool(m.Writable)
		e.uint(m.Quota)
		e.bool(m.Links)
		files = append(files, m.Dir)
	}
	e.uint(uint64(len(j.Listeners)))
	for _, l := range j.Listeners {
		e.string(l.Name)
		files = append(files, l.File)
	}
	e.uint(uint64(j.Clock))
	e.bool(j.Seeded)
	if j.Seeded {
		e.b = append(e.b, j.Seed[:]...)
	}
	e.uint(uint64(j.OpenFiles))
	e.duration(j.CPU)
	e.bool(j.Last)
	return e, files, j.check(files)
}

func (j Job) check(files []*os.File) error {
	if len(files) > maxDescriptors {
		return fmt.Errorf("a job takes at most %d mounts and listeners, not %d", maxDescriptors-1, len(files))
	}
	for _, f := range files {
		if f == nil {
			return errors.New("a mount or listener without its file")
		}
	}
	return nil
}

func (j *Job) decode(d *decoder) (stdin bool, err error) {
	j.Entry = d.string()
	j.Args = d.strings()
	j.Env = d.strings()
	stdin = d.bool()
	for range d.count(4) {
		j.Mounts = append(j.Mounts, Mount{Guest: d.string(), Writable: d.bool(), Quota: d.uint(), Links: d.bool()})
	}
	for range d.count(1) {
		j.Listeners = append(j.Listeners, Listener{Name: d.string()})
	}
	j.Clock = Clock(d.uint())
	if j.Seeded = d.bool(); j.Seeded {
		if len(d.b) < len(j.Seed) {
			d.fail("seed cut short")
		}
		d.b = d.b[copy(j.Seed[:], d.b):]
	}
	j.OpenFiles = uint32(d.uint())
	j.CPU = d.duration()
	j.Last = d.bool()
	return stdin, d.end()
}

// split gives each descriptor its place.
func (j *Job) split(stdin bool, fds []int) (Descriptors, error) {
	ds := Descriptors{Stdin: -1}
	want := len(j.Mounts) + len(j.Listeners)
	if stdin {
		want++
	}
	if len(fds) != want {
		return ds, fmt.Errorf("%w: %d descriptors, want %d", ErrProtocol, len(fds), want)
	}
	if stdin {
		ds.Stdin, fds = fds[0], fds[1:]
	}
	ds.Mounts, ds.Listeners = fds[:len(j.Mounts)], fds[len(j.Mounts):]
	return ds, nil
}
