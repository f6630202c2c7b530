package moduletest

import (
	"encoding/binary"
	"strings"
)

// Preview1 is the name under which WASI preview 1 is imported.
const Preview1 = "wasi_snapshot_preview1"

// scratch is where calls of WASI leave what they return: the first bytes of memory.
const scratch = 0

// preview1 gives the parameters of the functions of WASI that programs here use: i for i32, I for i64. All
// return an i32 but proc_exit.
const preview1 = `
args_get ii
args_sizes_get ii
clock_time_get iIi
environ_get ii
environ_sizes_get ii
fd_close i
fd_read iiii
fd_write iiii
path_open iiiiiIIii
poll_oneoff iiii
proc_exit i
random_get ii
sched_yield
sock_accept iii
`

// A Program is a WASI command in the making: a module with a memory, exported as WASI wants it.
type Program struct {
	Module
	at        uint32 // where the next constant goes
	functions map[string]Func
}

// NewProgram begins a command with a memory of so many pages, at least 1, that imports these functions.
func NewProgram(pages uint64, functions ...string) *Program {
	p := &Program{at: 64, functions: make(map[string]Func)}
	for _, name := range functions {
		params := signatureOf(name)
		results := []Type{I32}
		if name == "proc_exit" {
			results = nil
		}
		p.functions[name] = p.Import(Preview1, name, params, results)
	}
	p.Memory(Limits{Min: pages})
	p.ExportRaw("memory", 2, 0)
	return p
}

// Call calls one of the imported functions.
func (p *Program) Call(name string) Code {
	f, ok := p.functions[name]
	if !ok {
		panic("moduletest: the program does not import " + name)
	}
	return Call(f)
}

// Put places constant bytes in memory and returns their address, which is a multiple of 8.
func (p *Program) Put(b []byte) uint32 {
	at := p.at
	p.Data(at, b)
	p.at = (at + uint32(len(b)) + 7) &^ 7
	return at
}

// Vector places the description of one buffer, as fd_read and fd_write want it, and returns its address.
func (p *Program) Vector(address, length uint32) uint32 {
	return p.Put(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, address), length))
}

// Say writes text to a descriptor and ignores what becomes of it. The program imports fd_write.
func (p *Program) Say(fd int32, text string) Code {
	vector := p.Vector(p.Put([]byte(text)), uint32(len(text)))
	return I32Const(fd) + I32Const(int32(vector)) + I32Const(1) + I32Const(scratch) + p.Call("fd_write") + Drop
}

// Exit ends the program with the number on the stack. The program imports proc_exit.
func (p *Program) Exit() Code { return p.Call("proc_exit") + Unreachable }

// Main makes body _start, names the functions and encodes the program.
func (p *Program) Main(locals []Type, body Code) []byte {
	p.Export("_start", p.Func(nil, nil, locals, body))
	names := make([]string, p.foreign, p.foreign+uint32(len(p.bodies)))
	for name, f := range p.functions {
		names[f] = name
	}
	for range p.bodies[1:] {
		names = append(names, "work")
	}
	p.Names(append(names, "_start")...)
	return p.Bytes()
}

func signatureOf(name string) []Type {
	for line := range strings.Lines(preview1) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != name {
			continue
		}
		var params []Type
		for _, letter := range strings.Join(fields[1:], "") {
			params = append(params, map[rune]Type{'i': I32, 'I': I64}[letter])
		}
		return params
	}
	panic("moduletest: the signature of " + name + " is not known here")
}
