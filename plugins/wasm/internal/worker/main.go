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
	request, files, err := child.Load()
	if err != nil {
		return err
	}
	w, err := load(child, request, files)
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
func load(child *wire.Child, l wire.Load, files wire.Files) (*worker, error) {
	begin := time.Now()
	if l.Pages == 0 {
		l.Pages = defaultPages
	}
	if err := applyLimits(l, files); err != nil {
		return nil, err
	}
	w := &worker{child: child, fence: fence.New()}
	whole, err := w.take(l, files)
	if err != nil {
		return nil, err
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
		Took: time.Since(begin), Engine: w.module.Engine, Compiled: w.module.Compiled, Whole: whole, Landlock: uint8(w.fence.Version),
	}
	return w, nil
}

// take loads the module, by its shell if there is one and that can be, and closes the files. Whole is why it was not
// by the shell that there was.
func (w *worker) take(l wire.Load, files wire.Files) (whole string, err error) {
	defer func() {
		for _, fd := range []int{files.Module, files.Native, files.Shell} {
			if fd >= 0 {
				unix.Close(fd)
			}
		}
	}()
	source := guest.Source{
		Engine: l.Engine, Pages: l.Pages, TailCall: l.TailCall, Debug: l.Debug,
		PagesPeak: w.child.Counter(wire.PagesPeak), Growths: w.child.Counter(wire.Growths),
	}
	if files.Native >= 0 {
		source.Native = fmt.Sprintf("/proc/self/fd/%d", files.Native)
	}
	if files.Shell >= 0 {
		source.Shell, source.NativeName = true, l.ShellName
		if err = w.open(source, files.Shell); err == nil {
			return "", nil
		}
		whole = err.Error()
	}
	source.Shell, source.NativeName = false, l.NativeName
	return whole, w.open(source, files.Module)
}

// open loads a module, or a shell, from its file.
func (w *worker) open(source guest.Source, fd int) (err error) {
	if source.Wasm, err = mapFile(fd); err != nil {
		return err
	}
	w.module, err = guest.Load(background, source)
	return err
}

// tidy gives the memory back that loading took, if that is worth the time.
func tidy() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys-m.HeapReleased > 8<<20 {
		debug.FreeOSMemory()
	}
}

// mapFile makes a file's bytes readable, shared with other workers.
func mapFile(fd int) ([]byte, error) {
	size, err := sizeOf(fd)
	if err != nil {
		return nil, fmt.Errorf("look at the module: %w", err)
	}
	if size == 0 {
		return nil, errors.New("the module is empty")
	}
	b, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the module: %w", err)
	}
	return b, nil
}

func sizeOf(fd int) (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st.Size, err
}
