package image

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// plain is an image of nothing.
func plain(t testing.TB) *Image {
	t.Helper()
	f, err := memfile.Of("nothing", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	return &Image{users: 1, load: wire.Load{Module: f}}
}

// closed reports whether the image's files are closed, which they must be once and only once.
func (i *Image) closed() bool {
	_, err := i.load.Module.Stat()
	return err != nil
}

func TestManyWaitForOneMaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, image := newMakings(), plain(t)
		calls := 0
		maker := func(context.Context) (*Image, From, error) {
			calls++
			time.Sleep(time.Minute)
			return image, FromCompiler, nil
		}
		var crowd sync.WaitGroup
		for range 10 {
			crowd.Go(func() {
				i, from, err := s.wait(t.Context(), "a", maker)
				if err != nil || i != image || from != FromCompiler || i.closed() {
					t.Errorf("got %v, %s, %v", i, from, err)
					return
				}
				i.Close()
			})
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := s.wait(impatient, "a", maker); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who does not wait gets %v", err)
		}
		crowd.Wait()
		if calls != 1 || !image.closed() {
			t.Errorf("it was made %d times; closed %t", calls, image.closed())
		}
		s.close()
	})
}

func TestMakingThatNobodyWaitsForEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMakings()
		var ended error
		maker := func(ctx context.Context) (*Image, From, error) {
			<-ctx.Done()
			ended = context.Cause(ctx)
			return nil, "", ended
		}
		for range 2 { // one who comes after the end of the first is not given its error
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, _, err := s.wait(ctx, "a", maker); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
			synctest.Wait()
			if ended == nil {
				t.Error("the making goes on")
			}
			ended = nil
		}
		s.close()
	})
}

// The image may come in the moment in which the last one gives up.
func TestImageThatComesTooLateIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, image := newMakings(), plain(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := s.wait(ctx, "a", func(ctx context.Context) (*Image, From, error) {
			<-ctx.Done()
			return image, FromCompiler, nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if !image.closed() {
			t.Error("nobody closed it")
		}
		s.close()
	})
}

func TestMakingInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, image := newMakings(), plain(t)
		calls, told := 0, error(nil)
		begin := func(name string, err error) {
			s.begin(name, func(ctx context.Context) (*Image, From, error) {
				calls++
				select {
				case <-time.After(time.Minute):
				case <-ctx.Done():
					return nil, "", context.Cause(ctx)
				}
				if err != nil {
					return nil, "", err
				}
				return image, FromCompiler, nil
			}, func(err error) { told = err })
		}
		begin("good", nil)
		begin("good", nil) // is the same
		// Somebody who waits a while does not end it.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, _ = s.wait(ctx, "good", nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if calls != 1 || !image.closed() {
			t.Errorf("it was made %d times; closed %t", calls, image.closed())
		}
		for _, refusal := range []error{errors.New("busy"), &RefusedError{Reasons: []string{"never"}}} {
			calls = 0
			for range 3 {
				begin("bad", refusal)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
			}
			if want := map[bool]int{true: 1, false: 3}[errors.As(refusal, new(*RefusedError))]; calls != want || !errors.Is(told, refusal) {
				t.Errorf("%v: it was tried %d times, want %d, and told %v", refusal, calls, want, told)
			}
		}
		begin("late", nil)
		s.close()
		told = nil
		begin("later", nil)
		if _, _, err := s.wait(t.Context(), "later", nil); !errors.Is(err, errClosed) || told != nil {
			t.Errorf("after close: %v, %v", err, told)
		}
	})
}

func TestShelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(time.Minute)
		put := func(name string) *Image {
			i := plain(t)
			s.put(name, i)
			i.Close()
			return i
		}
		a, b := put("a"), put("b")
		if s.get("c") != nil {
			t.Error("it has what nobody put there")
		}
		time.Sleep(50 * time.Second)
		if got := s.get("a"); got != a || a.closed() {
			t.Error("what was put there is gone")
		}
		time.Sleep(50 * time.Second)
		if a.closed() || !b.closed() {
			t.Errorf("closed are %t, %t, want only the one that nobody asked for", a.closed(), b.closed())
		}
		time.Sleep(5 * time.Minute)
		if s.get("a") != nil || a.closed() {
			t.Error("what is not on the shelf any more is its user's")
		}
		a.Close()
		if !a.closed() {
			t.Error("its last user closed it, and it is open")
		}
		old := put("a")
		if put("a"); !old.closed() {
			t.Error("what was replaced is open")
		}
		s.close()
		if late := put("a"); !late.closed() {
			t.Error("a shelf that is closed took something")
		}
	})
}

func TestImageIsGoneWithItsLastUser(t *testing.T) {
	i := plain(t)
	load, release, err := i.Load()
	if err != nil {
		t.Fatal(err)
	}
	i.Close()
	if i.closed() || load.Module == nil {
		t.Error("it was closed although a worker loads it")
	}
	release()
	if _, _, err := i.Load(); !i.closed() || !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}
