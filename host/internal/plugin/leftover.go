package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/soltihq/solti-host/host/internal/discovery"
	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/sdk"
)

var launchDirPattern = regexp.MustCompile(`^p[0-9]{1,5}$`)

// fenceEarlier kills what earlier hosts of this state directory have left behind, and returns nil when
// it is confirmed dead.
func (s *Set) fenceEarlier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*s.o.Timing.FenceRetry)
	defer cancel()
	records, err := s.records()
	if err != nil {
		return err
	}
	if s.cgroups != nil {
		if err := s.cgroups.Kill(ctx); err != nil {
			return err
		}
	}
	for _, r := range records {
		if r.Cgroup == "" || r.HostID != s.o.HostID {
			continue
		}
		if err := fence.KillGroup(ctx, r.Cgroup, s.o.HostID); err != nil {
			return err
		}
	}
	err = fence.Kill(ctx, func(q fence.Process) bool {
		for _, r := range records {
			if r.owns(q) {
				return true
			}
		}
		return q.Environ("SOLTI_")[sdk.EnvHostID] == s.o.HostID
	})
	if err != nil {
		return err
	}
	for name := range records {
		if err := s.forgetLaunch(ctx, name); err != nil {
			return err
		}
	}
	return s.removeLaunchDirs()
}

// records returns the records of launches that nobody confirmed dead, by plugin. A plugin with a
// directory but without a record has an empty one: its lock still tells.
func (s *Set) records() (map[string]*ownedRecord, error) {
	entries, err := os.ReadDir(s.o.StateDir)
	if err != nil {
		return nil, err
	}
	records := make(map[string]*ownedRecord)
	for _, e := range entries {
		if !e.IsDir() || !discovery.ValidName(e.Name()) {
			continue
		}
		r := new(ownedRecord)
		if err := readJSON(filepath.Join(s.o.StateDir, e.Name(), launchFile), &r.launchRecord); err != nil {
			s.o.Log.Warn("the record of an earlier launch cannot be read", "plugin", e.Name(), "error", err)
			r = new(ownedRecord)
		}
		r.sameBoot = sessionIsOurs(r.Process)
		records[e.Name()] = r
	}
	return records, nil
}

// An ownedRecord is a record with what can be said of it today.
type ownedRecord struct {
	launchRecord
	sameBoot bool // processes of the recorded session are those of the launch
}

// sessionIsOurs reports whether the number of a recorded process, if it is still used as a session,
// means the same session: the kernel gives it to nobody else while the session has members.
func sessionIsOurs(id fence.Ident) bool {
	if id.PID <= 0 {
		return false
	}
	self, err := fence.Identify(os.Getpid())
	if err != nil || self.Boot != id.Boot {
		return false
	}
	now, err := fence.Identify(id.PID)
	return errors.Is(err, fence.ErrGone) || err == nil && now.Start == id.Start
}

// owns reports whether a process belongs to the recorded launch.
func (r *ownedRecord) owns(q fence.Process) bool {
	return r.sameBoot && q.Session == r.Process.PID && q.Start >= r.Process.Start
}

// forgetLaunch makes sure that nobody holds the lock of a launch, and removes its record.
func (s *Set) forgetLaunch(ctx context.Context, name string) error {
	dir := filepath.Join(s.o.StateDir, name)
	lock, err := fence.TakeLock(ctx, filepath.Join(dir, lockFile))
	if err != nil {
		return fmt.Errorf("plugin %s: %w", name, err)
	}
	err = lock.Close()
	if rm := os.Remove(filepath.Join(dir, launchFile)); rm != nil && !errors.Is(rm, os.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

func (s *Set) removeLaunchDirs() error {
	entries, err := os.ReadDir(s.o.RunDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && launchDirPattern.MatchString(e.Name()) {
			if err := os.RemoveAll(filepath.Join(s.o.RunDir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
