package orphan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// sweepEvery is how often orphans are looked for while nobody asks: a dead one waits that long at
// most to be reaped.
const sweepEvery = 500 * time.Millisecond

// A Reaper adopts the orphans of this process's descendants. There is one per process.
type Reaper struct {
	marker  string // environment variable with the run id
	list    int    // children of the main thread, one read gives all
	session int    // of this process

	mu      sync.Mutex
	members map[*Member]struct{} // guarded by mu; live attempts
	leaders map[int]*Member      // guarded by mu; the same by their leader's pid
	runs    map[string]*Member   // guarded by mu; the same by run id
	orphans map[int]*orphan      // guarded by mu; known orphans by pid
	buf     []byte               // guarded by mu; for reading the list

	stop chan struct{}
	done chan struct{}
}

// A Member is a live attempt, the possible owner of orphans.
type Member struct {
	reaper *Reaper
	run    string
	leader int // guarded by reaper.mu; 0 before it is started
}

// An orphan is a child that this process did not start.
type orphan struct {
	pid     int
	owner   *Member              // nil if not known
	suspect map[*Member]struct{} // if it is not known: the live attempts of which one may be it
	doomed  bool                 // every attempt that may own it has ended
}

// Start makes this process the heir of its descendants' orphans. Marker names the environment variable
// that holds an attempt's run id.
func Start(marker string) (*Reaper, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("adopt orphans: %w", err)
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return nil, fmt.Errorf("own session: %w", err)
	}
	pid := strconv.Itoa(os.Getpid())
	list, err := unix.Open("/proc/"+pid+"/task/"+pid+"/children", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("list orphans (the kernel needs CONFIG_PROC_CHILDREN): %w", err)
	}
	r := &Reaper{
		marker: marker, list: list, session: session,
		members: make(map[*Member]struct{}), leaders: make(map[int]*Member), runs: make(map[string]*Member),
		orphans: make(map[int]*orphan), buf: make([]byte, 4096),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go r.watch()
	return r, nil
}

// Close stops looking for orphans. The process stays their heir.
func (r *Reaper) Close() error {
	close(r.stop)
	<-r.done
	return unix.Close(r.list)
}

func (r *Reaper) watch() {
	defer close(r.done)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.Sweep()
		case <-r.stop:
			return
		}
	}
}

// Join announces an attempt by its run id, before its leader is started: a leader may leave orphans
// before whoever started it knows its pid.
func (r *Reaper) Join(run string) *Member {
	m := &Member{reaper: r, run: run}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[m] = struct{}{}
	if run != "" {
		r.runs[run] = m
	}
	return m
}

// Lead tells the process that leads the attempt's session. It must not have been waited for.
func (m *Member) Lead(pid int) {
	r := m.reaper
	r.mu.Lock()
	defer r.mu.Unlock()
	m.leader = pid
	r.leaders[pid] = m
}

// Leave says that the attempt is over. It must be called before the leader is waited for.
func (m *Member) Leave() {
	r := m.reaper
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, m)
	delete(r.leaders, m.leader)
	if r.runs[m.run] == m {
		delete(r.runs, m.run)
	}
	left := false
	for _, o := range r.orphans {
		if o.owner == nil {
			delete(o.suspect, m)
			o.doomed = len(o.suspect) == 0
			left = left || o.doomed
		}
	}
	if left {
		_ = r.sweep(nil)
	}
}

// Signal sends sig to the attempt's orphans that can be seen now.
func (m *Member) Signal(sig unix.Signal) {
	r := m.reaper
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.sweep(nil)
	for _, o := range r.orphans {
		if o.owner == m {
			_ = unix.Kill(o.pid, sig)
		}
	}
}

// Kill kills the attempt's orphans, and theirs, until none is left or the time is over, and reports
// whether none is left. The leader must be dead, or what it still starts is missed.
func (m *Member) Kill(limit time.Duration) bool {
	const first, last = 100 * time.Microsecond, 10 * time.Millisecond
	deadline := time.Now().Add(limit)
	for wait := first; ; wait = min(2*wait, last) {
		m.reaper.mu.Lock()
		left := m.reaper.sweep(m)
		m.reaper.mu.Unlock()
		if left == 0 {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(wait)
	}
}

// Sweep reaps the orphans that are dead and kills those that no live attempt can own.
func (r *Reaper) Sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.sweep(nil)
}

// sweep looks at all orphans once: it learns whose the new ones are, kills those of victim and those
// that are doomed, and reaps the dead. It returns how many of victim's it saw, the dead included: their
// children become visible only after them. mu must be held.
func (r *Reaper) sweep(victim *Member) (left int) {
	pids := r.children()
	if len(pids) == 0 {
		clear(r.orphans)
		return 0
	}
	seen := make(map[int]*orphan, len(pids))
	for field := range bytes.FieldsSeq(pids) {
		pid, err := strconv.Atoi(string(field))
		if err != nil || r.leaders[pid] != nil {
			continue
		}
		o := r.orphans[pid]
		if o == nil {
			if o = r.identify(pid); o == nil {
				continue
			}
		}
		mine := victim != nil && o.owner == victim
		if mine {
			left++
		}
		if mine || o.doomed {
			kill(pid)
		}
		if !reap(pid) {
			seen[pid] = o
		}
	}
	r.orphans = seen
	return left
}

// children reads the list of children of the main thread.
func (r *Reaper) children() []byte {
	n := 0
	for {
		got, err := unix.Pread(r.list, r.buf[n:], int64(n))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || got == 0 {
			return r.buf[:n]
		}
		n += got
		if n == len(r.buf) {
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
	}
}

// identify finds out whose a new orphan is. It returns nil for a process that is none: gone, or started
// by this process itself.
func (r *Reaper) identify(pid int) *orphan {
	st, err := readStat(pid)
	if err != nil || st.session == r.session {
		return nil
	}
	o := &orphan{pid: pid, owner: r.leaders[st.session]}
	if o.owner != nil || st.state == 'Z' || st.state == 'X' {
		return o
	}
	run := r.runID(pid)
	if o.owner = r.runs[run]; o.owner != nil {
		return o
	}
	if run != "" {
		o.doomed = true // its attempt is over
		return o
	}
	o.suspect = make(map[*Member]struct{}, len(r.members))
	for m := range r.members {
		o.suspect[m] = struct{}{}
	}
	o.doomed = len(o.suspect) == 0
	return o
}

// runID reads an orphan's run id. Between two programs it has no environment for a moment.
func (r *Reaper) runID(pid int) string {
	for range 5 {
		if run, settled := runIDOf(pid, r.marker); settled {
			return run
		}
		time.Sleep(200 * time.Microsecond)
	}
	return ""
}

// kill kills an orphan and its process group, which belongs to the same attempt because a group never
// spans two sessions. The group is read anew: it may have changed since the orphan was found.
func kill(pid int) {
	if st, err := readStat(pid); err == nil && st.group > 1 {
		_ = unix.Kill(-st.group, unix.SIGKILL)
	}
	_ = unix.Kill(pid, unix.SIGKILL)
}

// reap takes a dead child off the list and reports whether it was dead.
func reap(pid int) bool {
	for {
		got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return got == pid || errors.Is(err, unix.ECHILD)
	}
}
