package plugin

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/fence"
)

// Clear kills what a host has left behind that nobody will start again in its state directory, as the
// next host there would, and removes the cgroup of that host. An error says that this host is alive, or
// that something of it may be.
func Clear(ctx context.Context, stateDir string) error {
	s := &Set{o: Options{
		StateDir: filepath.Join(stateDir, "plugins"), RunDir: filepath.Join(stateDir, "run"),
		Log: hclog.NewNullLogger(), Timing: Timing{}.withDefaults(),
	}}
	var err error
	s.lock, err = fence.TryLock(filepath.Join(s.o.StateDir, "host.lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was killed before it could start anything
	}
	if err != nil {
		return err
	}
	defer s.lock.Close()
	records, err := s.records()
	if err != nil {
		return err
	}
	var groups []string // of hosts, each the parent of those of its plugins
	for _, r := range records {
		if r.HostID != "" {
			s.o.HostID = r.HostID
		}
		if r.Cgroup != "" {
			groups = append(groups, filepath.Dir(r.Cgroup))
		}
	}
	if s.o.HostID == "" {
		return nil // it has not started anything, or has seen the end of it
	}
	if err := s.fenceEarlier(ctx); err != nil {
		return err
	}
	for _, g := range groups {
		if err := os.Remove(g); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
