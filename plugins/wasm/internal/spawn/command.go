package spawn

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Self is the path of the binary that this process runs, also after its file was replaced.
const Self = "/proc/self/exe"

// FirstFile is the child's descriptor of the first of [Command.Files].
const FirstFile = 3

// A Command says what to start.
type Command struct {
	Path   string     // empty means that of the spawner
	Args   []string   // the first one is the name of the mode
	Env    []string   // all of the child's environment
	Files  []*os.File // the child's descriptors from FirstFile on; they stay the caller's
	Limits []Limit
	Name   string // in the process table and in errors; empty means the mode
}

func (c *Command) name() string {
	switch {
	case c.Name != "":
		return c.Name
	case len(c.Args) > 0:
		return c.Args[0]
	default:
		return cmp.Or(c.Path, "child")
	}
}

// A Limit bounds a resource of the child.
type Limit struct {
	Resource int // unix.RLIMIT_...
	Max      uint64
}

// apply sets the limits of a process, soft and hard alike. A limit that is stricter already stays.
func apply(pid int, limits []Limit) error {
	for _, l := range limits {
		var have unix.Rlimit
		if err := unix.Prlimit(pid, l.Resource, nil, &have); err != nil {
			return fmt.Errorf("read limit %d of the child: %w", l.Resource, err)
		}
		value := min(l.Max, have.Max)
		if err := unix.Prlimit(pid, l.Resource, &unix.Rlimit{Cur: value, Max: value}, nil); err != nil {
			return fmt.Errorf("set limit %d of the child to %d: %w", l.Resource, value, err)
		}
	}
	return nil
}

// An Exit is how a child ended.
type Exit struct {
	Code   int         // 0 to 255; -1 when a signal ended it
	Signal unix.Signal // 0 when it ended by itself
	Killed bool        // Kill was called before it ended
	// OOMKilled says that it was killed, not by us, and that since its start, or the second before, the kernel has killed for
	// want of memory, of the machine or of a cgroup: probably this child.
	OOMKilled bool
	User      time.Duration
	System    time.Duration
	MaxRSS    int64  // bytes
	Stderr    string // what it wrote to standard error, shortened in the middle
	Elapsed   time.Duration
}

// CPU is the processor time that the child took.
func (e Exit) CPU() time.Duration { return e.User + e.System }

// SpentCPU reports whether the child was ended by its RLIMIT_CPU of that size. The kernel counts the limit
// in clock ticks and what it tells afterwards by the nanosecond: on a busy machine the two are apart.
func (e Exit) SpentCPU(limit time.Duration) bool {
	return e.Signal == unix.SIGKILL && !e.Killed && e.CPU() >= limit/2
}

func (e Exit) String() string {
	switch {
	case e.OOMKilled:
		return "killed by " + unix.SignalName(e.Signal) + ", it seems by the kernel for want of memory"
	case e.Signal != 0:
		return "killed by " + unix.SignalName(e.Signal)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
