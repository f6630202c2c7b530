package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A watch looks at the processes of a host from outside until it is stopped.
type watch func(ctx context.Context, h *server) (stop func(), err error)

// sampleRate is how often perf looks, per second of processor time.
const sampleRate = 997

// profiled runs n tasks under perf record and again under perf trace, keeps what they write in
// b.profile and shows the top of it. It needs perf, and the right to use it.
func (b *bench) profiled(ctx context.Context, n int) error {
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	data, calls := filepath.Join(b.profile, "cpu.data"), filepath.Join(b.profile, "syscalls.txt")
	for _, watch := range []watch{record(data), perf("trace", "-s", "-o", calls)} {
		if _, err := b.load(ctx, batch{n: n, warm: 200, make: trueTask, watch: watch}); err != nil {
			return err
		}
	}
	if err := b.areas(ctx, data, n, "task"); err != nil {
		return err
	}
	if err := b.syscalls(calls, n); err != nil {
		return err
	}
	b.report.note("\nmore: perf report --no-children -i %s; less %s", data, calls)
	return nil
}

// record watches where the processor's time goes, and writes it to a file.
func record(file string) watch {
	return perf("record", "-q", "-e", "task-clock", "-F", strconv.Itoa(sampleRate), "-g", "-o", file)
}

// perf watches with a command of perf that takes -p.
func perf(args ...string) watch {
	return func(ctx context.Context, h *server) (func(), error) {
		pids, err := h.plugins(ctx)
		if err != nil {
			return nil, err
		}
		list := []string{strconv.Itoa(h.pid())}
		for _, pid := range pids {
			list = append(list, strconv.Itoa(pid))
		}
		cmd := exec.Command("perf", append(args, "-p", strings.Join(list, ","))...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select { // perf says nothing once it has attached
		case err := <-ended:
			return nil, fmt.Errorf("perf %s: %w: %s", args[0], err, &errs)
		case <-time.After(500 * time.Millisecond):
		}
		return func() {
			_ = cmd.Process.Signal(os.Interrupt)
			<-ended
		}, nil
	}
}

// areas shows on what each process spent its processor time for each of n units, by the innermost frame
// that says so.
func (b *bench) areas(ctx context.Context, data string, n int, unit string) error {
	out, err := exec.CommandContext(ctx, "perf", "script", "-i", data, "-F", "comm,ip,sym").Output()
	if err != nil {
		return fmt.Errorf("perf script: %w", err)
	}
	sums := map[string]map[string]float64{}
	for sample := range strings.SplitSeq(string(out), "\n\n") {
		comm, frames, _ := strings.Cut(strings.Trim(sample, "\n"), "\n")
		comm = strings.TrimSpace(comm)
		if comm == "" {
			continue
		}
		if sums[comm] == nil {
			sums[comm] = map[string]float64{}
		}
		sums[comm][area(frames)] += 1e6 / sampleRate / float64(n)
	}
	t := b.report.table("CPU by process and area", "process and area", "us/"+unit, "share")
	for _, comm := range byValue(sums, total) {
		all := total(sums[comm])
		if all < 5 {
			continue
		}
		t.row(comm, all, 1.0)
		for _, a := range byValue(sums[comm], func(v float64) float64 { return v }) {
			if sums[comm][a] >= all/100 {
				t.row("  "+a, sums[comm][a], sums[comm][a]/all)
			}
		}
	}
	return nil
}

// area names what a stack is about. Frames come innermost first, as lines of address and symbol.
func area(frames string) string {
	for frame := range strings.Lines(frames) {
		_, symbol, _ := strings.Cut(strings.TrimSpace(frame), " ")
		if a := areaOf(symbol); a != "" {
			return a
		}
	}
	return "kernel and others"
}

// areaOf names what a function is about, or nothing if its callers know better.
func areaOf(symbol string) string {
	for _, known := range []struct{ prefix, area string }{
		{"runtime.gcBgMarkWorker", "go: garbage collection"}, {"runtime.gcAssist", "go: garbage collection"},
		{"runtime.bgsweep", "go: garbage collection"}, {"runtime.gcStart", "go: garbage collection"},
		{"runtime.bgscavenge", "go: garbage collection"}, {"runtime.mallocgc", "go: allocation"},
		{"runtime.newobject", "go: allocation"}, {"runtime.growslice", "go: allocation"},
		{"runtime.newstack", "go: stacks"}, {"runtime.morestack", "go: stacks"},
		{"runtime.schedule", "go: scheduler"}, {"runtime.sysmon", "go: scheduler"}, {"runtime.mcall", "go: scheduler"},
		{"runtime.wakep", "go: scheduler"}, {"runtime.ready", "go: scheduler"}, {"runtime.startm", "go: scheduler"},
		{"runtime.exitsyscall", "go: scheduler"}, {"runtime.entersyscall", "go: scheduler"},
		{"syscall.forkExec", "fork and exec"}, {"syscall.StartProcess", "fork and exec"}, {"os/exec.", "os/exec"},
		{"google.golang.org/grpc/internal/transport.", "grpc: transport"}, {"google.golang.org/grpc.", "grpc: calls"},
		{"golang.org/x/net/http2", "grpc: transport"}, {"google.golang.org/protobuf", "protobuf"},
		{"go.etcd.io/bbolt.", "bbolt"}, {"net/http.", "net/http"}, {"encoding/json", "encoding/json"},
		{"github.com/santhosh-tekuri", "JSON schema"}, {"github.com/prometheus", "metrics"},
		{"github.com/hashicorp/go-hclog", "logging"}, {"do_exit", "kernel: exit of processes"},
		{"__do_sys_clone", "kernel: clone"}, {"kernel_clone", "kernel: clone"}, {"do_execveat", "kernel: exec"},
		{"bprm_execve", "kernel: exec"},
	} {
		if strings.HasPrefix(symbol, known.prefix) {
			return known.area
		}
	}
	const module = "github.com/soltihq/solti-host/"
	if rest, ours := strings.CutPrefix(symbol, module); ours {
		dir, base := "", rest
		if i := strings.LastIndexByte(rest, '/'); i >= 0 {
			dir, base = rest[:i+1], rest[i+1:]
		}
		pkg, _, _ := strings.Cut(base, ".")
		return dir + pkg
	}
	return ""
}

// syscalls shows which system calls each process made, from the summary that perf trace wrote.
func (b *bench) syscalls(path string, n int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sums := map[string]map[string]float64{}
	comm := ""
	for row := range strings.Lines(string(text)) {
		f := strings.Fields(row)
		if i := strings.Index(row, " ("); i > 0 && strings.Contains(row, "events,") {
			comm = strings.TrimSpace(row[:i]) // of one thread
			continue
		}
		if len(f) < 4 || comm == "" {
			continue
		}
		calls, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			continue
		}
		if sums[comm] == nil {
			sums[comm] = map[string]float64{}
		}
		sums[comm][f[0]] += calls / float64(n)
	}
	t := b.report.table("system calls", "process and call", "per task")
	for _, comm := range byValue(sums, total) {
		t.row(comm, total(sums[comm]))
		for _, call := range byValue(sums[comm], func(v float64) float64 { return v }) {
			if sums[comm][call] >= 0.2 {
				t.row("  "+call, sums[comm][call])
			}
		}
	}
	return nil
}

func total(m map[string]float64) (sum float64) {
	for _, v := range m {
		sum += v
	}
	return sum
}
