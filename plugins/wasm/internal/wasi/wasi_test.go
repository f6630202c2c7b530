package wasi

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/experimental/wazerotest"
	"github.com/tetratelabs/wazero/sys"
	"golang.org/x/sys/unix"
)

func TestReadlinkIsCutToTheBuffer(t *testing.T) {
	b := setup(t, Options{})
	if err := os.Symlink("target", filepath.Join(b.dir, "link")); err != nil {
		t.Fatal(err)
	}
	n := b.put(256, "link")
	for _, size := range []uint64{0, 3, 6, 100} {
		b.want(success, "path_readlink", 3, 256, n, 1024, size, 300)
		if got, _ := b.mem.Read(1024, uint32(b.u32(300))); string(got) != "target"[:min(size, 6)] {
			t.Errorf("%d bytes: %q", size, got)
		}
	}
	b.want(eInval, "path_readlink", 3, 256, b.put(256, "."), 1024, 10, 300)
}

func TestRenumber(t *testing.T) {
	b := setup(t, Options{})
	fd := b.open("file", openCreate, fileRights)
	b.want(eBadf, "fd_renumber", fd, 99)
	b.want(eBadf, "fd_renumber", 99, fd)
	b.want(success, "fd_renumber", fd, fd)
	b.want(success, "fd_renumber", fd, 1)
	b.want(eBadf, "fd_close", fd)
	b.put(1024, "text")
	buf, n := b.vector(4)
	b.want(success, "fd_write", 1, buf, n, 300)
	if got, _ := os.ReadFile(filepath.Join(b.dir, "file")); string(got) != "text" || b.out[1] != "" {
		t.Errorf("file has %q, stdout %q", got, b.out[1])
	}
	b.want(success, "fd_renumber", 1, 3) // a mount
	b.want(eBadf, "fd_prestat_get", 3, 300)
}

func TestRightsCanOnlyShrink(t *testing.T) {
	b := setup(t, Options{})
	fd := b.open("file", openCreate, rightFdRead|rightFdWrite)
	b.want(eNotcapable, "fd_fdstat_set_rights", fd, 1<<40, 0)
	b.want(success, "fd_fdstat_set_rights", fd, uint64(rightFdSeek), 0)
	buf, n := b.vector(4)
	b.want(eNotcapable, "fd_read", fd, buf, n, 300)
	b.want(eNotcapable, "fd_write", fd, buf, n, 300)
	b.want(eNotcapable, "fd_fdstat_set_rights", fd, uint64(rightFdRead), 0)
	b.want(success, "fd_seek", fd, 0, 0, 304)
}

func TestFlagsAreKept(t *testing.T) {
	b := setup(t, Options{})
	const flags = flagAppend | flagSync | flagNonblock
	b.want(success, "path_open", 3, 0, 256, b.put(256, "file"), openCreate, uint64(fileRights), 0, flags, 300)
	fd := b.u32(300)
	b.want(success, "fd_fdstat_get", fd, 1024)
	if got, _ := b.mem.ReadUint16Le(1026); got != flags {
		t.Errorf("flags %b, want %b", got, flags)
	}
	b.want(eInval, "fd_fdstat_set_flags", fd, 0) // sync cannot be taken away
	b.want(success, "fd_fdstat_set_flags", fd, flagSync)
	b.want(eInval, "path_open", 3, 0, 256, 4, openCreate, uint64(fileRights), 0, 1<<9, 300)
}

func TestErrorsOfTheQuotas(t *testing.T) {
	b := setup(t, Options{})
	for range 4 {
		b.open("file", openCreate, fileRights)
	}
	b.want(toErrno(unix.EMFILE), "path_open", 3, 0, 256, 4, 0, 0, 0, 0, 300)
	if toErrno(unix.ENOSPC) != 51 || toErrno(unix.EMFILE) != 33 {
		t.Error("numbers are wrong")
	}
}

func TestSeedDecides(t *testing.T) {
	var got [3]string
	for i, seed := range []*[32]byte{{1}, {1}, nil} {
		b := setup(t, Options{Seed: seed})
		b.want(success, "random_get", 1024, 1000)
		raw, _ := b.mem.Read(1024, 1000)
		got[i] = string(raw)
	}
	if got[0] != got[1] || got[0] == got[2] || got[2] == strings.Repeat("\x00", 1000) {
		t.Error("random bytes are wrong")
	}
}

func TestExit(t *testing.T) {
	b := setup(t, Options{})
	defer func() {
		var exit *sys.ExitError
		if err, ok := recover().(error); !ok || !errors.As(err, &exit) || exit.ExitCode() != 1<<32-1 {
			t.Errorf("left with %v", err)
		}
	}()
	b.do("proc_exit", 1<<32-1)
}

func TestSignatures(t *testing.T) {
	all := Signatures()
	if len(all) != 46 {
		t.Errorf("%d functions, want 46", len(all))
	}
	for name, want := range map[string]string{
		"sched_yield": "() -> i32", "proc_exit": "(i32)", "fd_seek": "(i32, i64, i32, i32) -> i32",
	} {
		if all[name] != want {
			t.Errorf("%s is %s, want %s", name, all[name], want)
		}
	}
}

// FuzzCalls calls any function with anything. None may panic, but proc_exit.
func FuzzCalls(f *testing.F) {
	for i := range functions {
		f.Add(uint8(i), uint64(3), uint64(256), uint64(4), uint64(1024), uint64(1<<32-1), uint64(0), uint64(8), uint64(300))
	}
	f.Fuzz(func(t *testing.T, which uint8, a0, a1, a2, a3, a4, a5, a6, a7 uint64) {
		fn := functions[int(which)%len(functions)]
		if fn.name == "proc_exit" || fn.name == "poll_oneoff" && a2 > 0 && a2 < 1000 { // which could wait
			return
		}
		b := setup(t, Options{})
		b.put(256, "file/../x")
		b.vector(16)
		args := []uint64{a0, a1, a2, a3, a4, a5, a6, a7, a1}
		for i, p := range fn.params {
			if p == 'i' {
				args[i] &= 1<<32 - 1
			}
		}
		if fn.name == "fd_allocate" || fn.name == "fd_filestat_set_size" {
			args[1], args[2] = args[1]&0xffff, args[2]&0xffff
		}
		fn.call(b.job, memory{Memory: b.mem, there: true}, args)
		fn.call(b.job, memory{Memory: (*wazerotest.Memory)(nil)}, args)
	})
}
