package launch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawn starts the process with pipes of its own, in a session and, where there is one, a cgroup of
// its own. It returns the write end of the process's standard input, its lifeline.
func spawn(cfg *Config, env []string) (p *Process, lifeline *os.File, err error) {
	var opened []*os.File
	defer func() {
		if err != nil {
			closeAll(opened)
		}
	}()
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		if r, w, err = os.Pipe(); err == nil {
			opened = append(opened, r, w)
		}
		return r, w
	}
	inR, inW := pipe()
	outR, outW := pipe()
	errR, errW := pipe()
	if err != nil {
		return nil, nil, err
	}
	files := []*os.File{inR, outW, errW}
	if cfg.Lock != nil {
		files = append(files, cfg.Lock.File)
	}
	p = &Process{cfg: *cfg, stdout: outR, stderr: errR}
	err = cfg.Reaper.Spawn(func() (int, error) {
		var startErr error
		p.proc, startErr = startProcess(cfg, env, files)
		if startErr != nil {
			return 0, startErr
		}
		return p.proc.Pid, nil
	})
	if err != nil {
		return nil, nil, err
	}
	p.pid = p.proc.Pid
	closeAll([]*os.File{inR, outW, errW})
	if cfg.Lock != nil {
		_ = cfg.Lock.Close() // from now on the plugin alone holds it
		cfg.Lock = nil
	}
	return p, inW, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

func startProcess(cfg *Config, env []string, files []*os.File) (*os.Process, error) {
	attr := &os.ProcAttr{
		Dir: cfg.WorkDir, Env: lastWins(env), Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true},
	}
	argv := append([]string{filepath.Base(cfg.Path)}, cfg.Args...)
	if cfg.Group == nil {
		return os.StartProcess(cfg.Path, argv, attr)
	}
	dir, err := cfg.Group.Open()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	setCgroup(attr.Sys, int(dir.Fd()))
	return os.StartProcess(cfg.Path, argv, attr)
}

// lastWins drops variables that a later one of the same name replaces.
func lastWins(env []string) []string {
	seen := make(map[string]bool, len(env))
	kept := make([]string, 0, len(env))
	for _, v := range slices.Backward(env) {
		name, _, _ := strings.Cut(v, "=")
		if !seen[name] {
			seen[name] = true
			kept = append(kept, v)
		}
	}
	slices.Reverse(kept)
	return kept
}

// signalName returns a name such as SIGKILL.
func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return sig.String()
}
