package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

// onSmallDisk puts the server's state directory on a file system of so many bytes.
func (s *server) onSmallDisk(size string) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		s.t.Skip("mounting a small file system needs root")
	}
	if err := syscall.Mount("tmpfs", s.dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		s.t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	s.t.Cleanup(func() {
		if s.cmd != nil {
			s.stop()
		}
		if err := syscall.Unmount(s.dir, syscall.MNT_DETACH); err != nil {
			s.t.Error(err)
		}
	})
}

// fill takes all the room that is left on the server's disk.
func (s *server) fill() {
	s.t.Helper()
	f, err := os.OpenFile(s.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for block := bytes.Repeat([]byte("x"), 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *server) ballast() string { return filepath.Join(s.dir, "ballast") }

// submitUntilRefused submits tasks until one is refused, and returns those that were acknowledged.
func (s *server) submitUntilRefused(doc func(i int) string) (acked map[task.Name]task.UID, refusal answer) {
	s.t.Helper()
	acked = map[task.Name]task.UID{}
	for i := range 1000 {
		a := s.do(http.MethodPost, prefix+"/tasks", strings.NewReader(doc(i)))
		if a.code != http.StatusCreated {
			return acked, a
		}
		md := a.task(s.t).Metadata
		acked[md.Name] = md.UID
	}
	s.t.Fatal("nothing is ever refused")
	return nil, answer{}
}

// free returns how many bytes are left on the server's disk.
func (s *server) free() int64 {
	s.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &st); err != nil {
		s.t.Fatal(err)
	}
	return int64(st.Bfree) * st.Bsize //nolint:gosec // small
}

// reserved is about what the host sets aside for the ends of what runs.
const reserved = 14 << 20

// room makes room on the server's disk and waits until the host takes submissions again.
func (s *server) room() {
	s.t.Helper()
	if err := os.Remove(s.ballast()); err != nil {
		s.t.Fatal(err)
	}
	s.poll("there is room again", func() bool {
		return s.do(http.MethodPost, prefix+"/tasks", strings.NewReader(shell("late", "true", ""))).code == http.StatusCreated
	})
	s.endsWell("late")
}

// large returns a document that takes room.
func large(i int) string {
	return shell(fmt.Sprint("large-", i), "true # "+strings.Repeat("x", 100_000), `"slot": "large", "admission": "queue"`)
}

func TestAFullDiskRefusesAndKeepsItsWord(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.onSmallDisk("48m")
	s.start()
	gate := filepath.Join(t.TempDir(), "go")
	s.submit(shell("ends", `while ! test -e `+gate+`; do sleep 0.02; done; exit 3`, ""))
	s.submit(shell("restarts", `[ $SOLTI_ATTEMPT != 1 ] || { while ! test -e `+gate+`; do sleep 0.02; done; exit 1; }`, onFailure))
	s.submit(shell("queued", `true`, `"slot": "ends", "admission": "queue"`))
	s.submit(shell("canceled", `sleep 600`, ""))
	s.submit(shell("floods", `while ! test -e `+gate+`; do seq 1 5000; sleep 0.01; done; echo; echo end`, ""))
	for _, name := range []task.Name{"ends", "restarts", "canceled", "floods"} {
		s.until(name, "running", func(t *task.Task) bool { return t.Status.Phase == task.Running })
	}
	s.poll("there is output", func() bool { return s.output("floods") != "" })

	s.fill()
	acked, refusal := s.submitUntilRefused(large)
	if st := refusal.status(t); refusal.code != http.StatusInsufficientStorage || st.Reason != task.ReasonNoSpace ||
		!strings.Contains(st.Message, "no space left") || refusal.header.Get("Retry-After") == "" {
		t.Errorf("refused with %d %s %v", refusal.code, refusal.body, refusal.header)
	}
	s.poll("output is left out", func() bool {
		a := s.do(http.MethodGet, "/metrics", nil)
		return bytes.Contains(a.body, []byte(`solti_output_dropped_bytes_total{reason="disk"}`))
	})
	if free := s.free(); free < reserved {
		t.Errorf("%d bytes are left of the reserve, although only the state may use it", free)
	}
	for name, uid := range acked {
		if got, err := s.client.Get(t.Context(), name); err != nil || got.Metadata.UID != uid {
			t.Errorf("acknowledged task %s: %v, %v", name, got, err)
		}
	}

	s.command(0, "cancel", "canceled")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.over("ends"); got.Status.ExitCode == nil || *got.Status.ExitCode != 3 {
		t.Errorf("ends: %+v", got.Status)
	}
	if got := s.over("canceled"); got.Status.Phase != task.Canceled {
		t.Errorf("canceled: %+v", got.Status)
	}
	for _, name := range []task.Name{"restarts", "queued", "floods"} {
		s.endsWell(name)
	}
	if a := s.do(http.MethodPost, prefix+"/tasks", strings.NewReader(shell("more", "true", ""))); a.code != http.StatusInsufficientStorage {
		t.Errorf("submitted to a full disk: %d %s", a.code, a.body)
	}
	s.room()
	for name := range acked {
		s.endsWell(name)
	}
	s.gaps("floods", "no space left")
	s.checkRuns(s.all())
	s.kill()
	s.start()
	s.checkRuns(s.all())
	s.stop()
}

// gaps holds the output of a task's first attempt, kept and left out, against what its run says it wrote.
func (s *server) gaps(name task.Name, why string) {
	s.t.Helper()
	var kept, lost int64
	for c, err := range s.client.Output(s.t.Context(), name, task.OutputQuery{From: task.Cursor{Attempt: 1}}) {
		switch {
		case err != nil:
			s.t.Fatal(err)
		case c.Gap > 0 && !strings.Contains(c.Why, why):
			s.t.Errorf("%d bytes of %s are missing: %s", c.Gap, name, c.Why)
		}
		kept, lost = kept+int64(len(c.Data)), lost+c.Gap
	}
	list, err := s.client.Runs(s.t.Context(), name, task.RunQuery{})
	if err != nil {
		s.t.Fatal(err)
	}
	if run := list.Items[0]; kept == 0 || lost == 0 || run.StdoutBytes != kept+lost || run.Dropped != lost {
		s.t.Errorf("%d bytes of %s are kept and %d are not; the run has %d, dropped %d", kept, name, lost, run.StdoutBytes, run.Dropped)
	}
}

func TestAHostStartsOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.onSmallDisk("48m")
	s.start()
	s.submit(shell("done", `echo kept`, ""))
	s.endsWell("done")
	s.submit(shell("restarts", `[ $SOLTI_ATTEMPT != 1 ] || sleep 600`, onFailure))
	s.until("restarts", "running", func(t *task.Task) bool { return t.Status.Phase == task.Running })
	s.fill()
	acked, _ := s.submitUntilRefused(large)
	s.kill()
	s.fill() // takes the reserve too
	s.launch("the host says why it is not ready", func() bool {
		r, err := s.client.Ready(s.t.Context())
		return err == nil && !r.Ready && strings.Contains(strings.Join(r.Problems, "; "), "no space left")
	})
	if text := s.output("done"); text != "kept\n" {
		t.Errorf("output %q", text)
	}
	s.room()
	s.endsWell("restarts")
	for name := range acked {
		s.over(name) // the first may have been running
	}
	s.stop()
}
