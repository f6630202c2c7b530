package wire

import (
	"errors"
	"os"
	"time"
)

// An Engine is how a module is executed.
type Engine uint8

// The engines.
const (
	EngineAuto        Engine = iota // native code where the system allows it, else interpreted
	EngineCompiler                  // native code, or refuse
	EngineInterpreter               // interpreted
)

// String returns the engine's name in lower case.
func (e Engine) String() string {
	switch e {
	case EngineCompiler:
		return "compiler"
	case EngineInterpreter:
		return "interpreter"
	}
	return "auto"
}

// A Load makes a worker ready for the jobs of one module. It is the first message, and comes once.
type Load struct {
	// Module is the module's file. The worker maps it, so it must not change any more: seal it.
	Module *os.File
	// Native is the native code of the module, or nil: then the worker compiles, which nothing bounds, so
	// that is for tests and for the interpreter.
	Native *os.File
	// NativeName is where wazero looks for Native below its cache directory.
	NativeName string
	// Shell is the module's shell, or nil. The worker loads it in place of Module if the engine takes Native for it,
	// and never runs it otherwise. ShellName is NativeName for that.
	Shell     *os.File
	ShellName string

	Engine   Engine
	Pages    uint32 // ceiling of the guest's linear memory, in pages of 64 KiB; 0 means 4096, 256 MiB
	TailCall bool   // allow the tail calls proposal
	Debug    bool   // files and lines in traps, where the module has DWARF

	// NoMounts promises that no job has mounts, so that the kernel may forbid the worker every file at once.
	NoMounts bool
	// OpenFiles is the hard limit of descriptors of the worker; 0 means 256.
	OpenFiles uint32
}

// Files are the descriptors that come with a [Load]: -1 for one that was not sent.
type Files struct{ Module, Native, Shell int }

// Ready says that a worker waits for jobs.
type Ready struct {
	Took     time.Duration // from the Load to here
	Engine   Engine        // which is used, never EngineAuto
	Compiled bool          // no native code was found, the worker made it
	Whole    string        // why the module was loaded although there was a shell; empty if it was not
	Landlock uint8         // version of the kernel's file rules that hold or will hold, 0 for none
}

// A RefusalError says why a worker cannot run a module. It is the module's or the request's fault.
type RefusalError struct{ Reason string }

func (e *RefusalError) Error() string { return "load module: " + e.Reason }

func (l Load) encode() (*encoder, []*os.File, error) {
	switch {
	case l.Module == nil:
		return nil, nil, errors.New("load without a module")
	case l.Shell != nil && l.Native == nil:
		return nil, nil, errors.New("load of a shell without native code")
	}
	e, files := encode(kindLoad), []*os.File{l.Module}
	for _, f := range []*os.File{l.Native, l.Shell} {
		e.bool(f != nil)
		if f != nil {
			files = append(files, f)
		}
	}
	e.string(l.NativeName)
	e.string(l.ShellName)
	e.uint(uint64(l.Engine))
	e.uint(uint64(l.Pages))
	e.bool(l.TailCall)
	e.bool(l.Debug)
	e.bool(l.NoMounts)
	e.uint(uint64(l.OpenFiles))
	return e, files, nil
}

func (l *Load) decode(d *decoder) (native, shell bool, err error) {
	native, shell = d.bool(), d.bool()
	l.NativeName = d.string()
	l.ShellName = d.string()
	l.Engine = Engine(d.uint())
	l.Pages = uint32(d.uint())
	l.TailCall = d.bool()
	l.Debug = d.bool()
	l.NoMounts = d.bool()
	l.OpenFiles = uint32(d.uint())
	return native, shell, d.end()
}

func (r Ready) encode() *encoder {
	e := encode(kindReady)
	e.duration(r.Took)
	e.uint(uint64(r.Engine))
	e.bool(r.Compiled)
	e.string(clip(r.Whole, MaxTrap))
	e.uint(uint64(r.Landlock))
	return e
}

func (r *Ready) decode(d *decoder) error {
	r.Took = d.duration()
	r.Engine = Engine(d.uint())
	r.Compiled = d.bool()
	r.Whole = clip(d.string(), MaxTrap)
	r.Landlock = uint8(d.uint())
	return d.end()
}
