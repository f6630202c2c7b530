package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// A handshakeRunner is what go-plugin sees of a process: its first line if that was good, and its
// end.
type handshakeRunner struct {
	*starter
	env []string // go-plugin's
}

// Start starts the process and the goroutines that belong to it.
func (r *handshakeRunner) Start(context.Context) error {
	env := append(append([]string(nil), r.cfg.Env...), r.env...)
	env = append(env, goplugin.EnvUnixSocketDir+"="+r.cfg.Dir)
	p, stdin, err := spawn(&r.cfg, env)
	if err != nil {
		return err
	}
	p.lifeline = stdin
	p.exited, p.gone = make(chan struct{}), make(chan struct{})
	p.last, p.first = new(tail), newFirstLine()
	r.p = p
	r.tell(p.pid)
	close(r.ready)
	p.readers.Go(p.readStderr)
	p.readers.Go(func() { p.readStdout(r.check) })
	go p.watch(r.life) // its end closes gone, for which everybody waits
	return nil
}

// check looks at the first line before go-plugin sees it.
func (r *handshakeRunner) check(line string) bool {
	r.socket, r.refuse = parseHandshake(line, r.cfg.Dir)
	return r.refuse == nil
}

// Wait waits for the end of the process.
func (r *handshakeRunner) Wait(context.Context) error {
	<-r.p.exited
	return nil
}

// Kill ends the process if the handshake has failed; how is up to Start.
func (r *handshakeRunner) Kill(context.Context) error { return nil }

// Stdout is the first line, if it was good, and nothing else.
func (r *handshakeRunner) Stdout() io.ReadCloser { return r.p.first }

// Stderr is empty: it is read by ourselves.
func (r *handshakeRunner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name returns the program.
func (r *handshakeRunner) Name() string { return r.cfg.Path }

// ID returns the number of the process.
func (r *handshakeRunner) ID() string {
	if r.p == nil {
		return ""
	}
	return strconv.Itoa(r.p.pid)
}

// Diagnose returns the last words of the process.
func (r *handshakeRunner) Diagnose(context.Context) string { return r.p.Last() }

// PluginToHost lets only the socket through that the first line was checked for.
func (r *handshakeRunner) PluginToHost(network, addr string) (string, string, error) {
	if network != "unix" || addr != r.socket {
		return "", "", fmt.Errorf("%w: address %s", ErrHandshake, escape(addr, 200))
	}
	return network, addr, nil
}

// HostToPlugin refuses: the plugin never calls the host.
func (r *handshakeRunner) HostToPlugin(string, string) (string, string, error) {
	return "", "", errors.ErrUnsupported
}

// A firstLine is a reader of one line that somebody else finds.
type firstLine struct {
	once sync.Once
	r    *io.PipeReader
	w    *io.PipeWriter
}

func newFirstLine() *firstLine {
	r, w := io.Pipe()
	return &firstLine{r: r, w: w}
}

// Read waits for the line.
func (f *firstLine) Read(b []byte) (int, error) { return f.r.Read(b) }

// Close ends it.
func (f *firstLine) Close() error { return f.r.Close() }

// give hands the line over and ends.
func (f *firstLine) give(line string) {
	_, _ = io.WriteString(f.w, line+"\n") // nobody reads any more: the start was given up
	f.end()
}

// end ends it without a line, or after it.
func (f *firstLine) end() { f.once.Do(func() { _ = f.w.Close() }) }

// readStderr reads the process's standard error until it ends.
func (p *Process) readStderr() {
	l := newLineLog(p.cfg.Log, p.cfg.Count, p.last, hclog.Info, "")
	readLines(p.stderr, l.line)
	l.close()
}

// readStdout gives the first line to the handshake and everything after it to the log.
func (p *Process) readStdout(check func(string) bool) {
	r := bufio.NewReaderSize(p.stdout, maxHandshake)
	line, err := r.ReadSlice('\n') // fails when the line is too long
	if len(line) > 0 && check(string(line[:min(len(line), maxHandshake)])) && err == nil {
		p.first.give(strings.TrimSpace(string(line)))
	}
	p.first.end()
	l := newLineLog(p.cfg.Log, p.cfg.Count, nil, hclog.Debug, "stdout")
	readLines(r, l.line)
	l.close()
}
