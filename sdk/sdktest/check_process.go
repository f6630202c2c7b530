package sdktest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// graceOver is time for a grace of 1 s, force, and the end.
const graceOver = 8 * time.Second

func (s *suite) processChecks() []check {
	return []check{
		{"WithoutCookieExplainsItself", s.withoutCookie},
		{"HandshakeLine", s.handshakeLine},
		{"HealthIsServing", s.health},
		{"RefusesStrangers", s.refusesStrangers},
		{"IgnoresSIGINT", s.ignoresSIGINT},
		{"ShutdownEndsIt", s.shutdown},
		{"LifelineEndsIt", s.lifelineIdle},
		{"LifelineEndsRuns", s.lifelineRuns},
		{"LostHostLeavesNothing", s.lostHost},
		{"SIGTERMDrains", s.sigterm},
	}
}

func (s *suite) withoutCookie(t *testing.T) {
	p := launch(t, s.Config, sdk.Handshake.MagicCookieKey+"=")
	p.waitExit(t, p.timeout)
	if p.exitCode() <= 0 {
		t.Errorf("exit code %d, want a failure", p.exitCode())
	}
	eventually(t, s.soon(), "text on standard error", func() error {
		if strings.TrimSpace(p.stderr.String()) == "" {
			return os.ErrNotExist
		}
		return nil
	})
	if line, ok := <-p.line; ok {
		t.Errorf("standard output has %q, want nothing", line)
	}
}

func (s *suite) handshakeLine(t *testing.T) {
	p := launch(t, s.Config)
	fields := p.handshake(t)
	want := []string{"1", strconv.Itoa(sdk.ProtocolVersion), "unix", fields[3], "grpc"}
	if got := fields[:5]; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Fatalf("handshake %q, want %q", got, want)
	}
	info, err := os.Stat(fields[3])
	if err != nil || info.Mode().Type() != os.ModeSocket {
		t.Fatalf("%s is not a socket: %v, %v", fields[3], info, err)
	}
	p.connect(t, fields[3])
	if _, err := p.client.Name(p.within(t), &pluginv1.NameRequest{}); err != nil {
		t.Fatalf("Name: %v", err)
	}
	if s.OK != nil {
		s.run(t, p, s.OK)
	}
	if p.stdout.String() != "" {
		t.Errorf("after the handshake standard output has %q, want nothing", p.stdout)
	}
}

func (s *suite) health(t *testing.T) {
	p := start(t, s.Config)
	answer, err := grpc_health_v1.NewHealthClient(p.conn).Check(p.within(t),
		&grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	if err != nil || answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health of the service plugin: %v, %v, want SERVING", answer, err)
	}
}

func (s *suite) refusesStrangers(t *testing.T) {
	if s.NoPeerCheck {
		t.Skip("the plugin cannot ask the kernel who connects")
	}
	p := launch(t, s.Config, sdk.EnvHostPID+"=1") // not this process
	p.connect(t, p.handshake(t)[3])
	if _, err := p.client.Name(p.within(t), &pluginv1.NameRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a process that is not the host asked for the name and got error %v", err)
	}
}

func (s *suite) ignoresSIGINT(t *testing.T) {
	p := start(t, s.Config)
	p.signal(t, syscall.SIGINT)
	p.signal(t, syscall.SIGINT)
	if _, err := p.client.Name(p.within(t), &pluginv1.NameRequest{}); err != nil {
		t.Errorf("Name after SIGINT: %v", err)
	}
	select {
	case <-p.exited:
		t.Error("SIGINT ended the plugin")
	case <-time.After(100 * time.Millisecond): // in which it would have died
	}
}

func (s *suite) shutdown(t *testing.T) {
	p := start(t, s.Config)
	err := p.conn.Invoke(p.within(t), "/plugin.GRPCController/Shutdown", &emptypb.Empty{}, &emptypb.Empty{})
	if err != nil && status.Code(err) != codes.Unavailable { // it may be gone before it has answered
		t.Errorf("Shutdown: %v", err)
	}
	p.waitExit(t, 2*time.Second)
}

func (s *suite) lifelineIdle(t *testing.T) {
	p := start(t, s.Config)
	_ = p.lifeline.Close()
	p.waitExit(t, s.soon())
}

func (s *suite) lifelineRuns(t *testing.T) {
	w := first(s.Spawns, s.Forever, s.Stubborn)
	need(t, w)
	p := start(t, s.Config)
	s.begin(t, p, w)
	family := s.familyOf(t, p, w)
	_ = p.lifeline.Close()
	p.waitExit(t, graceOver)
	waitGone(t, s.soon(), family)
}

func (s *suite) lostHost(t *testing.T) {
	w := first(s.Stubborn, s.Spawns, s.Forever)
	need(t, w)
	p := start(t, s.Config)
	s.begin(t, p, w)
	family := s.familyOf(t, p, w)
	_ = p.lifeline.Close()
	_ = p.conn.Close()
	p.waitExit(t, graceOver)
	waitGone(t, s.soon(), family)
}

func (s *suite) sigterm(t *testing.T) {
	p := start(t, s.Config)
	if s.Forever == nil {
		p.signal(t, syscall.SIGTERM)
		p.waitExit(t, s.soon())
		return
	}
	a := s.begin(t, p, s.Forever)
	p.signal(t, syscall.SIGTERM)
	wantResult(t, a.finish(t), pluginv1.Result_RESULT_CANCELED)
	p.waitExit(t, graceOver)
}

// familyOf returns the plugin's descendants. If w is the workload that has processes, they must be
// there, and be the same after a moment: a process that is about to start another has passing ones.
func (s *suite) familyOf(t *testing.T, p *process, w *Workload) (family []descendant) {
	t.Helper()
	if w != s.Spawns || openFiles(p.cmd.Process.Pid) < 0 {
		return p.family()
	}
	eventually(t, s.soon(), "processes of the workload Spawns", func() error {
		before := p.family()
		<-time.After(50 * time.Millisecond)
		if family = p.family(); len(family) == 0 || !slices.Equal(before, family) {
			return fmt.Errorf("%d processes, and %d a moment before", len(family), len(before))
		}
		return nil
	})
	return family
}

// first returns the first workload that is given.
func first(list ...*Workload) *Workload {
	for _, w := range list {
		if w != nil {
			return w
		}
	}
	return nil
}
