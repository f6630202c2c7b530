package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSecondSignal returns a context that lives on after the first signal to end, and ends at the
// second. The function it returns gives signals back their usual effect.
func untilSecondSignal(ctx context.Context) (context.Context, func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	force, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	go func() {
		for range 2 {
			select {
			case <-signals:
			case <-force.Done():
				return
			}
		}
		cancel(errInterrupted)
	}()
	return force, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
