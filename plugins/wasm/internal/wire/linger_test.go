package wire

import (
	"io"
	"os"
	"runtime"
	"testing"
)

// TestAWaitingChildLetsGo has a child wait for its first message while the garbage is
// collected, which needs every processor.
func TestAWaitingChildLetsGo(t *testing.T) {
	parent, child, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Close() }()
	fds, err := numbers([]*os.File{child})
	if err != nil {
		t.Fatal(err)
	}
	loaded := make(chan error, 1)
	go func() {
		_, _, err := NewChild(fds[0]).Load()
		loaded <- err
	}()
	for range 20 {
		runtime.GC()
	}
	_ = parent.Close()
	if err := <-loaded; err != io.EOF { //nolint:errorlint // as it is documented
		t.Errorf("load: %v, want EOF", err)
	}
}
