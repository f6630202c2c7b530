package bolt

import (
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Maker{
		Open: func(t testing.TB, dir string, now func() time.Time) store.Store {
			return open(t, dir, Options{Now: now, Reserve: 4096})
		},
		Durable: true,
	})
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
