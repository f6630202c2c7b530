package image

import (
	"context"
	"errors"
	"sync"
)

// errClosed is what those get who wait for an image when the studio closes.
var errClosed = errors.New("no module is made ready any more")

// makings are the images that are being made, each once, however many wait for it.
type makings struct {
	work sync.WaitGroup // added to under mu and before closed

	mu       sync.Mutex
	byName   map[string]*making // guarded by mu; those that can be joined
	hopeless map[string]bool    // guarded by mu; names of which nothing will ever come
	all      map[*making]bool   // guarded by mu
	closed   bool               // guarded by mu
}

// maxHopeless bounds how many names are remembered.
const maxHopeless = 1024

// A making is one image on its way. It is given up when nobody waits for it any more, unless it is wanted
// all the same.
type making struct {
	cancel context.CancelCauseFunc
	done   chan struct{}

	image *Image // set before done is closed; has one user as long as somebody waits
	from  From   // likewise
	err   error  // likewise

	waiting int  // guarded by makings.mu
	wanted  bool // guarded by makings.mu
}

type maker func(ctx context.Context) (*Image, From, error)

func newMakings() *makings {
	return &makings{byName: map[string]*making{}, hopeless: map[string]bool{}, all: map[*making]bool{}}
}

// wait returns what the maker makes, for this caller and all who wait for the same name.
func (s *makings) wait(ctx context.Context, name string, maker maker) (*Image, From, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, "", errClosed
	}
	m := s.join(name, maker, nil)
	m.waiting++
	s.mu.Unlock()
	select {
	case <-m.done:
		return s.land(m)
	case <-ctx.Done():
		s.leave(m, name)
		return nil, "", context.Cause(ctx)
	}
}

// begin has the maker make an image for which nobody waits. Failed is told why nothing came of it; if that will
// always be so, it is not tried again.
func (s *makings) begin(name string, maker maker, failed func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.hopeless[name] {
		return
	}
	s.join(name, maker, failed).wanted = true
}

// join returns the making of that name, which begins if there is none. The caller holds mu.
func (s *makings) join(name string, maker maker, failed func(error)) *making {
	if m := s.byName[name]; m != nil {
		return m
	}
	m := &making{done: make(chan struct{})}
	var ctx context.Context
	ctx, m.cancel = context.WithCancelCause(context.Background())
	s.byName[name], s.all[m] = m, true
	s.work.Go(func() {
		image, from, err := maker(ctx)
		s.finish(m, name, image, from, err)
		if err != nil && failed != nil && ctx.Err() == nil {
			failed(err)
		}
		m.cancel(nil)
	})
	return m
}

// finish hands the image to those who wait.
func (s *makings) finish(m *making, name string, image *Image, from From, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, m)
	if s.byName[name] == m {
		delete(s.byName, name)
	}
	if errors.As(err, new(*RefusedError)) && m.wanted {
		if len(s.hopeless) >= maxHopeless {
			clear(s.hopeless)
		}
		s.hopeless[name] = true
	}
	m.image, m.from, m.err = image, from, err
	if m.waiting == 0 && image != nil {
		image.Close()
	}
	close(m.done)
}

// land returns what was made to one who waited for it.
func (s *makings) land(m *making) (*Image, From, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.waiting--
	if m.err != nil {
		return nil, "", m.err
	}
	if m.waiting > 0 {
		m.image.hold() // the last one takes over the user that is there
	}
	return m.image, m.from, nil
}

// leave gives up waiting.
func (s *makings) leave(m *making, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.waiting--
	if m.waiting > 0 {
		return
	}
	select {
	case <-m.done:
		if m.image != nil {
			m.image.Close()
		}
		return
	default:
	}
	if m.wanted {
		return
	}
	if s.byName[name] == m {
		delete(s.byName, name)
	}
	m.cancel(context.Canceled)
}

// close ends all makings and waits until they have.
func (s *makings) close() {
	s.mu.Lock()
	s.closed = true
	for m := range s.all {
		m.cancel(errClosed)
	}
	s.mu.Unlock()
	s.work.Wait()
}
