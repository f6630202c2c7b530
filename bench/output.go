package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

const mib = 1 << 20

// A source is a command that writes a known pattern once it is told to.
type source struct {
	file  string // holds the pattern, a whole number of times
	gate  string // FIFO: a line in it says go
	times int    // how often the file is written
	bytes int64  // in all
}

// newSource makes what a source of at least n bytes needs, in dir.
func newSource(dir string, n int64) (*source, error) {
	s := &source{file: filepath.Join(dir, "pattern"), gate: filepath.Join(dir, "gate")}
	block := []byte(strings.Repeat(pattern, 1<<16)) // just below 4 MiB
	if err := os.WriteFile(s.file, block, 0o644); err != nil {
		return nil, err
	}
	s.times = int(max(1, n/int64(len(block))))
	s.bytes = int64(s.times) * int64(len(block))
	return s, syscall.Mkfifo(s.gate, 0o600)
}

// script waits at the gate and then writes.
func (s *source) script() string {
	return "read _ <" + s.gate + "; exec cat" + strings.Repeat(" "+s.file, s.times)
}

// open lets the script begin, waiting until it stands at the gate.
func (s *source) open() (time.Time, error) {
	f, err := os.OpenFile(s.gate, os.O_WRONLY, 0)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	began := time.Now()
	_, err = f.WriteString("\n")
	return began, err
}

// outputRate compares one task that writes as fast as it can with the same command through a pipe to
// cat, and looks at what followers get meanwhile.
func outputRate(ctx context.Context, b *bench) error {
	return b.withHost(ctx, func(h *server) error { return b.outputRate(ctx, h) })
}

func (b *bench) outputRate(ctx context.Context, h *server) error {
	t := b.report.table("one task that writes; CPU in s per GiB of its output",
		"what", "MiB", "MiB/s", "ratio", "host CPU", "plugin CPU", "followers MiB/s", "complete", "missing MiB", "gaps")
	big, small := int64(b.size(1024, 16))*mib, int64(b.size(32, 4))*mib
	for _, c := range []struct {
		name   string
		bytes  int64
		follow follow
		n      int
	}{
		{"no follower", big, nil, 0},
		{"1 follower, raw", big, followRaw, 1},
		{"1 follower, SSE", big / 4, followEvents, 1},
		{"100 followers, raw", small * 2, followRaw, b.size(100, 10)},
		{"100 followers, SSE", small / 2, followEvents, b.size(100, 10)},
	} {
		c.name = strings.Replace(c.name, "100", fmt.Sprint(max(c.n, 1)), 1)
		peer, err := b.comparePipe(filepath.Dir(h.dir), c.bytes)
		if err != nil {
			return err
		}
		t.row("cat | cat >/dev/null", peer.mib, peer.rate, 1.0, nil, nil, nil, nil, nil, nil)
		got, err := b.written(ctx, h, c.bytes, c.follow, c.n, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		gib := got.mib / 1024
		t.row(c.name, got.mib, got.rate, got.rate/peer.rate, got.used.host.Seconds()/gib, got.used.plugins.Seconds()/gib,
			got.followed, fmt.Sprintf("%d/%d", got.complete, c.n), float64(got.missing)/mib, got.gaps)
	}
	if b.profile == "" {
		return nil
	}
	return errors.Join(b.profiledOutput(ctx, h, "raw", small, followRaw), b.profiledOutput(ctx, h, "events", small, followEvents))
}

// profiledOutput shows where the time of a host with many followers goes. It needs perf, and the right
// to use it.
func (b *bench) profiledOutput(ctx context.Context, h *server, name string, n int64, f follow) error {
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	data := filepath.Join(b.profile, "output-"+name+".data")
	got, err := b.written(ctx, h, n, f, b.size(100, 10), record(data))
	if err != nil {
		return err
	}
	if err := b.areas(ctx, data, int(got.mib), "MiB written"); err != nil {
		return err
	}
	b.report.note("\nmore of %s: perf report --no-children -i %s", name, data)
	return nil
}

// A writing is how a source did.
type writing struct {
	mib, rate float64
	used      usage

	followed float64 // MiB/s that all followers got together
	complete int     // followers that missed nothing
	missing  int64   // bytes that followers were told are missing
	gaps     int
}

// comparePipe runs a source into cat.
func (b *bench) comparePipe(dir string, n int64) (writing, error) {
	dir, err := os.MkdirTemp(dir, "pipe")
	if err != nil {
		return writing{}, err
	}
	src, err := newSource(dir, n)
	if err != nil {
		return writing{}, err
	}
	cmd := exec.Command("/bin/sh", "-c", "("+src.script()+") | cat >/dev/null")
	if err := cmd.Start(); err != nil {
		return writing{}, err
	}
	began, err := src.open()
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return writing{}, err
	}
	w := writing{mib: float64(src.bytes) / mib}
	w.rate = w.mib / time.Since(began).Seconds()
	return w, nil
}

