package moduletest

import (
	"encoding/binary"
	"time"
)

// Ready is what programs say on stdout when they are about to do what their name says.
const Ready = "ready\n"

// A Named is a program with its name.
type Named struct {
	Name string
	Wasm []byte
}

// Shapes are all programs that go on until they are killed, each in its own way. BlockedRead needs a stdin
// that stays open, and BlockedAccept a listener as descriptor 3.
func Shapes() []Named {
	return []Named{
		{"loop", Loop()},
		{"nested-loop", NestedLoop()},
		{"call-tree", CallTree()},
		{"tail-call-loop", TailCallLoop()},
		{"huge-fill", HugeFill()},
		{"host-call-storm", HostCallStorm()},
		{"sleep", Sleep()},
		{"blocked-read", BlockedRead()},
		{"blocked-accept", BlockedAccept()},
		{"endless-start", EndlessStart()},
	}
}

// Loop is a loop around nothing.
func Loop() []byte {
	p := NewProgram(1, "fd_write")
	return p.Main(nil, p.Say(1, Ready)+Forever(""))
}

// NestedLoop is an endless loop around loops that end.
func NestedLoop() []byte {
	p := NewProgram(1, "fd_write")
	inner := I32Const(1000) + LocalSet(0) + Again(LocalGet(0)+I32Const(1)+I32Sub+LocalTee(0)+BrIf(0))
	return p.Main([]Type{I32}, p.Say(1, Ready)+Forever(inner))
}

// CallTree is a tree of 2^62 calls without any loop, never more than 62 deep.
func CallTree() []byte { return callTree(62) }

func callTree(depth int32) []byte {
	p := NewProgram(1, "fd_write")
	f := p.Declare([]Type{I32}, nil)
	below := LocalGet(0) + I32Const(1) + I32Sub + Call(f)
	p.Define(f, nil, LocalGet(0)+If(below+below))
	return p.Main(nil, p.Say(1, Ready)+I32Const(depth)+Call(f))
}

// TailCallLoop is a function that leaves itself for itself (feature tail-call).
func TailCallLoop() []byte {
	p := NewProgram(1, "fd_write")
	f := p.Declare(nil, nil)
	p.Define(f, nil, TailCall(f))
	return p.Main(nil, p.Say(1, Ready)+Call(f))
}

// HugeFill fills 2 GiB with a single instruction, over and over.
func HugeFill() []byte { return Fill(2 << 30) }

// Fill fills so many bytes with a single instruction, over and over. It needs that much memory.
func Fill(bytes uint32) []byte {
	p := NewProgram(1+uint64(bytes)>>16, "fd_write")
	return p.Main(nil, p.Say(1, Ready)+
		Forever(I32Const(1024)+I32Const(0xaa)+I32Const(int32(bytes))+MemoryFill))
}

// HostCallStorm calls the cheapest function of the host over and over.
func HostCallStorm() []byte {
	p := NewProgram(1, "fd_write", "sched_yield")
	return p.Main(nil, p.Say(1, Ready)+Forever(p.Call("sched_yield")+Drop))
}

// Sleep sleeps for an hour at a time.
func Sleep() []byte {
	p := NewProgram(1, "fd_write", "poll_oneoff")
	return p.Main(nil, p.Say(1, Ready)+Forever(p.sleep(time.Hour)))
}

// Ticks says Ready again and again, with a pause before each but the first.
func Ticks(pause time.Duration) []byte {
	p := NewProgram(1, "fd_write", "poll_oneoff")
	return p.Main(nil, Forever(p.Say(1, Ready)+p.sleep(pause)))
}

// sleep waits for a while. The program imports poll_oneoff.
func (p *Program) sleep(d time.Duration) Code {
	subscription := make([]byte, 48)
	subscription[16] = 1 // the monotonic clock
	binary.LittleEndian.PutUint64(subscription[24:], uint64(d))
	in, out := p.Put(subscription), p.Put(make([]byte, 32))
	return I32Const(int32(in)) + I32Const(int32(out)) + I32Const(1) + I32Const(scratch) + p.Call("poll_oneoff") + Drop
}

// BlockedRead reads stdin, which nobody writes to. If it gets an answer, it exits with its errno.
func BlockedRead() []byte {
	p := NewProgram(1, "fd_write", "fd_read", "proc_exit")
	vector := p.Vector(32<<10, 16)
	read := I32Const(0) + I32Const(int32(vector)) + I32Const(1) + I32Const(scratch) + p.Call("fd_read")
	return p.Main(nil, p.Say(1, Ready)+read+p.Exit())
}

// BlockedAccept accepts a connection on descriptor 3, to which nobody connects. If it gets an answer other
// than "try again", it exits with its errno.
func BlockedAccept() []byte {
	const again = 6
	p := NewProgram(1, "fd_write", "sock_accept", "proc_exit")
	accept := I32Const(3) + I32Const(0) + I32Const(scratch) + p.Call("sock_accept")
	return p.Main([]Type{I32}, p.Say(1, Ready)+
		Again(accept+LocalTee(0)+I32Const(again)+I32Eq+BrIf(0))+LocalGet(0)+p.Exit())
}

// EndlessStart loops already in its start function, before there is an instance whose _start could be called.
func EndlessStart() []byte {
	p := NewProgram(1, "fd_write")
	p.Start(p.Func(nil, nil, nil, p.Say(1, Ready)+Forever("")))
	return p.Main(nil, "")
}
