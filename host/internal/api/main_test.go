package api

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("API_TEST_DIAL"); path != "" {
		os.Exit(dialAsStranger(path))
	}
	goleak.VerifyTestMain(m)
}
