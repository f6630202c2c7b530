package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

func TestGoodPluginIsReadyAndWorks(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"good": {Labels: map[string]string{"tier": "b"}, Required: true}})
	b.settle()
	p := b.plugin("good")
	if !p.Ready() || p.Generation() != 1 {
		t.Fatalf("ready %t, generation %d", p.Ready(), p.Generation())
	}
	s := b.of("good")
	if s.Version != "1.2.3" || s.RunnerType != "good" || s.PID == 0 || len(s.SHA256) != 64 || !s.Required || s.Order != 1 {
		t.Errorf("status %+v", s)
	}
	if got := p.Labels(); got["zone"] != "eu" || got["tier"] != "b" {
		t.Errorf("labels %v, want the operator's to win", got)
	}
	if k := p.Kinds(); len(k) != 1 || k[0].APIVersion != "acme.dev/v1" || k[0].Kind != "Probe" {
		t.Errorf("kinds %v", k)
	}
	works(t, p)
	if took := b.halt(); took > 5*time.Second {
		t.Errorf("Stop took %s", took)
	}
	if s := b.of("good"); s.State != task.PluginStopped || s.LastExit == nil || s.LastExit.Cause != "clean" {
		t.Errorf("after Stop: %s, last exit %+v", s.State, s.LastExit)
	}
}

// Everything that can be wrong before a plugin is ready: it fails within the bound, the reason says
// what it was, and the two healthy plugins beside it work all the time.
func TestBadStartsAreExplainedAndHurtNobodyElse(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "u"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{tcp, unix} {
		canary(t, l)
	}
	faults := []struct {
		name string
		s    Settings
		want []string // in the reason
	}{
		{"exit", mode("exit"), []string{"status 3", "cannot read the flux capacitor"}},
		{"exit0", mode("exit0"), []string{"before its first line", "status 0"}},
		{"garbage", mode("garbage"), []string{"first line", `\x`}},
		{"longfirst", mode("longfirst"), []string{"first line"}},
		{"version", mode("version"), []string{`version "99"`, "version 1"}},
		{"core", mode("core"), []string{`core protocol "2"`}},
		{"netrpc", mode("netrpc"), []string{"only gRPC"}},
		{"cert", mode("cert"), []string{"certificate"}},
		{"tcp", mode("tcp", "HOSTILE_ADDR", tcp.Addr().String()), []string{"only Unix sockets"}},
		{"foreign", mode("foreign", "HOSTILE_ADDR", unix.Addr().String()), []string{"which is not in"}},
		{"symlink", mode("symlink", "HOSTILE_ADDR", unix.Addr().String()), []string{"not a socket"}},
		{"dotdot", mode("dotdot"), []string{"which is not in"}},
		{"abstract", mode("abstract"), []string{"which is not in"}},
		{"long", mode("long"), []string{"at most"}},
		{"notasocket", mode("notasocket"), []string{"not a socket"}},
		{"otherlistens", mode("otherlistens"), []string{"unexpected process"}},
		{"cookie", mode("cookie"), []string{"This binary is a plugin", "another handshake"}},
		{"named", mode("named"), []string{`"somebody-else"`, "rename"}},
		{"nokinds", mode("nokinds"), []string{"0 kinds"}},
		{"reserved", mode("reserved"), []string{"solti.io"}},
		{"twice", mode("twice"), []string{"twice"}},
		{"bigschema", mode("bigschema"), []string{"262144"}},
		{"remoteref", mode("remoteref"), []string{"begin with #"}},
		{"bigname", mode("bigname"), []string{"larger than max"}},
		{"dieinname", mode("dieinname"), []string{"status 9"}},
	}
	plugins := map[string]Settings{"a-good": {}, "z-good": {}}
	for _, f := range faults {
		plugins[f.name] = f.s
	}
	b := newSet(t, plugins, func(o *Options) { // one launch each, and time for it
		o.Timing.Start, o.Timing.Crash = time.Minute, CrashPolicy{Quarantine: 1}
		o.Timing.Probe = 20 * time.Second
	})
	for _, name := range []string{"a-good", "z-good"} {
		works(t, b.awaitReady(name))
	}
	for _, f := range faults {
		s := b.await(f.name, "quarantined", isState(task.PluginQuarantined))
		for _, want := range f.want {
			if text := b.log.String(); !strings.Contains(reasonLine(text, f.name), want) {
				t.Errorf("%s: not explained with %q:\n%s\n%s", f.name, want, reasonLine(text, f.name), s.Reason)
			}
		}
		if s.Generation != 1 {
			t.Errorf("%s: %d launches", f.name, s.Generation)
		}
	}
	for _, name := range []string{"a-good", "z-good"} {
		works(t, b.plugin(name))
	}
}

// canary fails the test if anybody connects.
func canary(t *testing.T, l net.Listener) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			t.Errorf("the host dialled %s", l.Addr())
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

// reasonLine returns the lines of a log that say why a plugin does not start.
func reasonLine(log, plugin string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "does not start") && strings.Contains(line, "plugin="+plugin+" ") {
			lines = append(lines, line)
		}
	}
	return strings.ReplaceAll(strings.Join(lines, ""), `\"`, `"`)
}

func TestHangingStartsEndWithinTheirBound(t *testing.T) {
	t.Parallel()
	plugins := map[string]Settings{"good": {}}
	for _, fault := range []string{"hang", "hangdeaf", "silent", "hangname"} {
		s := mode(fault)
		s.StartTimeout = 400 * time.Millisecond
		plugins[fault] = s
	}
	b := newSet(t, plugins, func(o *Options) {
		o.Timing.Probe, o.Timing.Crash = 400*time.Millisecond, CrashPolicy{Quarantine: 1}
	})
	for name := range plugins {
		if name == "good" {
			continue
		}
		s := b.await(name, "quarantined", isState(task.PluginQuarantined))
		if name != "silent" && s.LastExit.Cause != "startTimeout" {
			t.Errorf("%s: cause %q, want startTimeout", name, s.LastExit.Cause)
		}
	}
}

