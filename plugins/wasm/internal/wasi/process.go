package wasi

import (
	"math/rand/v2"

	"github.com/tetratelabs/wazero/sys"
	"golang.org/x/sys/unix"
)

func (j *job) argsSizes(m memory, a []uint64) Errno    { return putSizes(m, j.Args, a) }
func (j *job) argsGet(m memory, a []uint64) Errno      { return putList(m, j.Args, a) }
func (j *job) environSizes(m memory, a []uint64) Errno { return putSizes(m, j.Env, a) }
func (j *job) environGet(m memory, a []uint64) Errno   { return putList(m, j.Env, a) }

// putSizes tells how many texts a list has, and how many bytes with a zero behind each.
func putSizes(m memory, list []string, a []uint64) Errno {
	size := 0
	for _, s := range list {
		size += len(s) + 1
	}
	if errno := m.put32(a[0], uint32(len(list))); errno != success {
		return errno
	}
	return m.put32(a[1], uint32(size))
}

// putList writes the texts of a list one behind the other, and where each is.
func putList(m memory, list []string, a []uint64) Errno {
	at := a[1]
	for i, s := range list {
		if errno := m.put32(a[0]+4*uint64(i), uint32(at)); errno != success {
			return errno
		}
		b, ok := m.view(at, uint64(len(s))+1)
		if !ok {
			return eFault
		}
		b[copy(b, s)] = 0
		at += uint64(len(b))
	}
	return success
}

// procExit leaves the guest, whatever it was doing. The engine gives the panic back as an error.
func procExit(_ *job, _ memory, a []uint64) Errno {
	panic(sys.NewExitError(uint32(a[0])))
}

func procRaise(*job, memory, []uint64) Errno  { return eNotsup }
func schedYield(*job, memory, []uint64) Errno { return success }

// A chance gives random bytes: the system's, or those of a seed.
type chance struct{ seeded *rand.ChaCha8 }

func newChance(seed *[32]byte) chance {
	if seed == nil {
		return chance{}
	}
	return chance{rand.NewChaCha8(*seed)}
}

func (j *job) randomGet(m memory, a []uint64) Errno {
	b, ok := m.view(a[0], a[1])
	if !ok {
		return eFault
	}
	if j.chance.seeded != nil {
		_, err := j.chance.seeded.Read(b)
		return toErrno(err)
	}
	for len(b) > 0 {
		n, err := unix.Getrandom(b, 0)
		if err != nil && toErrno(err) != toErrno(unix.EINTR) {
			return toErrno(err)
		}
		b = b[max(n, 0):]
	}
	return success
}