// written runs a source as a task, with so many followers that are there before its first byte, and
// with a look at the host from outside if look is not nil.
func (b *bench) written(ctx context.Context, h *server, n int64, f follow, followers int, look watch) (w writing, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(h.dir), "task")
	if err != nil {
		return w, err
	}
	src, err := newSource(dir, n)
	if err != nil {
		return w, err
	}
	t := subprocess(strings.ToLower(filepath.Base(dir)), "/bin/sh", "-c", src.script())
	if t, err = h.client.Create(ctx, t, client.CreateOptions{}); err != nil {
		return w, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	got := make([]received, followers)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = f(ctx, h, t.Metadata.Name) })
	}
	if err := h.followers(ctx, followers); err != nil {
		return w, err
	}
	if look != nil {
		stop, err := look(ctx, h)
		if err != nil {
			return w, err
		}
		defer stop()
	}
	before, err := h.usage(ctx)
	if err != nil {
		return w, err
	}
	began, err := src.open()
	if err != nil {
		return w, err
	}
	end, err := h.client.Wait(ctx, t.Metadata.Name, t.Metadata.UID)
	if err != nil {
		return w, err
	}
	if end.Status.Phase != task.Succeeded {
		return w, fmt.Errorf("the task ended as %s: %+v", end.Status.Phase, end.Status.Error)
	}
	w.mib = float64(src.bytes) / mib
	w.rate = w.mib / time.Since(began).Seconds()
	wg.Wait()
	after, err := h.usage(ctx)
	w.used = after.since(before)
	return w, errors.Join(err, w.judge(got, src.bytes, time.Since(began)))
}

// judge sums up what followers got, and fails if one has neither all n bytes nor been told what it
// misses.
func (w *writing) judge(got []received, n int64, took time.Duration) error {
	var sum int64
	for i, r := range got {
		if r.err != nil {
			return fmt.Errorf("follower %d: %w", i+1, r.err)
		}
		if r.bytes+r.missing != n {
			return fmt.Errorf("follower %d got %d bytes and was told of %d missing ones, of %d", i+1, r.bytes, r.missing, n)
		}
		if r.missing == 0 {
			w.complete++
		}
		sum += r.bytes
		w.missing += r.missing
		w.gaps += r.gaps
	}
	w.followed = float64(sum) / mib / took.Seconds()
	return nil
}

// followers waits until the output has n readers.
func (h *server) followers(ctx context.Context, n int) error {
	for {
		m, err := h.metrics(ctx)
		if err != nil || int(m["solti_output_followers"]) == n {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// pattern has 63 bytes, each once, so that a byte tells its place.
const pattern = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\n"

// A checker compares a stream with the pattern.
type checker struct {
	wall []byte // the pattern, over and over
	at   int    // place in the pattern of the next byte
}

func newChecker() *checker {
	return &checker{wall: slices.Repeat([]byte(pattern), 1+(64<<10)/len(pattern))}
}

// take returns how many bytes of b go on with the pattern. They are all, unless something is missing
// or wrong there.
func (c *checker) take(b []byte) (n int) {
	for n < len(b) {
		want := c.wall[c.at:]
		part := b[n:min(len(b), n+len(want))]
		if string(part) != string(want[:len(part)]) {
			for b[n] == c.wall[c.at] {
				n++
				c.at = (c.at + 1) % len(pattern)
			}
			return n
		}
		n += len(part)
		c.at = (c.at + len(part)) % len(pattern)
	}
	return n
}

// skip leaves n bytes out.
func (c *checker) skip(n int64) { c.at = int((int64(c.at) + n) % int64(len(pattern))) }

// jump goes to the place of byte b, and fails if the pattern has no such byte.
func (c *checker) jump(b byte) error {
	i := strings.IndexByte(pattern, b)
	if i < 0 {
		return fmt.Errorf("byte %#x was never written", b)
	}
	c.at = i
	return nil
}

var errWrong = errors.New("the bytes are not those that were written")

// A received is what one follower got.
type received struct {
	bytes   int64
	missing int64 // as the host says
	gaps    int
	err     error
}

// A follow follows the output of a task until it is over.
type follow func(ctx context.Context, h *server, name task.Name) received

// followEvents follows with events, which say where gaps are.
func followEvents(ctx context.Context, h *server, name task.Name) (r received) {
	c := newChecker()
	for chunk, err := range h.client.Output(ctx, name, task.OutputQuery{Stream: task.Stdout, Follow: true}) {
		switch {
		case err != nil:
			r.err = err
			return r
		case chunk.Ended != nil:
			continue
		case chunk.Offset != r.bytes+r.missing:
			r.err = fmt.Errorf("a chunk at %d after %d bytes: %w", chunk.Offset, r.bytes+r.missing, errWrong)
			return r
		case chunk.Gap > 0:
			r.gaps++
			r.missing += chunk.Gap
			c.skip(chunk.Gap)
		case c.take(chunk.Data) != len(chunk.Data):
			r.err = fmt.Errorf("at %d: %w", chunk.Offset, errWrong)
			return r
		}
		r.bytes += int64(len(chunk.Data))
	}
	return r
}

// followRaw follows the plain bytes. Only their end tells how many are missing.
func followRaw(ctx context.Context, h *server, name task.Name) (r received) {
	resp, err := h.get(ctx, "/apis/"+task.APIVersion+"/tasks/"+string(name)+"/output?stream=stdout&follow=true")
	if err != nil {
		r.err = err
		return r
	}
	defer resp.Body.Close()
	c, buf := newChecker(), make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		r.bytes += int64(n)
		for b := buf[:n]; len(b) > 0; {
			if b = b[c.take(b):]; len(b) == 0 {
				break
			}
			r.gaps++
			if r.err = c.jump(b[0]); r.err != nil {
				return r
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.err = err
			}
			break
		}
	}
	if v := resp.Trailer.Get("Solti-Output-Missing"); v != "" {
		if _, err := fmt.Sscan(v, &r.missing); err != nil {
			r.err = fmt.Errorf("trailer Solti-Output-Missing %q: %w", v, err)
		}
	}
	if r.err == nil && r.gaps > 0 && r.missing == 0 {
		r.err = fmt.Errorf("%d gaps that the host did not tell: %w", r.gaps, errWrong)
	}
	return r
}
