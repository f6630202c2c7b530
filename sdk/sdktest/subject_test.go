package sdktest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/sdk"
)

// A subjectRunner is a runner with a task for each check of the suite.
type subjectRunner struct {
	name   string
	change func(context.Context, *subjectTask, *sdk.Run) error // how its tasks run; nil is well
}

func (r subjectRunner) Name() sdk.Info {
	return sdk.Info{
		Name:    r.name,
		Version: "1.0.0",
		Kinds:   []sdk.Kind{{APIVersion: "test.dev/v1", Kind: "Test", Schema: []byte(`{"type": "object"}`)}},
	}
}

func (subjectRunner) Supports(context.Context, *sdk.Spec) error { return nil }

func (r subjectRunner) BuildTask(_ context.Context, b *sdk.Build) (sdk.Task, error) {
	t := &subjectTask{env: b.Env}
	if err := b.Spec.Decode(&t.spec); err != nil {
		return nil, err
	}
	if _, known := deeds[t.spec.Do]; !known {
		return nil, sdk.InvalidSpec("do", "%q is nothing I can do", t.spec.Do)
	}
	if r.change != nil {
		return changedTask{t, r.change}, nil
	}
	return t, nil
}

type changedTask struct {
	task *subjectTask
	run  func(context.Context, *subjectTask, *sdk.Run) error
}

func (c changedTask) Run(ctx context.Context, run *sdk.Run) error { return c.run(ctx, c.task, run) }

type subjectTask struct {
	spec struct {
		Do string `json:"do"`
	}
	env map[string]string
}

func (t *subjectTask) Run(ctx context.Context, run *sdk.Run) error {
	return deeds[t.spec.Do](ctx, t, run)
}

var deeds = map[string]func(context.Context, *subjectTask, *sdk.Run) error{
	"ok":   func(context.Context, *subjectTask, *sdk.Run) error { return nil },
	"fail": func(context.Context, *subjectTask, *sdk.Run) error { return sdk.Exit(3) },
	"missing": func(context.Context, *subjectTask, *sdk.Run) error {
		return sdk.StartFailed(errors.New("no such thing"))
	},
	"forever": func(ctx context.Context, _ *subjectTask, _ *sdk.Run) error {
		<-ctx.Done()
		return context.Cause(ctx)
	},
	"stubborn": func(_ context.Context, _ *subjectTask, run *sdk.Run) error {
		_, _ = run.Stdout.Write([]byte("deaf"))
		<-run.Force()
		return errors.New("forced")
	},
	"env": func(_ context.Context, t *subjectTask, run *sdk.Run) error {
		_, err := fmt.Fprintln(run.Stdout, strings.Join(sdk.MergeEnv(t.env, run.Env), "\n"))
		return err
	},
	"bytes": func(_ context.Context, _ *subjectTask, run *sdk.Run) error {
		for i, b := range everyByte {
			out := run.Stdout
			if i%2 == 1 {
				out = run.Stderr
			}
			if _, err := out.Write([]byte{b}); err != nil {
				return err
			}
		}
		return nil
	},
	"flood": func(_ context.Context, _ *subjectTask, run *sdk.Run) error {
		_, err := run.Stdout.Write(flood)
		return err
	},
	"spawn": spawn,
	// fills the outputs of the process, which nobody reads
	"chatter": func(context.Context, *subjectTask, *sdk.Run) error {
		for range 64 {
			fmt.Println(strings.Repeat("chatter ", 512))
			fmt.Fprintln(os.Stderr, strings.Repeat("chatter ", 512))
		}
		return nil
	},
	// prints what should not be in the plugin's environment any more
	"environ": func(_ context.Context, _ *subjectTask, run *sdk.Run) error {
		for _, line := range os.Environ() {
			if strings.HasPrefix(line, "PLUGIN_") || strings.HasPrefix(line, "SOLTI_") {
				fmt.Fprintln(run.Stdout, line)
			}
		}
		return nil
	},
}

// everyByte is what the deed bytes prints, to both streams in turn.
var everyByte = func() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

func alternate(b []byte, from int) []byte {
	var half []byte
	for i := from; i < len(b); i += 2 {
		half = append(half, b[i])
	}
	return half
}

var flood = bytes.Repeat([]byte("0123456789abcdef0123456789abcdef\n"), 2<<20/33)

// spawn has processes and ends them on being asked.
func spawn(ctx context.Context, _ *subjectTask, run *sdk.Run) error {
	cmd := exec.Command("sh", "-c", "sleep 600 & sleep 600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Env = run.Stdout, sdk.MergeEnv(run.Env)
	if err := cmd.Start(); err != nil {
		return sdk.StartFailed(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		return sdk.Killed("SIGKILL")
	}
}
