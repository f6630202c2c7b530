package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// settling is how long a guest or a program goes on before it is killed.
const settling = 5 * time.Millisecond

// stopping times, for programs that go on in every way there is, from the kill until the process is
// reaped, beside a native program that counts, or fills as much memory.
func stopping(k *kit) error {
	b := k.binaries[0]
	p := pool.New(b.spawner, pool.Options{})
	defer p.Close()
	var images []*image
	k.table("kill until reaped, in ms", "what", "p50", "p90", "max", "native p50", "p50 ratio")
	for _, shape := range moduletest.Shapes() {
		if k.short && shape.Name == "huge-fill" {
			shape.Wasm = moduletest.Fill(64 << 20)
		}
		i, err := k.image(b, shape.Wasm)
		if err != nil {
			return fmt.Errorf("%s: %w", shape.Name, err)
		}
		i.load.Pages = maxPages
		images = append(images, i)
		peer, name := k.spin, shape.Name
		if name == "huge-fill" && k.fill != "" { // most of its end is that of its memory
			peer, name = k.fill, "huge-fill, and a native one"
		}
		var took, native []time.Duration
		for range k.size(40, 2) {
			d, err := k.killNative(peer)
			if err != nil {
				return err
			}
			native = append(native, d)
			if d, err = k.killGuest(p, i); err != nil {
				return fmt.Errorf("%s: %w", shape.Name, err)
			}
			took = append(took, d)
		}
		k.row(name, millis(took, 0.5), millis(took, 0.9), millis(took, 1), millis(native, 0.5), millis(took, 0.5)/millis(native, 0.5))
	}
	return k.others(images)
}

// killNative starts a native program that does not end by itself, and ends it.
func (k *kit) killNative(path string) (time.Duration, error) {
	p, err := k.binaries[0].spawner.Start(&spawn.Command{Path: path})
	if err != nil {
		return 0, err
	}
	time.Sleep(settling)
	began := time.Now()
	if !p.Stop(time.Minute) {
		return 0, errors.New("it does not end")
	}
	return time.Since(began), nil
}

// killGuest starts a guest that does not end by itself, and ends it.
func (k *kit) killGuest(p *pool.Pool, i *image) (time.Duration, error) {
	job, done, err := endless()
	if err != nil {
		return 0, err
	}
	defer done()
	w, err := p.Take(k.ctx, i, "")
	if err != nil {
		return 0, err
	}
	out := &sink{first: make(chan struct{})}
	over := make(chan error, 1)
	go func() {
		_, _, err := w.Run(job, out, wire.Limit{})
		over <- err
	}()
	select {
	case <-out.first:
	case <-time.After(10 * settling): // what loops before it is started cannot say so
	}
	time.Sleep(settling)
	began := time.Now()
	w.Kill()
	err = <-over
	took := time.Since(began)
	var crash *pool.CrashError
	if !errors.As(err, &crash) || !crash.Killed {
		return 0, fmt.Errorf("the guest was not killed: %w", err)
	}
	return took, nil
}

// endless is a job with a stdin that stays open, and a listener to which nobody connects.
func endless() (wire.Job, func(), error) {
	stdin, hold, err := os.Pipe()
	if err != nil {
		return wire.Job{}, nil, err
	}
	closeAll := func() { _, _ = stdin.Close(), hold.Close() }
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		closeAll()
		return wire.Job{}, nil, err
	}
	defer func() { _ = l.Close() }()
	socket, err := l.File()
	if err != nil {
		closeAll()
		return wire.Job{}, nil, err
	}
	job := wire.Job{
		Args: []string{"guest"}, Stdin: stdin, Last: true, Listeners: []wire.Listener{{Name: "l", File: socket}},
	}
	return job, func() { closeAll(); _ = socket.Close() }, nil
}