func TestStopDuringTheHandshakeIsFast(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"hang": mode("hangdeaf")}, func(o *Options) { o.Timing.Start = time.Hour })
	b.await("hang", "launched", func(s task.Plugin) bool { return s.Generation == 1 })
	for len(b.marked()) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if took := b.halt(); took > 5*time.Second {
		t.Errorf("Stop took %s", took)
	}
}

func TestEnvironmentIsAnAllowList(t *testing.T) {
	t.Setenv("SOLTI_TEST_SECRET", "s3cret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
	t.Setenv("LC_TIME", "C")
	t.Setenv("TZ", "UTC")
	b := newSet(t, map[string]Settings{"e": {Env: map[string]string{"TZ": "Asia/Tokyo", "MY_OWN": "1"}}})
	p := b.awaitReady("e")
	r, c := run(t.Context(), p, "env")
	if got := within(t, 10*time.Second, c); got.err != nil {
		t.Fatal(got.err)
	}
	env := strings.Split(r.text(), "\n")
	for _, want := range []string{"TZ=Asia/Tokyo", "MY_OWN=1", "LC_TIME=C", "SOLTI_PLUGIN=e/1", "SOLTI_GENERATION=1",
		"SOLTI_HOST_ID=" + b.opts.HostID, fmt.Sprintf("SOLTI_HOST_PID=%d", os.Getpid()), "SOLTI_LOG_LEVEL=trace"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %q", want, env)
		}
	}
	if strings.Contains(r.text(), "s3cret") {
		t.Errorf("the host's environment leaks: %q", env)
	}
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	tmp := t.TempDir()
	good := Options{Dir: tmp, RunDir: filepath.Join(tmp, "r"), StateDir: filepath.Join(tmp, "s"), HostID: "h"}
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"long run dir": {func(o *Options) { o.RunDir = filepath.Join(tmp, strings.Repeat("x", 100)) }, strings.Repeat("x", 100)},
		"host id":      {func(o *Options) { o.HostID = "a/b" }, "host id"},
		"no dir":       {func(o *Options) { o.Dir = "" }, "plugins directory"},
		"reserved env": {func(o *Options) { o.Plugins = map[string]Settings{"a": {Env: map[string]string{"SOLTI_X": "1"}}} }, "SOLTI_X"},
		"bad env":      {func(o *Options) { o.Plugins = map[string]Settings{"a": {TaskEnv: map[string]string{"A=B": "1"}}} }, "A=B"},
	} {
		o := good
		c.change(&o)
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to name %q", name, err, c.want)
		}
	}
}

func TestStateDirectoryHasOneHost(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{})
	if _, err := Open(b.opts); err == nil || !strings.Contains(err.Error(), b.opts.StateDir) {
		t.Errorf("a second host: error %v", err)
	}
	select {
	case <-b.Settled():
	default:
		t.Error("without plugins the set is not settled")
	}
}

func TestMissingAndDisabledPluginsAreInTheStatus(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"off": {Disabled: true}, "on": {}},
		func(o *Options) {
			o.Order = []string{"on", "absent"}
			o.Plugins["needed"] = Settings{Required: true}
		})
	b.settle()
	for name, want := range map[string]task.PluginState{
		"off": task.PluginDisabled, "on": task.PluginReady, "absent": task.PluginRejected, "needed": task.PluginRejected,
	} {
		if s := b.of(name); s.State != want || want != task.PluginReady && s.Reason == "" {
			t.Errorf("%s: %s (%s), want %s", name, s.State, s.Reason, want)
		}
	}
	if len(b.Plugins()) != 1 {
		t.Errorf("%d plugins are registered, want 1", len(b.Plugins()))
	}
}

func TestUnsafeDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	b := prepare(t, map[string]Settings{})
	if err := os.Chmod(b.opts.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s, err := Open(b.opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("error %v", err)
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestKindsAreRememberedAcrossHosts(t *testing.T) {
	t.Parallel()
	schema := `{"type":"object","additionalProperties":false,"properties":{"do":{"type":"string"}}}`
	b := newSet(t, map[string]Settings{"m": mode("", "HOSTILE_SCHEMA", schema)})
	b.awaitReady("m")
	b.halt()
	b.opts.Plugins = map[string]Settings{"m": mode("hang")}
	b.start()
	p := b.plugin("m")
	if p.Ready() || len(p.Kinds()) != 1 || p.Labels()["zone"] != "eu" {
		t.Errorf("ready %t, kinds %v, labels %v", p.Ready(), p.Kinds(), p.Labels())
	}
	w := work("x").Spec.Workload
	w.Spec = []byte(`{"do":1,"extra":true}`)
	got := p.ValidateSpec(w)
	want := task.FieldErrors{
		{Path: "spec.workload.spec.do", Message: "must be a string, not a number: put it in quotes"},
		{Path: "spec.workload.spec.extra", Message: "unknown field"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := p.Supports(t.Context(), work("x")); !errors.Is(err, ErrDown) {
		t.Errorf("Supports of a plugin that is down: %v", err)
	}
	if _, err := p.Run(t.Context(), attemptOf(p, ""), newRecorder()); !errors.Is(err, ErrDown) {
		t.Errorf("Run of a plugin that is down: %v", err)
	}
}
