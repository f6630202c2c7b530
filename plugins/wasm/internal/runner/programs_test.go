package runner

import (
	"strings"

	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// say is a program that writes a long text.
func say(text string) []byte {
	p := mt.NewProgram(uint64(len(text))>>16+2, "fd_write")
	return p.Main(nil, p.Say(1, text))
}

// buffer is where programs here keep what they read.
const buffer = 32 << 10

// cat is a program that copies files of a directory, of which descriptor 3 is the first, to stdout. It exits
// with the first errno.
func cat(names ...string) []byte {
	p := mt.NewProgram(1, "path_open", "fd_read", "fd_write", "proc_exit")
	vector := p.Vector(buffer, 4096)
	body := mt.Code("")
	for i, name := range names {
		const everything = 1<<29 - 1
		file := p.Put([]byte(name))
		body += check(mt.I32Const(int32(3+i))+mt.I32Const(0)+mt.I32Const(int32(file))+mt.I32Const(int32(len(name)))+mt.I32Const(0)+
			mt.I64Const(1<<1)+mt.I64Const(everything)+mt.I32Const(0)+mt.I32Const(0)+p.Call("path_open"), p) +
			check(mt.I32Const(0)+mt.I32Load(0)+mt.I32Const(int32(vector))+mt.I32Const(1)+mt.I32Const(8)+p.Call("fd_read"), p) +
			mt.I32Const(int32(vector+4)) + mt.I32Const(8) + mt.I32Load(0) + mt.I32Store(0) +
			check(mt.I32Const(1)+mt.I32Const(int32(vector))+mt.I32Const(1)+mt.I32Const(8)+p.Call("fd_write"), p) +
			mt.I32Const(int32(vector+4)) + mt.I32Const(4096) + mt.I32Store(0)
	}
	return p.Main([]mt.Type{mt.I32}, body)
}

// check exits with the errno on the stack unless it is 0.
func check(call mt.Code, p *mt.Program) mt.Code {
	return call + mt.LocalTee(0) + mt.If(mt.LocalGet(0)+p.Exit())
}

// create is a program that makes a file below descriptor 3. It exits with the errno.
func create(name string) []byte {
	p := mt.NewProgram(1, "path_open", "proc_exit")
	file := p.Put([]byte(name))
	return p.Main(nil, mt.I32Const(3)+mt.I32Const(0)+mt.I32Const(int32(file))+mt.I32Const(int32(len(name)))+mt.I32Const(1)+
		mt.I64Const(1<<6)+mt.I64Const(0)+mt.I32Const(0)+mt.I32Const(0)+p.Call("path_open")+p.Exit())
}

// answer is a program that accepts a connection on descriptor 3 and writes text to it.
func answer(text string) []byte {
	const again = 6
	p := mt.NewProgram(1, "sock_accept", "fd_write", "proc_exit")
	vector := p.Vector(p.Put([]byte(text)), uint32(len(text)))
	ready := p.Say(1, mt.Ready)
	accept := mt.I32Const(3) + mt.I32Const(0) + mt.I32Const(0) + p.Call("sock_accept") + mt.LocalTee(0)
	write := mt.I32Const(0) + mt.I32Load(0) + mt.I32Const(int32(vector)) + mt.I32Const(1) + mt.I32Const(8) + p.Call("fd_write")
	return p.Main([]mt.Type{mt.I32}, ready+mt.Again(accept+mt.I32Const(again)+mt.I32Eq+mt.BrIf(0))+check(mt.LocalGet(0), p)+check(write, p))
}

// grow is a program that begins with a page and takes more, one at a time.
func grow(times int) []byte {
	p := mt.NewProgram(1)
	return p.Main(nil, mt.Code(strings.Repeat(string(mt.I32Const(1)+mt.MemoryGrow+mt.Drop), times)))
}

// dice is a program that writes 16 random bytes.
func dice() []byte {
	p := mt.NewProgram(1, "random_get", "fd_write")
	vector := p.Vector(buffer, 16)
	return p.Main(nil, mt.I32Const(buffer)+mt.I32Const(16)+p.Call("random_get")+mt.Drop+
		mt.I32Const(1)+mt.I32Const(int32(vector))+mt.I32Const(1)+mt.I32Const(8)+p.Call("fd_write")+mt.Drop)
}
