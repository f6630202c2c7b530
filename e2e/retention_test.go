package e2e

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

func TestRetentionIsConfigured(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "host.yaml")
	const text = "retention: {runTTL: 1s, taskTTL: 1s, interval: 1s}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", config)
	stays := s.submit(shell("stays", `seq 1 100000; sleep 600`, ""))
	goes := s.submit(shell("goes", `seq 1 100000`, ""))
	s.submit(shell("goes-too", `echo little`, ""))
	for _, name := range []string{"goes", "goes-too"} {
		s.poll("task "+name+" is forgotten", func() bool {
			return s.do(http.MethodGet, prefix+"/tasks/"+name, nil).code == http.StatusNotFound
		})
		if a := s.do(http.MethodGet, prefix+"/tasks/"+name+"/output", nil); a.code != http.StatusNotFound {
			t.Errorf("output of %s: %d", name, a.code)
		}
	}
	s.poll("the output of goes is removed", func() bool { return s.files(goes) == 0 })
	if s.files(stays) == 0 {
		t.Error("the output of a running task was removed")
	}
	got, err := s.client.Get(t.Context(), "stays")
	if err != nil || got.Status.Phase != task.Running {
		t.Errorf("stays: %+v, %v", got, err)
	}
	if text := s.output("stays"); strings.Count(text, "\n") != 100000 {
		t.Errorf("%d lines of stays, want 100000", strings.Count(text, "\n"))
	}
}

// files counts the files of a task's output.
func (s *server) files(t *task.Task) (n int) {
	s.t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "output", t.Metadata.UID.String()), func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
