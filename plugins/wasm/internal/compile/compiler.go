package compile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

// ErrClosed is what Compile returns when the compiler is closed.
var ErrClosed = errors.New("no module is compiled any more")

// Config is what a compiler works with. Spawn and Scratch are needed.
type Config struct {
	Spawn   *spawn.Spawner
	Scratch string   // a directory of its own, made if it is missing, for native code that is being made
	Self    string   // the binary to run; empty means our own
	Args    []string // that make it the child; empty means Mode or CheckMode
	Limits  Limits
	AtOnce  int // compilations at one time, beside one of a small module; 0 means half of the processors, 1 to 4
	Queue   int // modules that may wait to be checked, and as many to be compiled; 0 means 1000
	Log     hclog.Logger
	Observe func(Compilation) // is told of every child that has ended, from any goroutine; nil means nobody is
}

// A Compiler compiles modules in children. Its methods may be called from any goroutine.
type Compiler struct {
	config    Config
	scratch   *private.Dir
	checking  *queue
	compiling *queue
	quick     Limits         // of a compilation in a quick place, where they are stricter
	running   sync.WaitGroup // flights

	mu      sync.Mutex
	closed  bool               // guarded by mu
	flights map[string]*flight // guarded by mu; those that can be joined
	all     map[*flight]bool   // guarded by mu
}

// checksAtOnce is how many modules are checked at one time, beside a small one.
const checksAtOnce = 2

// New makes a compiler, and removes what children left behind whose parents were killed.
func New(c Config) (*Compiler, error) {
	c.Limits = c.Limits.orDefault()
	set(&c.AtOnce, max(1, min(4, runtime.GOMAXPROCS(0)/2)))
	set(&c.Queue, 1000)
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	scratch, err := private.Open(c.Scratch)
	if err != nil {
		return nil, fmt.Errorf("scratch directory of the compiler: %w", err)
	}
	if err := scratch.Sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("scratch directory of the compiler: %w", err), scratch.Close())
	}
	return &Compiler{
		config: c, scratch: scratch, checking: newQueue(checksAtOnce, c.Queue), compiling: newQueue(c.AtOnce, c.Queue),
		quick:   Limits{CPU: quickCPU, Wall: quickWall},
		flights: map[string]*flight{}, all: map[*flight]bool{},
	}, nil
}

// Close kills all children and waits for whoever looks after them. Calls that are under way end with
// [ErrClosed].
func (c *Compiler) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	for f := range c.all {
		f.cancel(ErrClosed)
	}
	c.mu.Unlock()
	c.running.Wait()
	return c.scratch.Close()
}

// A flight is one child and those who wait for it.
type flight struct {
	cancel context.CancelCauseFunc
	wasm   *os.File // a descriptor of its own

	done   chan struct{}
	result *Result // set before done is closed; nil with err
	err    error   // likewise

	waiting int // guarded by Compiler.mu
}

// Compile has a child inspect, normalise and compile the module, or only check it, of which it needs the descriptor only until it
// returns, and not the offset. When ctx ends the child is killed, unless others wait for it too.
func (c *Compiler) Compile(ctx context.Context, wasm *os.File, o Options) (*Result, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f, err := c.join(ctx, wasm, o)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return c.land(f)
	case <-ctx.Done():
		c.leave(f, o.Key)
		return nil, context.Cause(ctx)
	}
}

// join enters a flight, which is begun if there is none.
func (c *Compiler) join(ctx context.Context, wasm *os.File, o Options) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if f := c.flights[o.Key]; f != nil && o.Key != "" {
		f.waiting++
		return f, nil
	}
	own, err := memfile.Dup(wasm)
	if err != nil {
		return nil, err
	}
	f := &flight{wasm: own, done: make(chan struct{}), waiting: 1}
	ctx, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	c.all[f] = true
	if o.Key != "" {
		c.flights[o.Key] = f
	}
	c.running.Go(func() { c.fly(ctx, f, o) })
	return f, nil
}

// fly sees a flight through.
func (c *Compiler) fly(ctx context.Context, f *flight, o Options) {
	result, err := c.run(ctx, f.wasm, o)
	_ = f.wasm.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, f)
	if c.flights[o.Key] == f {
		delete(c.flights, o.Key)
	}
	f.result, f.err = result, err
	if f.waiting == 0 {
		f.drop()
	}
	f.cancel(nil)
	close(f.done)
}

// land returns what became of the flight to one who waited for it.
func (c *Compiler) land(f *flight) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiting--
	if f.err != nil {
		return nil, f.err
	}
	if f.waiting == 0 {
		return f.result, nil
	}
	return f.result.dup()
}

// leave gives up waiting. The last one to do so ends the flight, which nobody can join any more.
func (c *Compiler) leave(f *flight, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiting--
	if f.waiting > 0 {
		return
	}
	if c.flights[key] == f {
		delete(c.flights, key)
	}
	f.cancel(context.Canceled)
	f.drop()
}

// drop lets go of a result that nobody waits for.
func (f *flight) drop() {
	if f.result != nil {
		_ = f.result.Close()
		f.result = nil
	}
}
