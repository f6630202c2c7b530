package sdk

import "io"

// lifeline returns a channel that is closed when r ends. The host holds the other end of our standard
// input open and never writes to it: its end means that the host is gone, however it went.
func lifeline(r io.Reader) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, r)
	}()
	return gone
}
