package process

import (
	"fmt"
	"io"
	"syscall"
	"time"
)

// Names of the environment variables that the engine puts in front of an attempt's environment.
const (
	EnvRunID   = "SOLTI_RUN_ID"  // the run's id, by which processes are told to belong to it
	EnvTask    = "SOLTI_TASK"    // name of the task
	EnvAttempt = "SOLTI_ATTEMPT" // number of the attempt, from 1
	EnvHostID  = "SOLTI_HOST_ID" // id of the host, where it is known
)

// A Command is what one attempt runs.
type Command struct {
	Name string   // a path, or a name that is looked for in Path; relative paths count from Dir
	Args []string // without the name
	Env  []string // the whole environment, NAME=value; it should hold EnvRunID
	Path string   // directories to look for Name in, separated by colons; relative ones are skipped
	Dir  string   // working directory; empty means /

	// Script is run by Name as its first argument. Nil means none.
	Script *string

	RunID  string          // as in Env; empty means that orphans are told by their session only
	Stdout io.Writer       // gets all of standard output; after an error the rest is dropped
	Stderr io.Writer       // the same for standard error
	Force  <-chan struct{} // closed to turn a stop into a kill; nil means never

	// Started is called once, as soon as the command runs. Nil means nobody asks.
	Started func(Leader)
}

// A Leader is the process that an attempt starts.
type Leader struct {
	PID   int
	Start uint64 // clock ticks since boot, as in field 22 of /proc/PID/stat; 0 means not known
}

// String returns PID@START, which names a process for as long as the machine is up.
func (l Leader) String() string {
	if l.Start == 0 {
		return fmt.Sprintf("%d", l.PID)
	}
	return fmt.Sprintf("%d@%d", l.PID, l.Start)
}

// An Exit says how an attempt ended.
type Exit struct {
	Code    int            // the leader's exit code; -1 if a signal ended it
	Signal  syscall.Signal // the signal that ended it; 0 if none did
	CPUTime time.Duration  // of the leader and of what it waited for
	MaxRSS  uint64         // the largest resident memory of one of these, in bytes
	Cut     bool           // a process outside the attempt held a pipe open: output may be incomplete
}

func exitOf(status syscall.WaitStatus, usage *syscall.Rusage) Exit {
	exit := Exit{
		Code:    status.ExitStatus(),
		CPUTime: time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		MaxRSS:  uint64(max(usage.Maxrss, 0)) * rssUnit,
	}
	if status.Signaled() {
		exit.Code, exit.Signal = -1, status.Signal()
	}
	return exit
}
