package worker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fence"
	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// socket is the descriptor under which the plugin is reached.
const socket = 3

// Exit codes of a worker.
const (
	ExitDone   = 0 // no more jobs
	ExitBroken = 3 // the plugin said what a worker does not understand, or the system refused a limit
)

// Main runs jobs until there are no more, and returns the exit code of the process.
func Main() int {
	err := work()
	var lost *wasi.OutputError
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.As(err, &lost):
		return ExitDone
	}
	fmt.Fprintf(os.Stderr, "wasm worker: %v\n", err)
	return ExitBroken
}

func work() (err error) {
	runtime.GOMAXPROCS(1)
	unix.CloseOnExec(socket)
	child := wire.NewChild(socket)
	request, module, native, err := child.Load()
	if err != nil {
		return err
	}
	w, err := load(child, request, module, native)
	if err != nil {
		return child.Refuse(err.Error())
	}
	if err := child.Ready(w.ready); err != nil {
		return err
	}
	return w.serve()
}

// A worker has its module ready.
type worker struct {
	child  *wire.Child
	module *guest.Module
	ready  wire.Ready
	cpu    cpuTimer
	fence  fence.Fence
	rss    int64 // most memory in KiB that it had when it was ready
}

// load makes the module ready, under limits.
func load(child *wire.Child, l wire.Load, module, native int) (*worker, error) {
	begin := time.Now()
	if l.Pages == 0 {
		l.Pages = defaultPages
	}
	wasm, err := mapFile(module)
	if err != nil {
		return nil, err
	}
	if err := applyLimits(l, int64(len(wasm)), native); err != nil {
		return nil, err
	}
	w := &worker{child: child, fence: fence.New()}
	source := guest.Source{
		Wasm: wasm, Engine: l.Engine, Pages: l.Pages, TailCall: l.TailCall, Debug: l.Debug,
		PagesPeak: child.Counter(wire.PagesPeak), Growths: child.Counter(wire.Growths),
	}
	if native >= 0 {
		source.Native, source.NativeName = fmt.Sprintf("/proc/self/fd/%d", native), l.NativeName
	}
	if w.module, err = guest.Load(background, source); err != nil {
		return nil, err
	}
	if native >= 0 {
		unix.Close(native)
	}
	if w.cpu, err = newCPUTimer(); err != nil {
		return nil, err
	}
	if l.NoMounts {
		if err := w.fence.Close(nil); err != nil {
			return nil, err
		}
	}
	tidy()
	w.rss = peakRSS()
	w.ready = wire.Ready{
		Took: time.Since(begin), Engine: w.module.Engine, Compiled: w.module.Compiled, Landlock: uint8(w.fence.Version),
	}
	return w, nil
}

// tidy gives the memory back that loading took, if that is worth the time.
func tidy() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys-m.HeapReleased > 8<<20 {
		debug.FreeOSMemory()
	}
}

// mapFile makes a file's bytes readable, shared with other workers, and closes it.
func mapFile(fd int) ([]byte, error) {
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("look at the module: %w", err)
	}
	if st.Size == 0 {
		return nil, errors.New("the module is empty")
	}
	b, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the module: %w", err)
	}
	return b, nil
}
