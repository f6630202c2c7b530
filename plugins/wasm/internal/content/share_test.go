package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
)

func TestTheStoreKeepsWithinItsBudget(t *testing.T) {
	s, dir := newStore(t, Options{Bytes: 64 << 10})
	first := put(t, s, bytes.Repeat([]byte("first"), 1000))
	held, err := s.Get(first)
	if err != nil {
		t.Fatal(err)
	}
	var last Digest
	for i := range 40 {
		last = put(t, s, bytes.Repeat([]byte{byte(i)}, 4096))
	}
	if st := s.Stats(); st.Bytes > 64<<10 {
		t.Errorf("%+v: more than the budget", st)
	}
	if s.Missing(first) != nil || s.Missing(last) != nil {
		t.Error("evicted what is in use, or what was just put")
	}
	_ = held.Close()
	for i := range 40 {
		put(t, s, bytes.Repeat([]byte{byte(100 + i)}, 4096))
	}
	if s.Missing(first) == nil {
		t.Error("still there after it was closed and 40 others came")
	}
	if n := len(files(t, dir)); n > 16 {
		t.Errorf("%d files", n)
	}
}

func TestManyPutTheSameAtOnce(t *testing.T) {
	s, dir := newStore(t, Options{})
	other := openStore(t, dir, Options{})
	data := bytes.Repeat([]byte("module"), 50000)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			in := []*Store{s, other}[i%2]
			d, err := in.Put(t.Context(), bytes.NewReader(data), Of(data))
			if err != nil {
				t.Error(err)
				return
			}
			file, err := in.Get(d)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = file.Close() }()
			if got, err := io.ReadAll(file); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if left := files(t, dir); !slices.Equal(left, []string{Of(data).Hex()}) {
		t.Errorf("left %q", left)
	}
}

// endlessPut puts a module that never ends, and says when it is well on its way.
func endlessPut() int {
	s, err := Open(os.Args[2], Options{Module: 1 << 40})
	if err == nil {
		_, err = s.Put(context.Background(), &endless{}, "")
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func TestAPutThatWasKilledLeavesNothing(t *testing.T) {
	s, dir := newStore(t, Options{})
	kept := put(t, s, []byte("kept"))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "endless-put", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("underway"))); err != nil {
		t.Fatal(err)
	}
	// Opened while the other lives, its draft stays; opened after its death, it goes.
	openStore(t, dir, Options{})
	if n := len(files(t, dir)); n != 2 {
		t.Errorf("%d files while the other process puts, want its draft too", n)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	openStore(t, dir, Options{})
	if left := files(t, dir); !slices.Equal(left, []string{kept.Hex()}) {
		t.Errorf("left %q", left)
	}
}
