package wasi

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// listen returns a listener's address and a descriptor of it.
func listen(t *testing.T) (string, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := -1
	c, _ := f.SyscallConn()
	_ = c.Control(func(from uintptr) { fd, err = unix.Dup(int(from)) })
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), fd
}

func TestSockets(t *testing.T) {
	address, fd := listen(t)
	b := setup(t, Options{Listeners: []Listener{{Name: "http", FD: fd}}})
	const listener = 4
	b.want(success, "fd_fdstat_set_flags", listener, flagNonblock)
	b.want(eAgain, "sock_accept", listener, 0, 300)
	b.want(success, "fd_fdstat_set_flags", listener, 0)

	peer, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if got := b.poll(onFile(1, eventFdRead, listener)); len(got) != 1 || got[0].errno != success {
		t.Errorf("events %+v", got)
	}
	b.want(success, "sock_accept", listener, flagNonblock, 300)
	conn := b.u32(300)

	buf, n := b.vector(16)
	b.want(eAgain, "sock_recv", conn, buf, n, 0, 300, 304)
	if _, err := peer.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if got := b.poll(onFile(1, eventFdRead, uint32(conn))); len(got) != 1 || got[0].bytes != 4 {
		t.Errorf("events %+v, want 4 bytes", got)
	}
	b.want(success, "sock_recv", conn, buf, n, recvPeek, 300, 304)
	b.want(success, "fd_read", conn, buf, n, 300)
	if text, _ := b.mem.Read(1024, uint32(b.u32(300))); string(text) != "ping" {
		t.Errorf("received %q", text)
	}
	buf, n = b.vector(4)
	b.want(success, "sock_send", conn, buf, n, 0, 300)
	b.want(success, "sock_shutdown", conn, shutSending)
	if got, err := io.ReadAll(peer); string(got) != "ping" {
		t.Errorf("sent %q, %v", got, err)
	}
	b.want(toErrno(unix.EPIPE), "sock_send", conn, buf, n, 0, 300)
	b.want(success, "fd_close", conn)
	b.want(eBadf, "sock_recv", conn, buf, n, 0, 300, 304)
}

func TestWhatIsNoSocket(t *testing.T) {
	_, fd := listen(t)
	b := setup(t, Options{Listeners: []Listener{{FD: fd}}})
	buf, n := b.vector(4)
	for _, fd := range []uint64{0, 1, 3} {
		b.want(eNotsock, "sock_accept", fd, 0, 300)
		b.want(eNotsock, "sock_recv", fd, buf, n, 0, 300, 304)
		b.want(eNotsock, "sock_send", fd, buf, n, 0, 300)
		b.want(eNotsock, "sock_shutdown", fd, 1)
	}
	b.want(eInval, "sock_recv", 4, buf, n, 0, 300, 304)
	b.want(eBadf, "sock_accept", 99, 0, 300)
}

func TestConnectionsAreCounted(t *testing.T) {
	address, fd := listen(t)
	b := setup(t, Options{Listeners: []Listener{{FD: fd}}}) // 4 may be open
	for i := range 5 {
		peer, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		want := success
		if i == 4 {
			want = toErrno(unix.EMFILE)
		}
		b.want(want, "sock_accept", 4, 0, 300)
	}
}
