package memory_test

import (
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/memory"
	"github.com/soltihq/solti-host/host/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Maker{
		Open: func(_ testing.TB, _ string, now func() time.Time) store.Store { return memory.New(now) },
	})
}
