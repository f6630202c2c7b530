package fence

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroupPrefix begins the name of a host's own group.
const cgroupPrefix = "solti-"

// Cgroups is the place below our own cgroup of version 2 in which the groups of a host live. It is
// claimed as long as the host is alive. It is not for concurrent use, except for Make.
type Cgroups struct {
	root  string
	claim *Lock // of root; nil means none
}

// OpenCgroups finds the place for the groups of the host hostID and creates it, beside version 1
// hierarchies too. The empty places of hosts that are dead, beside it, are removed. An error says why
// there can be none.
func OpenCgroups(hostID string) (*Cgroups, error) {
	mount, err := cgroupMount()
	if err != nil {
		return nil, err
	}
	own, err := ownCgroup()
	if err != nil {
		return nil, err
	}
	if slices.Contains(strings.Split(own, "/"), cgroupPrefix+hostID) {
		return nil, errors.New("this process runs in a task of the same host")
	}
	c := &Cgroups{root: filepath.Join(mount, own, cgroupPrefix+hostID)}
	if err := c.make(); err != nil {
		return nil, err
	}
	sweepCgroups(filepath.Dir(c.root))
	return c, nil
}

// claimTries bounds how often a place is made that somebody who sweeps has just taken for a dead host's.
const claimTries = 50

// make creates and claims the place.
func (c *Cgroups) make() (err error) {
	for range claimTries {
		if err := os.Mkdir(c.root, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		c.claim, err = Claim(c.root)
		if !errors.Is(err, ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_ = sleep(context.Background(), firstPause)
	}
	return err
}

// sweepCgroups removes the groups in dir whose hosts are dead and in which nothing lives.
func sweepCgroups(dir string) {
	places, err := filepath.Glob(filepath.Join(dir, cgroupPrefix+"*"))
	if err != nil {
		return
	}
	for _, p := range places {
		if claim, err := Claim(p); err == nil {
			_ = removeTree(p) // which the kernel refuses where something lives
			_ = claim.Close()
		}
	}
}

// cgroupMount returns where the hierarchy of version 2 is mounted.
func cgroupMount() (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && len(fields) > 4 && strings.HasPrefix(after, "cgroup2 ") {
			return unescape(fields[4]), nil
		}
	}
	return "", errors.New("no cgroup hierarchy of version 2 is mounted")
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// ownCgroup returns our own group, as a path below the mount.
func ownCgroup() (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && !strings.Contains(own, "..") {
			return own, nil
		}
	}
	return "", errors.New("this process is in no visible cgroup of version 2")
}

// Make creates an empty group, below which others may be made.
func (c *Cgroups) Make(name string) (*Group, error) {
	g := &Group{Path: filepath.Join(c.root, name)}
	for _, dir := range []string{g.Path, filepath.Join(g.Path, leaf)} {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return g, nil
}

// Kill kills everything in all groups of the host and removes them.
func (c *Cgroups) Kill(ctx context.Context) error {
	if err := killGroup(ctx, c.root); err != nil {
		return err
	}
	gone := c.claim
	c.claim = nil
	return errors.Join(gone.Close(), c.make())
}

// Close removes the place, which must be empty.
func (c *Cgroups) Close() error {
	err := os.Remove(c.root)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if c.claim != nil {
		err = errors.Join(err, c.claim.Close())
	}
	return err
}

// leaf is the group of the first process itself: a group with processes must not have groups with
// controllers below it.
const leaf = "plugin"

// A Group is a cgroup that holds one plugin in a leaf and what the plugin starts beside it.
type Group struct {
	Path string // absolute
}

// Open returns the directory into which the first process is cloned.
func (g *Group) Open() (*os.File, error) { return os.Open(filepath.Join(g.Path, leaf)) }

// Kill kills everything in the group and below it, waits until it is empty, and removes it.
func (g *Group) Kill(ctx context.Context) error { return killGroup(ctx, g.Path) }

// KillGroup kills the group at path, and everything in and below it. The path was read from disk:
// anything but a group of the host hostID is refused. A group that does not exist is dead.
func KillGroup(ctx context.Context, path, hostID string) error {
	mount, err := cgroupMount()
	if err != nil {
		return nil // the groups of that time are gone with their hierarchy
	}
	below, ok := strings.CutPrefix(path, mount+"/")
	if !ok || filepath.Clean(path) != path || !slices.Contains(strings.Split(below, "/"), cgroupPrefix+hostID) {
		return fmt.Errorf("%s is not a cgroup of this host", path)
	}
	return killGroup(ctx, path)
}

func killGroup(ctx context.Context, path string) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0)
		if errors.Is(err, fs.ErrNotExist) {
			if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
				return nil
			}
			err = killMembers(path) // before Linux 5.14
		}
		if err != nil && !errors.Is(err, syscall.ENODEV) {
			return fmt.Errorf("cgroup: %w", err)
		}
		empty, err := waitEmpty(ctx, path, 10*pause)
		if err != nil {
			return fmt.Errorf("cgroup %s is not empty: %w", path, err)
		}
		if empty && removeTree(path) == nil {
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("cgroup %s cannot be removed: %w", path, err)
		}
	}
}

// waitEmpty waits at most d until no process is left in the group.
func waitEmpty(ctx context.Context, path string, d time.Duration) (bool, error) {
	for pause, waited := firstPause/2, time.Duration(0); ; pause = min(2*pause, lastPause) {
		b, err := os.ReadFile(filepath.Join(path, "cgroup.events"))
		if err != nil || bytes.Contains(b, []byte("populated 0")) {
			return true, nil
		}
		if waited > d {
			return false, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return false, err
		}
		waited += pause
	}
}

// removeTree removes the group and all below it, the deepest first.
func removeTree(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// killMembers kills process by process.
func killMembers(path string) error {
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return nil // a group that has just been removed
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return nil
		}
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
			pid, err := strconv.Atoi(s.Text())
			if err != nil || pid == os.Getpid() {
				continue
			}
			if row, err := look(pid); err == nil {
				_ = signalExactly(pid, row.Start, syscall.SIGKILL) // looked at again by the caller
			}
		}
		return nil
	})
}
