package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/sdk"
)

// A StartError says why a plugin did not come up, with its last words.
type StartError struct {
	Reason string // one sentence
	Exit   Exit   // of the process; zero if there was none
	Hint   string // what may mend it; may be empty
	Err    error  // what it wraps; may be nil
}

// Error returns reason, exit, last words and hint.
func (e *StartError) Error() string {
	var b strings.Builder
	b.WriteString(e.Reason)
	if !e.Exit.At.IsZero() && !strings.Contains(e.Reason, e.Exit.String()) {
		b.WriteString("; " + e.Exit.String())
	}
	if e.Exit.Stderr != "" {
		b.WriteString("; it last said: " + strings.ReplaceAll(e.Exit.Stderr, "\n", " | "))
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns what e wraps.
func (e *StartError) Unwrap() error { return e.Err }

// Start starts the plugin and waits for its first line. The process belongs to life: when life ends,
// nobody waits any longer for the confirmation of its death. When ctx ends or the timeout has passed
// before the first line, the process is killed.
//
// After an error nothing is left of the launch, and the error is a [*StartError].
func Start(ctx, life context.Context, cfg Config) (*Process, error) {
	deadline, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, errStartTimeout)
	defer cancel()
	s := &starter{cfg: cfg, life: life}
	// The client is used for one launch and its Kill is never called: see the package documentation.
	client := goplugin.NewClient(s.clientConfig())
	done := make(chan struct{})
	unwatch := context.AfterFunc(deadline, s.abort(deadline, done))
	_, err := client.Start()
	unwatch()
	close(done)
	if s.p == nil {
		return nil, s.notStarted(err)
	}
	if err == nil && deadline.Err() == nil {
		err = s.p.connect(s.socket)
	}
	if err == nil && deadline.Err() == nil {
		return s.p, nil
	}
	return nil, s.failed(deadline, err)
}

var errStartTimeout = errors.New("start timeout")

// A starter is what one Start has in hand.
type starter struct {
	cfg    Config
	life   context.Context
	p      *Process      // set by the runner's Start
	ready  chan struct{} // closed when p is set
	socket string        // set when the first line was good
	refuse error         // why the first line was not
}

func (s *starter) clientConfig() *goplugin.ClientConfig {
	s.ready = make(chan struct{})
	return &goplugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{sdk.ProtocolVersion: {}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		// Our own deadline comes first.
		StartTimeout:     s.cfg.Timeout + time.Minute,
		Logger:           hclog.NewNullLogger(),
		SkipHostEnv:      true,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: s.cfg.Dir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, tmp string) (runner.Runner, error) {
			_ = os.Remove(tmp) // the socket lies in our own directory: its path is shorter
			return &handshakeRunner{starter: s, env: goPluginEnv(cmd.Env)}, nil
		},
	}
}

// goPluginEnv returns go-plugin's variables without its directory for sockets.
func goPluginEnv(env []string) []string {
	kept := make([]string, 0, len(env)+1)
	for _, v := range env {
		if !strings.HasPrefix(v, goplugin.EnvUnixSocketDir+"=") {
			kept = append(kept, v)
		}
	}
	return kept
}

// abort returns what to do when the deadline of the start ends.
func (s *starter) abort(ctx context.Context, done <-chan struct{}) func() {
	return func() {
		select {
		case <-s.ready:
			s.kill(ctx)
		case <-done: // there never was a process
		}
	}
}

func (s *starter) kill(ctx context.Context) {
	if errors.Is(context.Cause(ctx), errStartTimeout) {
		s.p.Kill(CauseStartTimeout, fmt.Sprintf("it was not ready within %s", s.cfg.Timeout))
		return
	}
	s.p.Kill(CauseKilled, "the start was given up")
}

// notStarted reports that there never was a process.
func (s *starter) notStarted(err error) error {
	if s.cfg.Lock != nil {
		_ = s.cfg.Lock.Close()
	}
	_ = os.RemoveAll(s.cfg.Dir)
	if s.cfg.Group != nil {
		ctx, cancel := context.WithTimeout(s.life, s.cfg.FenceRetry)
		defer cancel()
		_ = s.cfg.Group.Kill(ctx) // empty
	}
	return &StartError{Reason: "it cannot be executed: " + err.Error(), Hint: execHint(err), Err: err}
}

// failed ends the process and reports why the start failed.
func (s *starter) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		s.kill(ctx)
	}
	select {
	case <-s.p.Exited(): // what it did itself tells more than what we do to it
	case <-time.After(exitWait):
		s.p.Kill(CauseKilled, "its first line was refused")
	}
	<-s.p.Gone() // SIGKILL was sent, and the fence repeats until the tree is dead or life ends
	e := &StartError{Exit: s.p.Exit(), Err: err}
	switch {
	case errors.Is(context.Cause(ctx), errStartTimeout):
		e.Reason = fmt.Sprintf("it was not ready within %s", s.cfg.Timeout)
		e.Err = context.DeadlineExceeded
	case ctx.Err() != nil:
		e.Reason, e.Err = "the start was given up", context.Cause(ctx)
	case s.refuse != nil:
		e.Reason, e.Err = s.refuse.Error(), s.refuse
	case s.socket == "":
		e.Reason = "it ended before its first line"
	default:
		e.Reason = err.Error()
	}
	e.Hint = exitHint(e.Exit)
	return e
}

// exitWait is how long a process whose first line was bad may take to end by itself.
const exitWait = 100 * time.Millisecond

// tell passes on the identity of the process that has just been started.
func (s *starter) tell(pid int) {
	if s.cfg.Started == nil {
		return
	}
	if id, err := fence.Identify(pid); err == nil {
		s.cfg.Started(id)
	}
}
