package wire

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// numbered writes n bytes to stdout in small pieces; each byte says where it is.
func numbered(t *testing.T, c *Child, from, n int) {
	var piece [64]byte
	for at := from; at < from+n; {
		p := piece[:min(len(piece), from+n-at)]
		for i := range p {
			p[i] = byte((at + i) % 251)
		}
		if err := c.Write(Stdout, p); err != nil {
			t.Error(err)
			return
		}
		at += len(p)
	}
}

// A placed is an outlet that checks that what comes is where it belongs.
type placed struct {
	t    *testing.T
	at   int64
	kept int64
	gaps int
}

func (o *placed) Output(_ Stream, p []byte) {
	for i, b := range p {
		if want := byte((o.at + int64(i)) % 251); b != want {
			o.t.Fatalf("byte %d is %d, want %d", o.at+int64(i), b, want)
		}
	}
	o.at += int64(len(p))
	o.kept += int64(len(p))
}

func (o *placed) Gap(_ Stream, n int64) {
	o.at += n
	o.gaps++
}

// What is beyond the number of bytes is discarded by the worker: it hardly passes the plugin.
func TestPluginSpendsNothingOnWhatIsDropped(t *testing.T) {
	const kept, total = 10_000, 256 << 20
	for _, over := range []Over{Block, Drop} {
		p := connected(t, func(c *Child) {
			if _, _, err := c.Next(); err != nil {
				t.Error(err)
			}
			numbered(t, c, 0, 1<<20)
			for n := 1 << 20; n < total; n += 1 << 20 {
				_ = c.Write(Stdout, make([]byte, 1<<20))
			}
			_ = c.Status(Status{End: Exited})
		})
		out := &placed{t: t}
		if _, err := p.Run(Job{}, out, Limit{Bytes: kept, Over: over}); err != nil {
			t.Fatal(err)
		}
		if out.kept != kept || out.at != total {
			t.Errorf("%v: %d bytes kept and %d dropped, want %d and %d", over, out.kept, out.at-out.kept, kept, total-kept)
		}
		if p.taker.tail > 3*ringSize {
			t.Errorf("%v: %d bytes went through the ring", over, p.taker.tail)
		}
	}
}

// Beyond a rate there are few gaps, each where the bytes are missing.
func TestGapsAreFewAndInPlace(t *testing.T) {
	const rate = 100_000
	began := time.Now()
	sent := 0
	p := connected(t, func(c *Child) {
		if _, _, err := c.Next(); err != nil {
			t.Error(err)
		}
		for time.Since(began) < 1200*time.Millisecond {
			numbered(t, c, sent, 4000)
			sent += 4000
		}
		_ = c.Status(Status{End: Exited})
	})
	out := &placed{t: t}
	if _, err := p.Run(Job{}, out, Limit{Rate: rate, Over: Drop}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if out.at != int64(sent) {
		t.Errorf("%d bytes of %d are accounted for", out.at, sent)
	}
	if most := int64(rate*(1+took.Seconds())) + 1; out.kept < rate || out.kept > most {
		t.Errorf("%d bytes came in %v, want %d to %d", out.kept, took, rate, most)
	}
	if most := 2 + int(took/stretch); out.gaps < 1 || out.gaps > most {
		t.Errorf("%d gaps in %v, want 1 to %d", out.gaps, took, most)
	}
}

// A guest that is killed in the middle has all that it lost counted; the next job of the worker begins anew.
func TestDiscardedIsCountedToTheEnd(t *testing.T) {
	p := connected(t, func(c *Child) {
		for range 2 {
			if _, _, err := c.Next(); err != nil {
				t.Error(err)
			}
			numbered(t, c, 0, 500_000)
			_ = c.Status(Status{End: Exited})
		}
		if _, _, err := c.Next(); err != nil {
			t.Error(err)
		}
		numbered(t, c, 0, 1_000_000)
	})
	for _, total := range []int64{500_000, 500_000, 1_000_000} {
		out := &placed{t: t}
		_, err := p.Run(Job{}, out, Limit{Bytes: 1000})
		if gone := errors.Is(err, ErrGone); gone != (total == 1_000_000) || err != nil && !gone {
			t.Fatal(err)
		}
		if out.kept != 1000 || out.at != total {
			t.Errorf("%d bytes kept, %d in all; want 1000 and %d", out.kept, out.at, total)
		}
	}
}

// While a guest goes on for long, the gap is told from time to time.
func TestLongGapsAreToldMeanwhile(t *testing.T) {
	told := make(chan struct{})
	p := connected(t, func(c *Child) {
		if _, _, err := c.Next(); err != nil {
			t.Error(err)
		}
		numbered(t, c, 0, 5000)
		<-told
		_ = c.Status(Status{End: Exited})
	})
	out := &telling{told: told}
	if _, err := p.Run(Job{}, out, Limit{Bytes: 1000}); err != nil {
		t.Fatal(err)
	}
	if out.gaps[Stdout] != 4000 {
		t.Errorf("%d bytes dropped, want 4000", out.gaps[Stdout])
	}
}

type telling struct {
	record
	told chan struct{}
}

func (o *telling) Gap(s Stream, n int64) {
	if o.record.Gap(s, n); o.told != nil {
		close(o.told)
		o.told = nil
	}
}

func TestWorkersThatLieAboutGaps(t *testing.T) {
	mark := func(c *Child, total uint64) {
		c.shared.put(Stdout|marked, binary.LittleEndian.AppendUint64(nil, total))
		_ = c.send([]byte{byte(kindBell)})
	}
	for name, do := range map[string]func(c *Child){
		"not asked":   func(c *Child) { mark(c, 1) },
		"mark cut":    func(c *Child) { c.shared.put(Stdout|marked, make([]byte, 4)); _ = c.send([]byte{byte(kindBell)}) },
		"too many":    func(c *Child) { c.Counter(StdoutDiscarded).Store(1 << 63); _ = c.Status(Status{End: Exited}) },
		"too many, 2": func(c *Child) { numbered(t, c, 0, 2000); mark(c, 1<<63) },
		"backwards":   func(c *Child) { numbered(t, c, 0, 2000); mark(c, 7); mark(c, 6) },
	} {
		p := connected(t, func(c *Child) {
			if _, _, err := c.Next(); err != nil {
				t.Error(err)
			}
			do(c)
		})
		if _, err := p.Run(Job{}, &record{}, Limit{Bytes: 1000}); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v, want ErrProtocol", name, err)
		}
	}
}
