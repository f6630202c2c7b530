package wire

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// hostile runs a job at a worker that does as it likes.
func hostile(t *testing.T, do func(c *Child)) error {
	t.Helper()
	p := connected(t, func(c *Child) {
		if _, _, err := c.Next(); err != nil {
			t.Error(err)
		}
		do(c)
	})
	_, err := p.Run(Job{}, &record{}, Limit{})
	return err
}

func TestHostileWorkers(t *testing.T) {
	say := func(b ...byte) func(c *Child) { return func(c *Child) { _ = c.send(b) } }
	record := func(word uint32, head uint64) func(c *Child) {
		return func(c *Child) {
			binary.LittleEndian.PutUint32(c.shared.ring[:], word)
			c.shared.words.head.Store(head)
			_ = c.send([]byte{byte(kindBell)})
		}
	}
	for name, do := range map[string]func(c *Child){
		"unknown message":         say(99),
		"ready again":             say(Ready{}.encode().b...),
		"status cut short":        say(byte(kindStatus), 1),
		"status with more":        say(append(Status{End: Exited}.encode().b, 0)...),
		"end unknown":             say(Status{End: 9}.encode().b...),
		"bell with more":          say(byte(kindBell), 1),
		"head too far":            record(0, ringSize+4),
		"head backwards":          record(0, 1<<64-4),
		"head between words":      record(0, 3),
		"stream unknown":          record(7|4<<8, 8),
		"record without bytes":    record(1, 8),
		"record longer than ring": record(1|1<<30, 8),
		"record longer than head": record(1|5<<8, 8),
		"record too long":         record(1|(MaxOutput+1)<<8, ringSize),
	} {
		t.Run(name, func(t *testing.T) {
			if err := hostile(t, do); !errors.Is(err, ErrProtocol) {
				t.Errorf("run: %v, want ErrProtocol", err)
			}
		})
	}
}

// What a worker writes where only the plugin should does not lead the plugin astray.
func TestWorkerChangesTheTail(t *testing.T) {
	err := hostile(t, func(c *Child) {
		_ = c.Write(Stdout, []byte("x"))
		c.shared.words.tail.Store(1 << 40)
		c.shared.words.idle.Store(7)
		c.shared.words.full.Store(7)
		_ = c.send([]byte{byte(kindBell)})
		_ = c.send(Status{End: Exited}.encode().b)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDescriptorsOfAWorkerAreNotReceived(t *testing.T) {
	err := hostile(t, func(c *Child) {
		_ = unix.Sendmsg(c.fd, Status{End: Exited}.encode().b, unix.UnixRights(c.fd), nil, 0)
	})
	if err != nil {
		t.Error(err)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add(Status{End: Trapped, Trap: Trap{Kind: TrapMemory, Message: "m", Frames: []Frame{{"f", "s"}}}}.encode().b[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Status
		if s.decode(&decoder{b: b}) == nil {
			var again Status
			if err := again.decode(&decoder{b: s.encode().b[1:]}); err != nil {
				t.Errorf("%+v is not read again: %v", s, err)
			}
		}
		if len(s.Trap.Frames) > MaxFrames {
			t.Errorf("%d frames", len(s.Trap.Frames))
		}
	})
}

func FuzzJob(f *testing.F) {
	e, _, _ := Job{Args: []string{"a"}, Mounts: []Mount{}, Seeded: true}.encode()
	f.Add(e.b[1:])
	f.Fuzz(func(_ *testing.T, b []byte) {
		var j Job
		_, _ = j.decode(&decoder{b: b})
		var l Load
		_, _, _ = l.decode(&decoder{b: b})
		var r Ready
		_ = r.decode(&decoder{b: b})
	})
}

// FuzzRing lets a worker write anything into the shared memory.
func FuzzRing(f *testing.F) {
	f.Add([]byte{1, 4, 0, 0, 'a', 'b', 'c', 'd'}, uint64(8), uint64(0))
	f.Add([]byte{0x81, 8, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}, uint64(12), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, head, tail uint64) {
		s := &shared{words: &words{}, ring: new([ringSize]byte)}
		copy(s.ring[:], b)
		s.words.head.Store(head)
		s.words.tail.Store(tail)
		taker := taker{shared: s}
		buf := make([]byte, MaxOutput)
		for range ringSize {
			got, err := taker.take(buf)
			if got.stream == 0 || err != nil {
				return
			}
		}
		t.Error("no end of records")
	})
}
