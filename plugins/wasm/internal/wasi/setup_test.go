package wasi

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/tetratelabs/wazero/experimental/wazerotest"
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
)

// A bundle is a job whose functions a test calls, and the memory that they use.
type bundle struct {
	*job
	t   *testing.T
	mem *wazerotest.Memory
	dir string    // of the host, descriptor 3 of the guest
	out [3]string // what was written
}

// setup begins a job with a mount and o.
func setup(t *testing.T, o Options) *bundle {
	t.Helper()
	b := &bundle{t: t, mem: wazerotest.NewMemory(wazerotest.PageSize), dir: t.TempDir()}
	fd, err := unix.Open(b.dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if o.Tree, err = fsys.New([]fsys.Mount{{Guest: "/", Dir: fd, Writable: true, Links: true}}, fsys.Options{Open: 4}); err != nil {
		t.Fatal(err)
	}
	if o.Stdin == 0 {
		o.Stdin = -1
	}
	o.Output = func(stream int, p []byte) error {
		b.out[stream] += string(p)
		return nil
	}
	h := &Host{}
	h.Begin(o)
	b.job = h.job
	t.Cleanup(func() {
		h.End()
		o.Tree.Close()
	})
	return b
}

// do calls a function by its name.
func (b *bundle) do(name string, args ...uint64) Errno {
	b.t.Helper()
	for _, f := range functions {
		if f.name == name {
			if len(args) != len(f.params) {
				b.t.Fatalf("%s takes %d arguments, not %d", name, len(f.params), len(args))
			}
			return f.call(b.job, memory{Memory: b.mem, there: true}, args)
		}
	}
	b.t.Fatalf("no function %s", name)
	return 0
}

// want calls a function and compares its answer.
func (b *bundle) want(wanted Errno, name string, args ...uint64) {
	b.t.Helper()
	if got := b.do(name, args...); got != wanted {
		b.t.Errorf("%s%v: errno %d, want %d", name, args, got, wanted)
	}
}

// put writes a text to memory and returns its length.
func (b *bundle) put(at uint32, text string) uint64 {
	b.mem.WriteString(at, text)
	return uint64(len(text))
}

// vector makes an array of one buffer at 512, of which the bytes are at 1024.
func (b *bundle) vector(n uint32) (at, count uint64) {
	b.mem.WriteUint32Le(512, 1024)
	b.mem.WriteUint32Le(516, n)
	return 512, 1
}

func (b *bundle) u32(at uint32) uint64 {
	v, _ := b.mem.ReadUint32Le(at)
	return uint64(v)
}

// open opens a path of the mount and returns its descriptor.
func (b *bundle) open(path string, oflags uint64, r rights) uint64 {
	b.t.Helper()
	b.want(success, "path_open", 3, 0, 256, b.put(256, path), oflags, uint64(r), 0, 0, 300)
	return b.u32(300)
}

// An event is what poll_oneoff told.
type event struct {
	userdata uint64
	errno    Errno
	kind     byte
	bytes    uint64
	flags    uint16
}

// poll waits for subscriptions.
func (b *bundle) poll(subs ...[]byte) []event {
	b.t.Helper()
	const in, out = 4096, 16384
	for i, s := range subs {
		b.mem.Write(uint32(in+i*subscriptionSize), s)
	}
	b.want(success, "poll_oneoff", in, out, uint64(len(subs)), 300)
	var events []event
	for i := range b.u32(300) {
		raw, _ := b.mem.Read(uint32(out+i*eventSize), eventSize)
		events = append(events, event{
			binary.LittleEndian.Uint64(raw), Errno(binary.LittleEndian.Uint16(raw[8:])), raw[10],
			binary.LittleEndian.Uint64(raw[16:]), binary.LittleEndian.Uint16(raw[24:]),
		})
	}
	return events
}

// onClock and onFile make subscriptions.
func onClock(userdata uint64, clock uint32, timeout int64, flags uint16) []byte {
	s := make([]byte, subscriptionSize)
	binary.LittleEndian.PutUint64(s, userdata)
	binary.LittleEndian.PutUint32(s[16:], clock)
	binary.LittleEndian.PutUint64(s[24:], uint64(timeout))
	binary.LittleEndian.PutUint16(s[40:], flags)
	return s
}

func onFile(userdata uint64, kind byte, fd uint32) []byte {
	s := make([]byte, subscriptionSize)
	binary.LittleEndian.PutUint64(s, userdata)
	s[8] = kind
	binary.LittleEndian.PutUint32(s[16:], fd)
	return s
}

// pipe returns a pipe whose reading end is a descriptor that the job closes.
func pipe(t *testing.T) (read int, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	w = os.NewFile(uintptr(fds[1]), "pipe")
	t.Cleanup(func() { w.Close() })
	return fds[0], w
}
