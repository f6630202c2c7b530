package wire

import (
	"bytes"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connected makes both ends, with the module loaded. The worker's is closed when serve returns.
func connected(t *testing.T, serve func(c *Child)) *Parent {
	t.Helper()
	p, file, err := NewParent()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer unix.Close(fd)
		c := NewChild(fd)
		_, files, err := c.Load()
		if err != nil {
			t.Error(err)
			return
		}
		unix.Close(files.Module)
		defer func() { _ = c.shared.close() }()
		if err := c.Ready(Ready{Took: time.Second, Engine: EngineCompiler}); err != nil {
			t.Error(err)
			return
		}
		serve(c)
	}()
	t.Cleanup(func() {
		_ = p.socket.Close()
		<-done
		_ = p.shared.close()
	})
	module, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer module.Close()
	ready, err := p.Load(t.Context(), Load{Module: module})
	if err != nil || ready.Took != time.Second {
		t.Fatalf("ready %+v, %v", ready, err)
	}
	return p
}

// A record is an outlet that keeps everything.
type record struct {
	out  [3]bytes.Buffer
	gaps [3]int64
	call func() // with every output, if set
}

func (r *record) Output(s Stream, p []byte) {
	r.out[s].Write(p)
	if r.call != nil {
		r.call()
	}
}

func (r *record) Gap(s Stream, n int64) { r.gaps[s] += n }
