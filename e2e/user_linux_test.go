package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

func TestAnOrdinaryUserCanRunAHost(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("everything here runs as an ordinary user already")
	}
	const nobody = 65534
	s := newServer(t)
	if err := os.Chown(s.dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	s.user = &syscall.Credential{Uid: nobody, Gid: nobody}
	s.start()
	s.submit(shell("a", "id -u; (setsid sleep 600 &) ; exit 0", ""))
	if got := s.over("a"); got.Status.Phase != task.Succeeded {
		t.Errorf("status %+v", got.Status)
	}
	if text := s.output("a"); text != "65534\n" { // root may read it
		t.Errorf("output %q", text)
	}
	if text := s.command(0, "get", "a", "-o", "json"); !strings.Contains(text, `"succeeded"`) {
		t.Errorf("the user's own command: %s", text)
	}
	s.kill()
	s.start()
	if got := s.over("a"); got.Status.Phase != task.Succeeded {
		t.Errorf("after a crash: %+v", got.Status)
	}
	s.stop()
}
